//! Lowers `server`-level directives.

use http::HeaderValue;
use regex::Regex;

use super::builtin_locations;
use super::common_directives::{BlockSettings, REFERRER_POLICY, is_policy};
use super::location_block::{self, LocationRoute};
use super::real_ip;
use super::report::{DirectiveOutcome, SnippetReport};
use super::return_rewrite::{self, RewriteRedirect};
use crate::config::document::{
    ClientAddressSection, ForwardSettings, HeaderSetting, HostSection, HostSettings, RouteActionSection,
    RouteSection, Setting, Spanned,
};
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::span::SourceSpan;
use crate::model::LogTarget;
use crate::model::headers::ops::HeaderOp;
use crate::model::host::{HostName, HostPattern};
use crate::model::route::PathMatch;

/// Settings collected from the nginx text of a host.
pub(super) struct ServerState<'a> {
    service_host: &'a ServiceHost,
    patterns: Vec<Regex>,
    block: BlockSettings,
    locations: Vec<LocationRoute>,
    /// Action for all requests (`return`, or `rewrite ^`).
    catch_all: Option<Spanned<RouteActionSection>>,
    access_log: Option<Spanned<LogTarget>>,
    /// Another host name, and the action for its requests.
    other_name: Option<(Spanned<HostName>, Spanned<RouteActionSection>)>,
    client_address: ClientAddressSection,
    /// Span of `proxy_protocol`, if it is true.
    proxy_protocol: Option<SourceSpan>,
    hsts: Setting<HeaderSetting>,
    referrer_policy: Setting<HeaderSetting>,
}

