//! A `location`: its paths, and what happens there.

use std::path::PathBuf;

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::common_directives::{BlockSettings, is_policy};
use super::report::{DirectiveOutcome, SnippetReport};
use super::{proxy_pass, return_rewrite};
use crate::config::document::{
    FileMapping, FilesSection, ForwardSettings, RouteActionSection, RouteSection, Setting, Spanned, UpstreamRef,
    UpstreamScheme, UpstreamTlsSection,
};
use crate::config::gitlab_rb::lower::service::ServiceHost;
use crate::config::gitlab_rb::nginx_text::NginxDirective;
use crate::config::span::SourceSpan;
use crate::config::values::route_path;
use crate::model::headers::ops::{HeaderOp, SettableHeader};
use crate::model::route::{FixedResponse, PathMatch};

/// A location as a route of its host.
#[derive(Debug)]
pub(super) struct LocationRoute {
    pub(super) route: RouteSection,
    /// Whether it has headers of its own for answers, which stand in the place of the server's.
    pub(super) has_own_headers: bool,
}

/// What a location says so far.
struct LocationState<'a> {
    plan: &'a ServiceHost,
    path: PathMatch,
    place: SourceSpan,
    block: BlockSettings,
    /// Whether there is a `return`.
    answers_first: bool,
    handler: Option<Spanned<RouteActionSection>>,
    /// The path that a `rewrite … break` puts in place of the matched one, or the URI of `proxy_pass`.
    replacement: Option<Spanned<PathAndQuery>>,
    index: Setting<String>,
    /// Whose certificates an application may show; nginx believes any, unless `proxy_ssl_verify` is on.
    certificate_authority: Setting<PathBuf>,
    /// How `proxy_pass` names the application.
    application_name: Option<HeaderValue>,
    verify: Setting<bool>,
}

/// Reads a location and accounts for it. `None` if it cannot be obeyed.
pub(super) fn read(
    directive: &NginxDirective,
    plan: &ServiceHost,
    account: &mut SnippetReport,
) -> Option<LocationRoute> {
    let path = match path(&directive.words()) {
        Ok(path) => path,
        Err(why) => {
            account.refuse_all(directive, &why);
            return None;
        }
    };
    let mut location = None;
    account.note_block(directive, |account| {
        let start = account.verdicts.len();
        let mut reading = LocationState::new(directive, path, plan);
        for inner in directive.inner() {
            reading.take(inner, account);
        }
        if !reading.does_something() && account.refuses_since(start) {
            return DirectiveOutcome::refused(
                "what it does cannot be carried over; requests go where they would go without it",
            );
        }
        location = Some(reading.into_location());
        DirectiveOutcome::Applied
    });
    location
}

/// The paths of a location: `= /x`, `^~ /x`, `~ x`, `~* x` or `/x`; nginx wants no blank between.
fn path(words: &[&str]) -> Result<PathMatch, String> {
    let (sign, text) = match words {
        [sign @ ("=" | "^~" | "~" | "~*"), text] => (*sign, *text),
        [word] => {
            let sign = ["=", "^~", "~*", "~"].into_iter().find(|sign| word.starts_with(sign)).unwrap_or("");
            (sign, &word[sign.len()..])
        }
        _ => return Err("write `location /path {`, with `=`, `^~`, `~` or `~*` before the path".to_owned()),
    };
    let plain = || route_path::plain(text).map_err(|mistake| mistake.message);
    let pattern = |text: &str| route_path::pattern(text).map(PathMatch::Regex).map_err(|mistake| mistake.message);
    match sign {
        "=" => plain().map(PathMatch::Exact),
        "^~" => plain().map(PathMatch::PreferredPrefix),
        "~" => pattern(text),
        "~*" => pattern(&format!("(?i){text}")),
        _ => plain().map(PathMatch::Prefix),
    }
}

