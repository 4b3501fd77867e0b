//! Lowers `location` blocks.

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
    /// Whether it has response headers, which replace those of the server.
    pub(super) has_own_headers: bool,
}

/// Settings collected from a location.
struct LocationState<'a> {
    service_host: &'a ServiceHost,
    path: PathMatch,
    span: SourceSpan,
    block: BlockSettings,
    /// Whether the location contains a `return`.
    has_return: bool,
    /// Action of the route.
    handler: Option<Spanned<RouteActionSection>>,
    /// Path that replaces the matched one: of a `rewrite … break`, or the URI of `proxy_pass`.
    replacement: Option<Spanned<PathAndQuery>>,
    index: Setting<String>,
    /// File of the CAs for the upstream's certificate (`proxy_ssl_trusted_certificate`).
    upstream_ca: Setting<PathBuf>,
    /// Name of the upstream in `proxy_pass`, which nginx sends as `Host` by default.
    upstream_name: Option<HeaderValue>,
    /// Whether the upstream's certificate is verified; as in nginx, only with `proxy_ssl_verify on`.
    verify: Setting<bool>,
}

/// Lowers a location and records its verdicts. `None` if it is refused.
pub(super) fn read(
    directive: &NginxDirective,
    service_host: &ServiceHost,
    report: &mut SnippetReport,
) -> Option<LocationRoute> {
    let path = match path(&directive.words()) {
        Ok(path) => path,
        Err(why) => {
            report.refuse_block(directive, &why);
            return None;
        }
    };
    let mut location = None;
    report.record_block(directive, |report| {
        let start = report.verdicts.len();
        let mut state = LocationState::new(directive, path, service_host);
        for inner in directive.inner() {
            state.lower(inner, report);
        }
        if !state.has_effect() && report.refuses_since(start) {
            return DirectiveOutcome::refused(
                "none of its effects is supported; requests are handled as without this location",
            );
        }
        location = Some(state.into_location());
        DirectiveOutcome::Applied
    });
    location
}

/// Parses the path of a location: `= /x`, `^~ /x`, `~ x`, `~* x` or `/x`. As in nginx, the blank after the
/// modifier is optional.
fn path(words: &[&str]) -> Result<PathMatch, String> {
    let (modifier, text) = match words {
        [modifier @ ("=" | "^~" | "~" | "~*"), text] => (*modifier, *text),
        [word] => {
            let modifier =
                ["=", "^~", "~*", "~"].into_iter().find(|modifier| word.starts_with(modifier)).unwrap_or("");
            (modifier, &word[modifier.len()..])
        }
        _ => return Err("write `location /path {`, with `=`, `^~`, `~` or `~*` before the path".to_owned()),
    };
    let plain = || route_path::plain(text).map_err(|error| error.message);
    let pattern = |text: &str| route_path::pattern(text).map(PathMatch::Regex).map_err(|error| error.message);
    match modifier {
        "=" => plain().map(PathMatch::Exact),
        "^~" => plain().map(PathMatch::PreferredPrefix),
        "~" => pattern(text),
        "~*" => pattern(&format!("(?i){text}")),
        _ => plain().map(PathMatch::Prefix),
    }
}