impl<'a> ServerState<'a> {
    /// Returns the state before the first directive, for a host with these settings.
    pub(super) fn new(
        service_host: &'a ServiceHost,
        settings: &HostSettings,
        proxy_protocol: Option<SourceSpan>,
    ) -> ServerState<'a> {
        ServerState {
            service_host,
            patterns: builtin_locations::patterns(service_host),
            block: BlockSettings::default(),
            locations: Vec::new(),
            catch_all: None,
            access_log: None,
            other_name: None,
            client_address: settings.client_address.as_set().map(|it| it.value.clone()).unwrap_or_default(),
            proxy_protocol,
            hsts: settings.hsts.clone(),
            referrer_policy: settings.referrer_policy.clone(),
        }
    }

    /// Applies a directive and records its verdict.
    pub(super) fn lower(&mut self, directive: &NginxDirective, report: &mut SnippetReport) {
        let words = directive.words();
        let outcome = match (directive.name.as_str(), &words[..]) {
            ("include", _) => DirectiveOutcome::included(directive),
            ("location", _) => return self.location(directive, report),
            ("if", words) => return self.condition(directive, words, report),
            ("return", words) => {
                self.handle_all(directive, return_rewrite::lower_return(words, &TEXT, self.service_host))
            }
            ("rewrite", words) => match return_rewrite::lower_rewrite(words, self.service_host) {
                Ok(rewrite) => self.rewrite(directive, rewrite),
                Err(why) => DirectiveOutcome::Refused(why),
            },
            (name, _) if real_ip::is_real_ip(name) => {
                real_ip::lower(&mut self.client_address, self.proxy_protocol.as_ref(), directive, report)
            }
            ("access_log", ["off"]) => {
                self.access_log = Some(spanned(LogTarget::Off, directive));
                DirectiveOutcome::Applied
            }
            ("add_header", [name, value, ..]) if is_policy(name) => self.policy(directive, name, value),
            ("root" | "index", _) => DirectiveOutcome::no_effect("no location of the package serves files with it"),
            _ if directive.inner().is_empty() => self.block.lower(directive),
            _ => return report.refuse_block(directive, "this block is not supported"),
        };
        report.record(directive, outcome);
    }

    fn location(&mut self, directive: &NginxDirective, report: &mut SnippetReport) {
        if self.service_host.url.path.is_empty() && matches!(directive.words()[..], ["/"] | ["^~", "/"]) {
            return report
                .refuse_block(directive, "the package has this location already; nginx rejects a second one");
        }
        let Some(location) = location_block::read(directive, self.service_host, report) else { return };
        let path = location.route.path.as_set().map(|setting| setting.value.clone());
        if let Some(PathMatch::Prefix(prefix)) = &path
            && let Some(pattern) = builtin_locations::covering(prefix, &self.patterns)
        {
            let why = format!(
                "`~ {pattern}` of the package matches these paths first, as in nginx; write `location ^~ {prefix}`"
            );
            report.overrule(directive, &why);
            return;
        }
        self.locations.push(location);
    }

    /// Lowers `if ($host = old.example.com) { return 301 …; }` to a second host. GitLab's host receives
    /// requests for unknown names, so nginx evaluates the condition there.
    fn condition(&mut self, directive: &NginxDirective, words: &[&str], report: &mut SnippetReport) {
        let name = match words {
            ["($host", "=", name] | ["($http_host", "=", name] => name.strip_suffix(')'),
            _ => None,
        };
        let name = name.and_then(|name| HostName::parse(name).ok());
        let (Some(name), [only], Service::Gitlab) = (name, directive.inner(), self.service_host.service) else {
            return report.refuse_block(directive, ONLY_CONDITION);
        };
        if only.name != "return"
            || self.other_name.is_some()
            || HostPattern::Exact(name.clone()) == self.service_host.name
        {
            return report.refuse_block(directive, ONLY_CONDITION);
        }
        report.record_block(directive, |report| {
            match return_rewrite::lower_return(&only.words(), &TEXT, self.service_host) {
                Ok(action) => {
                    self.other_name = Some((spanned(name, directive), spanned(action, only)));
                    report.record(only, DirectiveOutcome::Applied);
                }
                Err(why) => report.record(only, DirectiveOutcome::Refused(why)),
            }
            DirectiveOutcome::Applied
        });
    }

    /// Applies a header that has its own setting. Of two HSTS headers, browsers use the first (RFC 6797 section
    /// 8.1), which is the package's; of two referrer policies they use the last.
    fn policy(&mut self, directive: &NginxDirective, name: &str, value: &str) -> DirectiveOutcome {
        let Ok(value) = HeaderValue::from_str(value) else {
            return DirectiveOutcome::refused("this is not a valid header value");
        };
        let policy = Setting::Set(spanned(HeaderSetting::Send(value), directive));
        if name.eq_ignore_ascii_case(REFERRER_POLICY) {
            self.referrer_policy = policy;
            return DirectiveOutcome::Applied;
        }
        if matches!(self.hsts.value_or(HeaderSetting::Leave), HeaderSetting::Send(_)) {
            return DirectiveOutcome::no_effect(
                "the package sends this header first, and browsers use the first one; set `hsts_max_age` instead",
            );
        }
        self.hsts = policy;
        DirectiveOutcome::Applied
    }

    /// Sets the action for all requests; the first one decides.
    fn handle_all(
        &mut self,
        directive: &NginxDirective,
        action: Result<RouteActionSection, String>,
    ) -> DirectiveOutcome {
        match action {
            Ok(action) if self.catch_all.is_none() => {
                self.catch_all = Some(spanned(action, directive));
                DirectiveOutcome::Applied
            }
            Ok(_) => DirectiveOutcome::no_effect("an earlier directive handles every request already"),
            Err(why) => DirectiveOutcome::Refused(why),
        }
    }

    /// Adds a redirect, for all requests or for some paths.
    fn rewrite(&mut self, directive: &NginxDirective, rewrite: RewriteRedirect) -> DirectiveOutcome {
        let action = return_rewrite::redirect(rewrite.action, rewrite.status);
        if rewrite.path == PathMatch::PreferredPrefix("/".to_owned()) {
            return self.handle_all(directive, action);
        }
        let Ok(action) = action else { return DirectiveOutcome::refused("this `rewrite` has no target") };
        let route = route(spanned(rewrite.path, directive), spanned(action, directive));
        self.locations.push(LocationRoute { route, has_own_headers: false });
        DirectiveOutcome::Applied
    }

    /// Writes the collected settings to the host. Returns a second host if there is another host name.
    pub(super) fn finish(mut self, host: &mut HostSection) -> Option<HostSection> {
        host.settings.client_address = Setting::set_at(self.client_address, &host.span);
        let other = self.other_name.take().map(|(name, action)| renamed(host, name, action));
        host.settings.hsts = self.hsts;
        host.settings.referrer_policy = self.referrer_policy;
        let forwarding = &mut host.settings.forwarding;
        *forwarding = self.block.forwarding.or(forwarding);
        if let Some(first) = self.block.access.first() {
            let span = first.span.clone();
            forwarding.access = Setting::Set(Spanned { value: self.block.access, span });
        }
        if let Some(target) = self.access_log {
            host.settings.access_log = Setting::Set(target);
        }
        if self.locations.iter().any(|location| !precedes_regexes(&location.route)) {
            builtin_locations::add_routes(self.service_host, &self.patterns, host);
        }
        add_headers(&self.block.response_headers, &mut self.locations, host);
        host.routes.extend(self.locations.into_iter().map(|location| location.route));
        if let Some(catch_all) = self.catch_all {
            host.upstream = Setting::Unset;
            let all = Spanned { value: PathMatch::Prefix("/".to_owned()), span: catch_all.span.clone() };
            host.routes = vec![route(all, catch_all)];
        }
        other
    }
}

