//! Directives of a `server` block: what holds for the whole host, and its locations.

use http::HeaderValue;
use regex::Regex;

use super::builtin_locations;
use super::common_directives::{BlockSettings, REFERRER_POLICY, is_policy};
use super::location_block::{self, LocationRoute};
use super::report::{DirectiveOutcome, SnippetReport};
use super::return_rewrite::{self, RewriteRedirect};
use crate::config::document::{
    ForwardSettings, HeaderSetting, HostSection, HostSettings, RouteActionSection, RouteSection, Setting, Spanned,
};
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::model::LogTarget;
use crate::model::headers::ops::HeaderOp;
use crate::model::host::{HostName, HostPattern};
use crate::model::route::PathMatch;

/// What the text of a host says so far.
pub(super) struct ServerState<'a> {
    plan: &'a ServiceHost,
    patterns: Vec<Regex>,
    block: BlockSettings,
    locations: Vec<LocationRoute>,
    /// A `return` that answers everything.
    answer: Option<Spanned<RouteActionSection>>,
    access_log: Option<Spanned<LogTarget>>,
    /// Another name, and what is answered under it.
    other_name: Option<(Spanned<HostName>, Spanned<RouteActionSection>)>,
    hsts: Setting<HeaderSetting>,
    referrer_policy: Setting<HeaderSetting>,
}