impl<'a> LocationState<'a> {
    fn new(directive: &NginxDirective, path: PathMatch, plan: &'a ServiceHost) -> LocationState<'a> {
        LocationState {
            plan,
            path,
            place: directive.span.clone(),
            block: BlockSettings::default(),
            answers_first: directive.inner().iter().any(|inner| inner.name == "return"),
            handler: None,
            replacement: None,
            index: Setting::Unset,
            certificate_authority: Setting::Unset,
            application_name: None,
            verify: Setting::Set(Spanned { value: false, span: directive.span.clone() }),
        }
    }

    fn take(&mut self, directive: &NginxDirective, account: &mut SnippetReport) {
        let words = directive.words();
        let outcome = match (directive.name.as_str(), &words[..]) {
            ("location" | "if", _) => {
                return account.refuse_all(directive, "a location can hold no further block here");
            }
            ("allow" | "deny", _) if self.answers_first => {
                DirectiveOutcome::no_effect("the `return` beside it answers everybody before this is looked at")
            }
            ("return", words) => {
                let answer = return_rewrite::of_return(words, &self.content_type(), self.plan);
                self.handle(directive, answer)
            }
            ("internal", []) => self.handle(directive, Ok(not_found())),
            ("root", [directory]) => self.files(directive, directory, FileMapping::Root),
            ("alias", [directory]) => self.files(directive, directory, FileMapping::Alias),
            ("index", [file]) if !file.contains(['$', '/']) => {
                self.index = Setting::Set(Spanned { value: (*file).to_owned(), span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            ("try_files", ["$uri", "=404"] | ["$uri", "$uri/", "=404"]) => {
                DirectiveOutcome::no_effect("this is so anyway")
            }
            ("rewrite", [pattern, replacement, "break"]) => self.rewrite(directive, pattern, replacement),
            ("add_header", [name, ..]) if is_policy(name) => {
                DirectiveOutcome::no_effect("this holds for a host as a whole; the host's own is sent here too")
            }
            ("proxy_ssl_verify", ["on"]) => {
                self.verify = Setting::Unset;
                DirectiveOutcome::Applied
            }
            ("proxy_ssl_trusted_certificate", [file]) => {
                self.certificate_authority =
                    Setting::Set(Spanned { value: PathBuf::from(file), span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            ("proxy_pass", [url]) => self.proxy_pass(directive, url),
            _ => self.block.take(directive),
        };
        account.note(directive, outcome);
    }

    /// The type of an answer: what the location says, or what the end of its path stands for.
    fn content_type(&self) -> HeaderValue {
        self.block.content_type.clone().unwrap_or_else(|| by_extension(&self.path))
    }

    /// Notes what happens to requests; of several the first counts, as `return` does before all others.
    fn handle(
        &mut self,
        directive: &NginxDirective,
        action: Result<RouteActionSection, String>,
    ) -> DirectiveOutcome {
        match action {
            Ok(value) if self.handler.is_none() || directive.name == "return" => {
                self.handler = Some(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            Ok(_) => DirectiveOutcome::no_effect("another directive here answers already"),
            Err(why) => DirectiveOutcome::Refused(why),
        }
    }

    fn files(
        &mut self,
        directive: &NginxDirective,
        directory: &str,
        mapping: fn(Spanned<PathBuf>) -> FileMapping,
    ) -> DirectiveOutcome {
        if directory.contains('$') || !directory.starts_with('/') {
            return DirectiveOutcome::refused("write the full path of a directory, without variables");
        }
        let mapping = mapping(Spanned { value: PathBuf::from(directory), span: directive.span.clone() });
        if let (PathMatch::Regex(_), FileMapping::Alias(_)) = (&self.path, &mapping) {
            return DirectiveOutcome::refused("an alias needs a location without a pattern");
        }
        self.handle(directive, Ok(RouteActionSection::Files(FilesSection { mapping, index: Setting::Unset })))
    }

    /// `rewrite ^/prefix/(.*) /$1 break` before a `proxy_pass`: the prefix is replaced.
    fn rewrite(&mut self, directive: &NginxDirective, pattern: &str, replacement: &str) -> DirectiveOutcome {
        let prefix = pattern.strip_prefix('^').and_then(|rest| rest.trim_end_matches('$').strip_suffix("(.*)"));
        let matched = matches!(&self.path, PathMatch::Prefix(path) | PathMatch::PreferredPrefix(path) if Some(&**path) == prefix);
        match replacement.strip_suffix("$1").and_then(|path| path.parse().ok()) {
            Some(value) if matched => {
                self.replacement = Some(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            _ => DirectiveOutcome::refused(
                "only `rewrite ^/prefix/(.*) /$1 break;` with the prefix of the location is understood",
            ),
        }
    }

    fn proxy_pass(&mut self, directive: &NginxDirective, url: &str) -> DirectiveOutcome {
        let goal = match proxy_pass::read(url, self.plan) {
            Ok(goal) => goal,
            Err(why) => return DirectiveOutcome::Refused(why),
        };
        if let (PathMatch::Regex(_), Some(_)) = (&self.path, &goal.path) {
            return DirectiveOutcome::refused("nginx takes no path here, because the location has a pattern");
        }
        self.application_name = goal.host;
        // What a rewrite has changed is passed on as it is.
        if let (None, Some(value)) = (&self.replacement, goal.path) {
            self.replacement = Some(Spanned { value, span: directive.span.clone() });
        }
        self.handle(directive, Ok(RouteActionSection::Upstream(goal.upstream)))
    }

    fn does_something(&self) -> bool {
        self.handler.is_some() || !self.block.access.is_empty()
    }

    /// Without any handler nginx looks for files where there are none.
    fn into_location(self) -> LocationRoute {
        let place = self.place;
        let mut action = self.handler.unwrap_or_else(|| Spanned { value: not_found(), span: place.clone() });
        let is_forwarded = matches!(action.value, RouteActionSection::Upstream(_));
        if let RouteActionSection::Files(files) = &mut action.value {
            files.index = self.index;
        }
        let mut settings = self.block.forwarding;
        if !is_forwarded {
            settings = ForwardSettings::default();
        }
        if is_forwarded && !self.block.named.is_empty() {
            settings.request_headers.extend(not_inherited(
                &self.block.named,
                self.application_name.as_ref(),
                &place,
            ));
        }
        if let RouteActionSection::Upstream(UpstreamRef { scheme: UpstreamScheme::Https, .. }) = action.value {
            let is_verified = self.verify.is_unset();
            let ca = if is_verified { self.certificate_authority } else { Setting::Unset };
            let value = UpstreamTlsSection { verify: self.verify, ca, ..UpstreamTlsSection::default() };
            settings.upstream_tls = Setting::Set(Spanned { value, span: place.clone() });
        }
        // The rewrite phase of nginx, in which `return` answers, comes before its access phase.
        if self.answers_first {
            settings.access = Setting::Set(Spanned { value: Vec::new(), span: place.clone() });
        }
        if !self.block.access.is_empty() {
            settings.access = Setting::Set(Spanned { value: self.block.access, span: place.clone() });
        }
        let has_own_headers = self.block.added.iter().any(|op| !matches!(op.value, HeaderOp::Remove(_)));
        settings.response_headers = self.block.added;
        let replace_with = self.replacement.filter(|_| is_forwarded).map_or(Setting::Unset, Setting::Set);
        let path = Setting::Set(Spanned { value: self.path, span: place.clone() });
        let route = RouteSection {
            span: place,
            path,
            action: Setting::Set(action),
            replace_with,
            before_redirect: Setting::Unset,
            settings,
        };
        LocationRoute { route, has_own_headers }
    }
}

/// A location with a `proxy_set_header` of its own inherits none of its host's, and nginx then names the
/// application itself as `Host`.
fn not_inherited(named: &[String], host: Option<&HeaderValue>, place: &SourceSpan) -> Vec<Spanned<HeaderOp>> {
    let is_free = |name: &&str| !named.iter().any(|known| known == name);
    let removed =
        INHERITED.iter().copied().filter(is_free).map(|name| HeaderOp::Remove(SettableHeader::from_static(name)));
    let host = host.filter(|_| is_free(&"host"));
    let host = host.map(|value| HeaderOp::Set(SettableHeader::from_static("host"), value.clone()));
    removed.chain(host).map(|value| Spanned { value, span: place.clone() }).collect()
}

fn not_found() -> RouteActionSection {
    RouteActionSection::Respond(FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    })
}

/// The media type that nginx finds for the end of a path; it has no better one for anything else.
fn by_extension(path: &PathMatch) -> HeaderValue {
    let extension = match path {
        PathMatch::Exact(path) => path.rsplit_once('.').map_or("", |(_, extension)| extension),
        _ => "",
    };
    let known = TYPES.iter().find(|(name, _)| *name == extension);
    HeaderValue::from_static(known.map_or("application/octet-stream", |(_, kind)| kind))
}

/// What the package's hosts tell an application.
const INHERITED: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-ssl", "x-frame-options", "x-real-ip"];

const TYPES: [(&str, &str); 8] = [
    ("txt", "text/plain"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    ("js", "application/javascript"),
    ("svg", "image/svg+xml"),
];