impl<'a> LocationState<'a> {
    fn new(directive: &NginxDirective, path: PathMatch, service_host: &'a ServiceHost) -> LocationState<'a> {
        LocationState {
            service_host,
            path,
            span: directive.span.clone(),
            block: BlockSettings::default(),
            has_return: directive.inner().iter().any(|inner| inner.name == "return"),
            handler: None,
            replacement: None,
            index: Setting::Unset,
            upstream_ca: Setting::Unset,
            upstream_name: None,
            verify: Setting::Set(Spanned { value: false, span: directive.span.clone() }),
        }
    }

    fn lower(&mut self, directive: &NginxDirective, report: &mut SnippetReport) {
        let words = directive.words();
        let outcome = match (directive.name.as_str(), &words[..]) {
            ("include", _) => DirectiveOutcome::included(directive),
            ("location" | "if", _) => {
                return report.refuse_block(directive, "a block inside a location is not supported");
            }
            ("allow" | "deny", _) if self.has_return => DirectiveOutcome::no_effect(
                "the `return` of this location responds before access rules are checked",
            ),
            ("return", words) => {
                let response = return_rewrite::lower_return(words, &self.content_type(), self.service_host);
                self.handle(directive, response)
            }
            ("internal", []) => self.handle(directive, Ok(not_found())),
            ("root", [directory]) => self.files(directive, directory, FileMapping::Root),
            ("alias", [directory]) => self.files(directive, directory, FileMapping::Alias),
            ("index", [file]) if !file.contains(['$', '/']) => {
                self.index = Setting::Set(Spanned { value: (*file).to_owned(), span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            ("try_files", ["$uri", "=404"] | ["$uri", "$uri/", "=404"]) => {
                DirectiveOutcome::no_effect("this is the default")
            }
            ("rewrite", [pattern, replacement, "break"]) => self.rewrite(directive, pattern, replacement),
            ("add_header", [name, ..]) if is_policy(name) => DirectiveOutcome::no_effect(
                "this header applies to a whole host; the value of the host is sent here too",
            ),
            ("proxy_ssl_verify", ["on"]) => {
                self.verify = Setting::Unset;
                DirectiveOutcome::Applied
            }
            ("proxy_ssl_trusted_certificate", [file]) => {
                self.upstream_ca =
                    Setting::Set(Spanned { value: PathBuf::from(file), span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            ("proxy_pass", [url]) => self.proxy_pass(directive, url),
            _ => self.block.lower(directive),
        };
        report.record(directive, outcome);
    }

    /// Returns the content type of a response: `default_type`, or the type for the extension of the path.
    fn content_type(&self) -> HeaderValue {
        self.block.content_type.clone().unwrap_or_else(|| by_extension(&self.path))
    }

    /// Sets the action of the route. The first directive decides, except that `return` precedes all others.
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
            Ok(_) => DirectiveOutcome::no_effect("another directive of this location handles the request already"),
            Err(why) => DirectiveOutcome::Refused(why),
        }
    }

    /// Lowers `root` and `alias`.
    fn files(
        &mut self,
        directive: &NginxDirective,
        directory: &str,
        mapping: fn(Spanned<PathBuf>) -> FileMapping,
    ) -> DirectiveOutcome {
        if directory.contains('$') || !directory.starts_with('/') {
            return DirectiveOutcome::refused("write the absolute path of a directory, without variables");
        }
        let mapping = mapping(Spanned { value: PathBuf::from(directory), span: directive.span.clone() });
        if let (PathMatch::Regex(_), FileMapping::Alias(_)) = (&self.path, &mapping) {
            return DirectiveOutcome::refused("`alias` is not supported in a location with a regex");
        }
        self.handle(directive, Ok(RouteActionSection::Files(FilesSection { mapping, index: Setting::Unset })))
    }

    /// Lowers `rewrite ^/prefix/(.*) /$1 break` before a `proxy_pass`, which replaces the prefix.
    fn rewrite(&mut self, directive: &NginxDirective, pattern: &str, replacement: &str) -> DirectiveOutcome {
        let prefix = pattern.strip_prefix('^').and_then(|rest| rest.trim_end_matches('$').strip_suffix("(.*)"));
        let matched = matches!(&self.path, PathMatch::Prefix(path) | PathMatch::PreferredPrefix(path) if Some(&**path) == prefix);
        match replacement.strip_suffix("$1").and_then(|path| path.parse().ok()) {
            Some(value) if matched => {
                self.replacement = Some(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            _ => DirectiveOutcome::refused(
                "only `rewrite ^/prefix/(.*) /$1 break;` with the prefix of the location is supported",
            ),
        }
    }

    fn proxy_pass(&mut self, directive: &NginxDirective, url: &str) -> DirectiveOutcome {
        let target = match proxy_pass::read(url, self.service_host) {
            Ok(target) => target,
            Err(why) => return DirectiveOutcome::Refused(why),
        };
        if let (PathMatch::Regex(_), Some(_)) = (&self.path, &target.path) {
            return DirectiveOutcome::refused("nginx rejects a path in `proxy_pass` in a location with a regex");
        }
        self.upstream_name = target.host;
        // A path that `rewrite` has changed is forwarded unchanged.
        if let (None, Some(value)) = (&self.replacement, target.path) {
            self.replacement = Some(Spanned { value, span: directive.span.clone() });
        }
        self.handle(directive, Ok(RouteActionSection::Upstream(target.upstream)))
    }

    /// Returns whether the location has an action or access rules.
    fn has_effect(&self) -> bool {
        self.handler.is_some() || !self.block.access.is_empty()
    }

    /// Builds the route. Without an action, nginx looks for files in a directory that has none, so the route
    /// responds 404.
    fn into_location(self) -> LocationRoute {
        let span = self.span;
        let mut action = self.handler.unwrap_or_else(|| Spanned { value: not_found(), span: span.clone() });
        let is_forwarded = matches!(action.value, RouteActionSection::Upstream(_));
        if let RouteActionSection::Files(files) = &mut action.value {
            files.index = self.index;
        }
        let mut settings = self.block.forwarding;
        if !is_forwarded {
            settings = ForwardSettings::default();
        }
        if is_forwarded && !self.block.request_header_names.is_empty() {
            settings.request_headers.extend(not_inherited(
                &self.block.request_header_names,
                self.upstream_name.as_ref(),
                &span,
            ));
        }
        if let RouteActionSection::Upstream(UpstreamRef { scheme: UpstreamScheme::Https, .. }) = action.value {
            let is_verified = self.verify.is_unset();
            let ca = if is_verified { self.upstream_ca } else { Setting::Unset };
            let value = UpstreamTlsSection { verify: self.verify, ca, ..UpstreamTlsSection::default() };
            settings.upstream_tls = Setting::Set(Spanned { value, span: span.clone() });
        }
        // nginx runs `return` in its rewrite phase, before its access phase.
        if self.has_return {
            settings.access = Setting::Set(Spanned { value: Vec::new(), span: span.clone() });
        }
        if !self.block.access.is_empty() {
            settings.access = Setting::Set(Spanned { value: self.block.access, span: span.clone() });
        }
        let has_own_headers = self.block.response_headers.iter().any(|op| !matches!(op.value, HeaderOp::Remove(_)));
        settings.response_headers = self.block.response_headers;
        let replace_with = self.replacement.filter(|_| is_forwarded).map_or(Setting::Unset, Setting::Set);
        let path = Setting::Set(Spanned { value: self.path, span: span.clone() });
        let route = RouteSection {
            span,
            path,
            action: Setting::Set(action),
            replace_with,
            before_redirect: Setting::Unset,
            settings,
        };
        LocationRoute { route, has_own_headers }
    }
}

/// Returns the operations for headers that a location does not inherit. With a `proxy_set_header` of its own it
/// inherits none of its host's, and nginx sends the name of the upstream as `Host`.
fn not_inherited(names: &[String], host: Option<&HeaderValue>, span: &SourceSpan) -> Vec<Spanned<HeaderOp>> {
    let is_free = |name: &&str| !names.iter().any(|known| known == name);
    let removed =
        INHERITED.iter().copied().filter(is_free).map(|name| HeaderOp::Remove(SettableHeader::from_static(name)));
    let host = host.filter(|_| is_free(&"host"));
    let host = host.map(|value| HeaderOp::Set(SettableHeader::from_static("host"), value.clone()));
    removed.chain(host).map(|value| Spanned { value, span: span.clone() }).collect()
}

fn not_found() -> RouteActionSection {
    RouteActionSection::Respond(FixedResponse {
        status: StatusCode::NOT_FOUND,
        content_type: HeaderValue::from_static("text/plain"),
        body: String::new(),
    })
}

/// Returns nginx's media type for the extension of a path; `application/octet-stream` without a known one.
fn by_extension(path: &PathMatch) -> HeaderValue {
    let extension = match path {
        PathMatch::Exact(path) => path.rsplit_once('.').map_or("", |(_, extension)| extension),
        _ => "",
    };
    let known = TYPES.iter().find(|(name, _)| *name == extension);
    HeaderValue::from_static(known.map_or("application/octet-stream", |(_, kind)| kind))
}

/// Request headers that the package's hosts set for an upstream.
const INHERITED: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-ssl", "x-frame-options", "x-real-ip"];

/// File extensions and their media types in nginx's `mime.types`.
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
