//! Lowers directives that are valid in `server` and `location`.

use http::HeaderValue;

use super::report::DirectiveOutcome;
use super::unsupported;
use crate::config::document::{ForwardSettings, Setting, Spanned};
use crate::config::gitlab_rb::lower::units;
use crate::config::gitlab_rb::nginx_text::{DirectiveBody, NginxDirective};
use crate::config::values::header;
use crate::model::access::AccessRule;
use crate::model::headers::ops::HeaderOp;

/// Settings collected from a `server` or `location` block.
#[derive(Debug, Default)]
pub(super) struct BlockSettings {
    pub(super) access: Vec<Spanned<AccessRule>>,
    /// Limits and request headers. Response headers are in `response_headers`.
    pub(super) forwarding: ForwardSettings,
    /// Response headers. As in nginx, those of a location replace those of the server.
    pub(super) response_headers: Vec<Spanned<HeaderOp>>,
    /// `default_type`.
    pub(super) content_type: Option<HeaderValue>,
    /// Names of the headers that `proxy_set_header` sets, in lower case.
    pub(super) request_header_names: Vec<String>,
}

impl BlockSettings {
    /// Applies a directive, or returns why it is not applied.
    pub(super) fn lower(&mut self, directive: &NginxDirective) -> DirectiveOutcome {
        let words = directive.words();
        if let DirectiveBody::Block(_) = directive.body {
            return unsupported::outcome(&directive.name, &words);
        }
        match (directive.name.as_str(), &words[..]) {
            ("allow" | "deny", [clients]) => self.access(directive, clients),
            ("add_header", [name, value] | [name, value, "always"]) => self.add_header(directive, name, value),
            ("proxy_hide_header", [name]) => self.hide_header(directive, name),
            ("proxy_set_header", [name, value]) => self.set_header(directive, name, value),
            ("client_max_body_size", [size]) => store(
                &mut self.forwarding.max_request_body,
                units::body_limit(size),
                directive,
                "write a size such as 250m, or 0 for no limit",
            ),
            ("proxy_read_timeout", [time]) => {
                let duration = units::duration(time);
                store(&mut self.forwarding.tunnel_idle_timeout, duration, directive, TIME);
                store(&mut self.forwarding.upstream_read_timeout, duration, directive, TIME)
            }
            ("proxy_connect_timeout", [time]) => {
                store(&mut self.forwarding.connect_timeout, units::duration(time), directive, TIME)
            }
            ("client_body_timeout" | "send_timeout", [time]) => {
                store(&mut self.forwarding.client_timeout, units::duration(time), directive, TIME)
            }
            ("default_type", [kind]) => match HeaderValue::from_str(kind) {
                Ok(kind) => {
                    self.content_type = Some(kind);
                    DirectiveOutcome::Applied
                }
                Err(_) => DirectiveOutcome::refused(format!("`{kind}` is not a media type")),
            },
            (name, words) => unsupported::outcome(name, words),
        }
    }

    fn access(&mut self, directive: &NginxDirective, clients: &str) -> DirectiveOutcome {
        match AccessRule::parse(&format!("{} {clients}", directive.name)) {
            Ok(value) => {
                self.access.push(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            Err(why) => DirectiveOutcome::refused(why.to_string()),
        }
    }

    fn add_header(&mut self, directive: &NginxDirective, name: &str, value: &str) -> DirectiveOutcome {
        if value.contains('$') {
            return DirectiveOutcome::refused(
                "variables are not supported in response headers; write a fixed value",
            );
        }
        // An empty value adds no header; in a location, it prevents the inheritance of the server's headers.
        match (header::name(name), header::value(value)) {
            (Ok(name), Ok(value)) => self.add(directive, HeaderOp::Add(name, value)),
            (Err(error), _) | (_, Err(error)) => DirectiveOutcome::refused(error.message),
        }
    }

    fn hide_header(&mut self, directive: &NginxDirective, name: &str) -> DirectiveOutcome {
        match header::name(name) {
            Ok(name) => self.add(directive, HeaderOp::Remove(name)),
            Err(error) => DirectiveOutcome::refused(error.message),
        }
    }

    fn add(&mut self, directive: &NginxDirective, value: HeaderOp) -> DirectiveOutcome {
        let same = self.response_headers.iter().position(|known| known.value.name() == value.name());
        let Some(same) = same else {
            self.response_headers.push(Spanned { value, span: directive.span.clone() });
            return DirectiveOutcome::Applied;
        };
        // Hiding the upstream's header and adding one of the same name sets it.
        let known = &mut self.response_headers[same].value;
        match (&*known, &value) {
            (HeaderOp::Remove(_), HeaderOp::Add(name, text)) | (HeaderOp::Add(name, text), HeaderOp::Remove(_)) => {
                *known = HeaderOp::Set(name.clone(), text.clone());
                DirectiveOutcome::Applied
            }
            _ => DirectiveOutcome::refused(
                "another directive sets this header already; join the two values with a comma",
            ),
        }
    }

    fn set_header(&mut self, directive: &NginxDirective, name: &str, value: &str) -> DirectiveOutcome {
        let operation = request_header(name, value);
        if operation.is_ok() {
            self.request_header_names.push(name.to_ascii_lowercase());
        }
        match operation {
            Ok(Some(value)) => {
                self.forwarding.request_headers.retain(|known| known.value.name() != value.name());
                self.forwarding.request_headers.push(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            Ok(None) => DirectiveOutcome::no_effect("this is the default"),
            Err(why) => DirectiveOutcome::refused(why),
        }
    }
}

/// Returns the operation of a `proxy_set_header`; `None` if the proxy sends the header by default.
fn request_header(name: &str, value: &str) -> Result<Option<HeaderOp>, String> {
    if BUILT_IN.iter().any(|(done, with)| done.eq_ignore_ascii_case(name) && value == *with) {
        return Ok(None);
    }
    let name = header::name(name).map_err(|error| error.message)?;
    let op = match value {
        "" => header::remove(name),
        value => header::template(value).map(|template| header::set(name, template)),
    };
    op.map(Some).map_err(|error| error.message)
}

/// Returns whether a header has its own setting, which applies to a whole host.
pub(super) fn is_policy(name: &str) -> bool {
    [HSTS, REFERRER_POLICY].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Stores a parsed value. Without a value, the directive is refused with the expected notation.
fn store<T>(
    setting: &mut Setting<T>,
    value: Option<T>,
    directive: &NginxDirective,
    expected: &str,
) -> DirectiveOutcome {
    match value {
        Some(value) => {
            *setting = Setting::Set(Spanned { value, span: directive.span.clone() });
            DirectiveOutcome::Applied
        }
        None => DirectiveOutcome::refused(expected),
    }
}

const TIME: &str = "write a number of seconds, or a time such as 10m";

/// Request headers that the proxy sends by default, with the nginx variables of their values.
const BUILT_IN: [(&str, &str); 8] = [
    ("Host", "$http_host"),
    ("Host", "$http_host_with_default"),
    ("X-Real-IP", "$remote_addr"),
    ("X-Forwarded-For", "$remote_addr"),
    ("Upgrade", "$http_upgrade"),
    ("Connection", "$connection_upgrade"),
    ("Connection", "upgrade"),
    ("Connection", "Upgrade"),
];

const HSTS: &str = "strict-transport-security";

pub(super) const REFERRER_POLICY: &str = "referrer-policy";
