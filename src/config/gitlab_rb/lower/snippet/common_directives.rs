//! Directives that mean the same in a server and in a location.

use http::HeaderValue;

use super::report::DirectiveOutcome;
use super::unsupported;
use crate::config::document::{ForwardSettings, Setting, Spanned};
use crate::config::gitlab_rb::lower::units;
use crate::config::gitlab_rb::nginx_text::{DirectiveBody, NginxDirective};
use crate::config::values::header;
use crate::model::access::AccessRule;
use crate::model::headers::ops::HeaderOp;

/// What a server or a location says.
#[derive(Debug, Default)]
pub(super) struct BlockSettings {
    pub(super) access: Vec<Spanned<AccessRule>>,
    /// Limits and headers. Those of answers are kept apart, in `added`.
    pub(super) forwarding: ForwardSettings,
    /// Headers of answers: as in nginx, those of a location stand in the place of the server's.
    pub(super) added: Vec<Spanned<HeaderOp>>,
    pub(super) content_type: Option<HeaderValue>,
    /// The headers that `proxy_set_header` names, in lower case.
    pub(super) named: Vec<String>,
}

impl BlockSettings {
    /// Obeys a directive, or says why not.
    pub(super) fn take(&mut self, directive: &NginxDirective) -> DirectiveOutcome {
        let words = directive.words();
        if let DirectiveBody::Block(_) = directive.body {
            return unsupported::outcome(&directive.name, &words);
        }
        match (directive.name.as_str(), &words[..]) {
            ("allow" | "deny", [clients]) => self.access(directive, clients),
            ("add_header", [name, value] | [name, value, "always"]) => self.add_header(directive, name, value),
            ("proxy_hide_header", [name]) => self.hide_header(directive, name),
            ("proxy_set_header", [name, value]) => self.set_header(directive, name, value),
            ("client_max_body_size", [size]) => said(
                &mut self.forwarding.max_request_body,
                units::body_limit(size),
                directive,
                "write a size such as 250m, or 0 for no limit",
            ),
            ("proxy_read_timeout", [span]) => {
                let span = units::span(span);
                said(&mut self.forwarding.tunnel_idle_timeout, span, directive, SPAN);
                said(&mut self.forwarding.upstream_read_timeout, span, directive, SPAN)
            }
            ("proxy_connect_timeout", [span]) => {
                said(&mut self.forwarding.connect_timeout, units::span(span), directive, SPAN)
            }
            ("client_body_timeout" | "send_timeout", [span]) => {
                said(&mut self.forwarding.client_timeout, units::span(span), directive, SPAN)
            }
            ("default_type", [kind]) => match HeaderValue::from_str(kind) {
                Ok(kind) => {
                    self.content_type = Some(kind);
                    DirectiveOutcome::Applied
                }
                Err(_) => DirectiveOutcome::refused("this is no media type"),
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
            return DirectiveOutcome::refused("variables are not understood in headers of answers");
        }
        // An empty value adds nothing; in a location it is how inherited headers are left out.
        match (header::name(name), header::value(value)) {
            (Ok(name), Ok(value)) => self.add(directive, HeaderOp::Add(name, value)),
            (Err(mistake), _) | (_, Err(mistake)) => DirectiveOutcome::refused(mistake.message),
        }
    }

    fn hide_header(&mut self, directive: &NginxDirective, name: &str) -> DirectiveOutcome {
        match header::name(name) {
            Ok(name) => self.add(directive, HeaderOp::Remove(name)),
            Err(mistake) => DirectiveOutcome::refused(mistake.message),
        }
    }

    fn add(&mut self, directive: &NginxDirective, value: HeaderOp) -> DirectiveOutcome {
        let same = self.added.iter().position(|known| known.value.name() == value.name());
        let Some(same) = same else {
            self.added.push(Spanned { value, span: directive.span.clone() });
            return DirectiveOutcome::Applied;
        };
        // The application's is hidden and another one added: that is to set it.
        let known = &mut self.added[same].value;
        match (&*known, &value) {
            (HeaderOp::Remove(_), HeaderOp::Add(name, text)) | (HeaderOp::Add(name, text), HeaderOp::Remove(_)) => {
                *known = HeaderOp::Set(name.clone(), text.clone());
                DirectiveOutcome::Applied
            }
            _ => DirectiveOutcome::refused(
                "there is a directive for this header already; join the two values with a comma",
            ),
        }
    }

    fn set_header(&mut self, directive: &NginxDirective, name: &str, value: &str) -> DirectiveOutcome {
        let wish = request_header(name, value);
        if wish.is_ok() {
            self.named.push(name.to_ascii_lowercase());
        }
        match wish {
            Ok(Some(value)) => {
                self.forwarding.request_headers.retain(|known| known.value.name() != value.name());
                self.forwarding.request_headers.push(Spanned { value, span: directive.span.clone() });
                DirectiveOutcome::Applied
            }
            Ok(None) => DirectiveOutcome::no_effect("the proxy does this anyway"),
            Err(why) => DirectiveOutcome::refused(why),
        }
    }
}

/// What a `proxy_set_header` does; `None` if the proxy does it anyway.
fn request_header(name: &str, value: &str) -> Result<Option<HeaderOp>, String> {
    if DONE_ANYWAY.iter().any(|(done, with)| done.eq_ignore_ascii_case(name) && value == *with) {
        return Ok(None);
    }
    let name = header::name(name).map_err(|mistake| mistake.message)?;
    let op = match value {
        "" => header::remove(name),
        value => header::template(value).map(|template| header::set(name, template)),
    };
    op.map(Some).map_err(|mistake| mistake.message)
}

/// Whether a header has a setting of its own, which holds for a host as a whole.
pub(super) fn is_policy(name: &str) -> bool {
    [HSTS, REFERRER_POLICY].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Puts a value that could be read into its place.
fn said<T>(
    place: &mut Setting<T>,
    value: Option<T>,
    directive: &NginxDirective,
    expected: &str,
) -> DirectiveOutcome {
    match value {
        Some(value) => {
            *place = Setting::Set(Spanned { value, span: directive.span.clone() });
            DirectiveOutcome::Applied
        }
        None => DirectiveOutcome::refused(expected),
    }
}

const SPAN: &str = "write a number of seconds, or a time such as 10m";

/// What nginx's variables say that the proxy says without being told.
const DONE_ANYWAY: [(&str, &str); 8] = [
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