/// Adds the response headers of the server. As in nginx, a location with its own inherits none; if there is
/// one, every other route gets a copy instead of the host.
fn add_headers(response_headers: &[Spanned<HeaderOp>], locations: &mut [LocationRoute], host: &mut HostSection) {
    if !locations.iter().any(|location| location.has_own_headers) {
        host.settings.forwarding.response_headers.extend_from_slice(response_headers);
        return;
    }
    let is_all = |route: &RouteSection| matches!(&route.path, Setting::Set(setting) if setting.value == PathMatch::Prefix("/".to_owned()));
    if let (false, Some(upstream)) = (host.routes.iter().any(is_all), host.upstream.as_set()) {
        let span = &upstream.span;
        let all = Spanned { value: PathMatch::Prefix("/".to_owned()), span: span.clone() };
        let action = Spanned { value: RouteActionSection::Upstream(upstream.value.clone()), span: span.clone() };
        let mut catch_all = route(all, action);
        catch_all.settings = ForwardSettings::default();
        host.routes.push(catch_all);
    }
    let inheriting = locations.iter_mut().filter(|location| !location.has_own_headers).map(|it| &mut it.route);
    for route in host.routes.iter_mut().chain(inheriting) {
        route.settings.response_headers.extend_from_slice(response_headers);
    }
}

/// Returns whether nginx selects a location before it tries any regex.
fn precedes_regexes(route: &RouteSection) -> bool {
    let path = route.path.as_set().map(|setting| &setting.value);
    matches!(path, Some(PathMatch::Exact(_) | PathMatch::PreferredPrefix(_)))
}

/// Returns a host with the same addresses and certificate under another name, with one action for all requests.
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

/// Returns a route of the server itself.
fn route(path: Spanned<PathMatch>, action: Spanned<RouteActionSection>) -> RouteSection {
    let all_clients = Spanned { value: Vec::new(), span: action.span.clone() };
    RouteSection {
        span: action.span.clone(),
        path: Setting::Set(path),
        action: Setting::Set(action),
        replace_with: Setting::Unset,
        before_redirect: Setting::Unset,
        // nginx runs these in its rewrite phase, before its access phase.
        settings: ForwardSettings { access: Setting::Set(all_clients), ..ForwardSettings::default() },
    }
}

/// Returns a value with the span of its directive.
fn spanned<T>(value: T, directive: &NginxDirective) -> Spanned<T> {
    Spanned { value, span: directive.span.clone() }
}

/// Content type of a text that nginx sends for a path without a known extension.
const TEXT: HeaderValue = HeaderValue::from_static("application/octet-stream");

const ONLY_CONDITION: &str =
    "only `if ($host = old.example.com) { return 301 …; }` with another host name is supported, on GitLab's host";