impl<'a> ServerState<'a> {
    /// An empty text for a host with these settings.
    pub(super) fn new(plan: &'a ServiceHost, settings: &HostSettings) -> ServerState<'a> {
        ServerState {
            plan,
            patterns: builtin_locations::patterns(plan),
            block: BlockSettings::default(),
            locations: Vec::new(),
            answer: None,
            access_log: None,
            other_name: None,
            hsts: settings.hsts.clone(),
            referrer_policy: settings.referrer_policy.clone(),
        }
    }

    /// Obeys a directive, and accounts for it.
    pub(super) fn take(&mut self, directive: &NginxDirective, account: &mut SnippetReport) {
        let words = directive.words();
        let outcome = match (directive.name.as_str(), &words[..]) {
            ("location", _) => return self.location(directive, account),
            ("if", words) => return self.condition(directive, words, account),
            ("return", words) => self.answer(directive, return_rewrite::of_return(words, &TEXT, self.plan)),
            ("rewrite", words) => match return_rewrite::of_rewrite(words, self.plan) {
                Ok(rewrite) => self.rewrite(directive, rewrite),
                Err(why) => DirectiveOutcome::Refused(why),
            },
            ("access_log", ["off"]) => {
                self.access_log = Some(said(LogTarget::Off, directive));
                DirectiveOutcome::Applied
            }
            ("add_header", [name, value, ..]) if is_policy(name) => self.policy(directive, name, value),
            ("root" | "index", _) => {
                DirectiveOutcome::no_effect("no location of the package serves files from there")
            }
            _ if directive.inner().is_empty() => self.block.take(directive),
            _ => return account.refuse_all(directive, "this block has no counterpart here"),
        };
        account.note(directive, outcome);
    }

    fn location(&mut self, directive: &NginxDirective, account: &mut SnippetReport) {
        if self.plan.url.path.is_empty() && matches!(directive.words()[..], ["/"] | ["^~", "/"]) {
            return account
                .refuse_all(directive, "the package has this location already, so nginx would not start");
        }
        let Some(location) = location_block::read(directive, self.plan, account) else { return };
        let path = location.route.path.as_set().map(|said| said.value.clone());
        if let Some(PathMatch::Prefix(prefix)) = &path
            && let Some(pattern) = builtin_locations::covering(prefix, &self.patterns)
        {
            let why = format!(
                "the package's own location `~ {pattern}` takes these paths, in nginx too; write `location ^~ {prefix}`"
            );
            account.overrule(directive, &why);
            return;
        }
        self.locations.push(location);
    }

    /// `if ($host = old.example.com) { return 301 …; }`: the first host of an address gets requests for
    /// unknown names, so this is a host of its own.
    fn condition(&mut self, directive: &NginxDirective, words: &[&str], account: &mut SnippetReport) {
        let name = match words {
            ["($host", "=", name] | ["($http_host", "=", name] => name.strip_suffix(')'),
            _ => None,
        };
        let name = name.and_then(|name| HostName::parse(name).ok());
        let (Some(name), [only], Service::Gitlab) = (name, directive.inner(), self.plan.service) else {
            return account.refuse_all(directive, ONLY_CONDITION);
        };
        if only.name != "return" || self.other_name.is_some() || HostPattern::Exact(name.clone()) == self.plan.name
        {
            return account.refuse_all(directive, ONLY_CONDITION);
        }
        account.note_block(directive, |account| {
            match return_rewrite::of_return(&only.words(), &TEXT, self.plan) {
                Ok(action) => {
                    self.other_name = Some((said(name, directive), said(action, only)));
                    account.note(only, DirectiveOutcome::Applied);
                }
                Err(why) => account.note(only, DirectiveOutcome::Refused(why)),
            }
            DirectiveOutcome::Applied
        });
    }

    /// Headers that hosts have settings for. Of two HSTS headers browsers take the first (RFC 6797 section
    /// 8.1), which is the package's; of two referrer policies they take the last.
    fn policy(&mut self, directive: &NginxDirective, name: &str, value: &str) -> DirectiveOutcome {
        let Ok(value) = HeaderValue::from_str(value) else {
            return DirectiveOutcome::refused("a header cannot have this value");
        };
        let policy = Setting::Set(said(HeaderSetting::Send(value), directive));
        if name.eq_ignore_ascii_case(REFERRER_POLICY) {
            self.referrer_policy = policy;
            return DirectiveOutcome::Applied;
        }
        if matches!(self.hsts.value_or(HeaderSetting::Leave), HeaderSetting::Send(_)) {
            return DirectiveOutcome::no_effect(
                "the package sends this header before it, and the first counts; set hsts_max_age",
            );
        }
        self.hsts = policy;
        DirectiveOutcome::Applied
    }

    fn answer(
        &mut self,
        directive: &NginxDirective,
        action: Result<RouteActionSection, String>,
    ) -> DirectiveOutcome {
        match action {
            Ok(action) if self.answer.is_none() => {
                self.answer = Some(said(action, directive));
                DirectiveOutcome::Applied
            }
            Ok(_) => DirectiveOutcome::no_effect("a `return` before it answers everything already"),
            Err(why) => DirectiveOutcome::Refused(why),
        }
    }

    fn rewrite(&mut self, directive: &NginxDirective, rewrite: RewriteRedirect) -> DirectiveOutcome {
        let action = return_rewrite::redirect(rewrite.action, rewrite.status);
        if rewrite.path == PathMatch::PreferredPrefix("/".to_owned()) {
            return self.answer(directive, action);
        }
        let Ok(action) = action else { return DirectiveOutcome::refused("this leads nowhere") };
        let route = route(said(rewrite.path, directive), said(action, directive));
        self.locations.push(LocationRoute { route, has_own_headers: false });
        DirectiveOutcome::Applied
    }

    /// Puts everything into the host. A host of another name may come of it.
    pub(super) fn finish(mut self, host: &mut HostSection) -> Option<HostSection> {
        let other = self.other_name.take().map(|(name, action)| renamed(host, name, action));
        host.settings.hsts = self.hsts;
        host.settings.referrer_policy = self.referrer_policy;
        let forwarding = &mut host.settings.forwarding;
        *forwarding = self.block.forwarding.or(forwarding);
        if let Some(first) = self.block.access.first() {
            let place = first.span.clone();
            forwarding.access = Setting::Set(Spanned { value: self.block.access, span: place });
        }
        if let Some(target) = self.access_log {
            host.settings.access_log = Setting::Set(target);
        }
        if self.locations.iter().any(|location| !is_first(&location.route)) {
            builtin_locations::add_routes(self.plan, &self.patterns, host);
        }
        add_headers(&self.block.added, &mut self.locations, host);
        host.routes.extend(self.locations.into_iter().map(|location| location.route));
        if let Some(answer) = self.answer {
            host.upstream = Setting::Unset;
            let all = Spanned { value: PathMatch::Prefix("/".to_owned()), span: answer.span.clone() };
            host.routes = vec![route(all, answer)];
        }
        other
    }
}

/// Headers of the server hold for all locations but those that have their own. Where there are such, every
/// other route says them itself.
fn add_headers(added: &[Spanned<HeaderOp>], locations: &mut [LocationRoute], host: &mut HostSection) {
    if !locations.iter().any(|location| location.has_own_headers) {
        host.settings.forwarding.response_headers.extend_from_slice(added);
        return;
    }
    let is_all = |route: &RouteSection| matches!(&route.path, Setting::Set(said) if said.value == PathMatch::Prefix("/".to_owned()));
    if let (false, Some(upstream)) = (host.routes.iter().any(is_all), host.upstream.as_set()) {
        let place = &upstream.span;
        let all = Spanned { value: PathMatch::Prefix("/".to_owned()), span: place.clone() };
        let action = Spanned { value: RouteActionSection::Upstream(upstream.value.clone()), span: place.clone() };
        let mut catch_all = route(all, action);
        catch_all.settings = ForwardSettings::default();
        host.routes.push(catch_all);
    }
    let inheriting = locations.iter_mut().filter(|location| !location.has_own_headers).map(|it| &mut it.route);
    for route in host.routes.iter_mut().chain(inheriting) {
        route.settings.response_headers.extend_from_slice(added);
    }
}

/// Whether a location is found before any pattern is looked at.
fn is_first(route: &RouteSection) -> bool {
    let path = route.path.as_set().map(|said| &said.value);
    matches!(path, Some(PathMatch::Exact(_) | PathMatch::PreferredPrefix(_)))
}

/// The same addresses and certificate under another name, with one answer for everything.
fn renamed(host: &HostSection, name: Spanned<HostName>, action: Spanned<RouteActionSection>) -> HostSection {
    let all = Spanned { value: PathMatch::Prefix("/".to_owned()), span: action.span.clone() };
    let mut settings = host.settings.clone();
    settings.redirect_from = Setting::Set(Spanned { value: Vec::new(), span: name.span.clone() });
    settings.forwarding = ForwardSettings::default();
    HostSection {
        span: name.span.clone(),
        name: Setting::Set(Spanned { value: HostPattern::Exact(name.value), span: name.span }),
        aliases: Setting::Unset,
        upstream: Setting::Unset,
        public_port: Setting::Unset,
        acme_challenge_directory: Setting::Unset,
        settings,
        routes: vec![route(all, action)],
        ..host.clone()
    }
}

/// A route of the server itself.
fn route(path: Spanned<PathMatch>, action: Spanned<RouteActionSection>) -> RouteSection {
    let everybody = Spanned { value: Vec::new(), span: action.span.clone() };
    RouteSection {
        span: action.span.clone(),
        path: Setting::Set(path),
        action: Setting::Set(action),
        replace_with: Setting::Unset,
        before_redirect: Setting::Unset,
        // In nginx these answer before access rules are looked at.
        settings: ForwardSettings { access: Setting::Set(everybody), ..ForwardSettings::default() },
    }
}

fn said<T>(value: T, directive: &NginxDirective) -> Spanned<T> {
    Spanned { value, span: directive.span.clone() }
}

/// What nginx sends a text as, where no ending of a path tells better.
const TEXT: HeaderValue = HeaderValue::from_static("application/octet-stream");

const ONLY_CONDITION: &str =
    "only `if ($host = old.example.com) { return 301 …; }` with another name is understood, on GitLab's host";
