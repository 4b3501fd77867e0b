//! Variables derived from the request head.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName};
use http::request;

use super::append::{write, write_value};
use crate::model::host::ParsedAuthority;
use crate::model::path;
use crate::model::template::VariablePresence;
use crate::model::variable::NamedRequestVariable;
use crate::telemetry::access_log::{line, redaction};

/// Appends a variable that depends on the head alone; others are absent.
pub(super) fn append_named(
    head: &request::Parts,
    variable: NamedRequestVariable,
    out: &mut Vec<u8>,
) -> VariablePresence {
    let target = || head.uri.path_and_query().map_or("/", |target| target.as_str());
    match variable {
        NamedRequestVariable::Request => {
            let protocol = line::protocol(head.version);
            write(out, format_args!("{} {} {protocol}", head.method, target()))
        }
        NamedRequestVariable::RequestMethod => write_value(out, Some(head.method.as_str())),
        NamedRequestVariable::RequestUri => write_value(out, Some(target())),
        NamedRequestVariable::FilteredRequestUri => {
            redaction::append_target(&head.uri, out);
            VariablePresence::Present
        }
        NamedRequestVariable::FilteredHttpReferer => {
            // The package defines this variable with nginx `map`, so it is empty and never absent.
            let referer = head.headers.get(header::REFERER).map(|referer| referer.as_bytes());
            write_value(out, Some(redaction::without_query(referer.unwrap_or_default())))
        }
        NamedRequestVariable::Uri => {
            write_value(out, path::normalize(head.uri.path()).ok().map(|path| path.into_owned()))
        }
        NamedRequestVariable::Args => write_value(out, head.uri.query()),
        NamedRequestVariable::IsArgs => {
            write_value(out, Some(if head.uri.query().is_some_and(|it| !it.is_empty()) { "?" } else { "" }))
        }
        NamedRequestVariable::ConnectionUpgrade => {
            let has_upgrade = head.headers.get(header::UPGRADE).is_some_and(|upgrade| !upgrade.is_empty());
            write_value(out, Some(if has_upgrade { "upgrade" } else { "close" }))
        }
        _ => VariablePresence::Absent,
    }
}

/// Appends all values of a header, joined with `; ` for cookies (RFC 6265) and with `, ` for others.
pub(super) fn append_header(headers: &HeaderMap, name: &HeaderName, out: &mut Vec<u8>) -> VariablePresence {
    let between: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
    let mut presence = VariablePresence::Absent;
    for value in headers.get_all(name) {
        if presence == VariablePresence::Present {
            out.extend_from_slice(between);
        }
        presence = write_value(out, Some(value.as_bytes()));
    }
    presence
}

/// Returns the requested authority as received: from the target or `:authority`, or else from `Host`.
pub(super) fn authority(head: &request::Parts) -> Option<&[u8]> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => head.headers.get(header::HOST).map(|host| host.as_bytes()),
    }
}

/// Returns the requested host name without its port, in lower case.
pub(super) fn host_name(head: &request::Parts) -> Option<Cow<'_, str>> {
    let authority = std::str::from_utf8(authority(head)?).ok()?;
    ParsedAuthority::parse(authority).ok().map(|authority| authority.host)
}

/// Returns the first query parameter with a name, not decoded (nginx `$arg_*`).
pub(super) fn argument<'a>(head: &'a request::Parts, name: &str) -> Option<&'a str> {
    let mut pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Returns the first cookie with a name (nginx `$cookie_*`).
pub(super) fn cookie<'a>(head: &'a request::Parts, name: &str) -> Option<&'a str> {
    let lines = head.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim_start().split_once('='));
    pairs.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, headers: &[(&'static str, &'static str)]) -> request::Parts {
        let mut request = http::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn value(head: &request::Parts, variable: NamedRequestVariable) -> Option<String> {
        let mut out = Vec::new();
        let presence = append_named(head, variable, &mut out);
        (presence == VariablePresence::Present).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn target_variables_are_raw_decoded_or_filtered() {
        let head = head("/a%2Fb/../c%20d?x=1&private_token=s", &[]);
        let text = |variable| value(&head, variable).unwrap();
        assert_eq!(text(NamedRequestVariable::RequestUri), "/a%2Fb/../c%20d?x=1&private_token=s");
        assert_eq!(text(NamedRequestVariable::Uri), "/a/c d");
        assert_eq!(text(NamedRequestVariable::FilteredRequestUri), "/a%2Fb/../c%20d?x=1&private_token=[FILTERED]");
        assert_eq!(text(NamedRequestVariable::Args), "x=1&private_token=s");
        assert_eq!(text(NamedRequestVariable::IsArgs), "?");
        assert_eq!(text(NamedRequestVariable::Request), "GET /a%2Fb/../c%20d?x=1&private_token=s HTTP/1.1");
    }

    #[test]
    fn missing_parts_are_absent_or_empty_as_in_nginx() {
        let head = head("/", &[]);
        assert_eq!(value(&head, NamedRequestVariable::Args), None);
        assert_eq!(value(&head, NamedRequestVariable::IsArgs).unwrap(), "");
        assert_eq!(value(&head, NamedRequestVariable::FilteredHttpReferer).unwrap(), "");
        assert_eq!(value(&head, NamedRequestVariable::ConnectionUpgrade).unwrap(), "close");
    }

    #[test]
    fn argument_and_cookie_names_ignore_case() {
        let head = head("/?a=1&Page=2&page=3&flag", &[("cookie", "a=1; Session=x=y"), ("cookie", "b=2")]);
        assert_eq!(argument(&head, "page"), Some("2"));
        assert_eq!(argument(&head, "flag"), None);
        assert_eq!(cookie(&head, "session"), Some("x=y"));
        assert_eq!(cookie(&head, "b"), Some("2"));
        assert_eq!(cookie(&head, "c"), None);
    }

    #[test]
    fn repeated_headers_are_joined() {
        let head = head("/", &[("x-a", "1"), ("x-a", "2"), ("cookie", "a=1"), ("cookie", "b=2")]);
        let joined = |name: &'static str| {
            let mut out = Vec::new();
            append_header(&head.headers, &HeaderName::from_static(name), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(joined("x-a"), "1, 2");
        assert_eq!(joined("cookie"), "a=1; b=2");
    }

    #[test]
    fn the_target_takes_precedence_over_the_host_header() {
        assert_eq!(host_name(&head("/", &[("host", "GitLab.example.com:8443")])).unwrap(), "gitlab.example.com");
        assert_eq!(host_name(&head("http://a.example/", &[("host", "b.example")])).unwrap(), "a.example");
        assert_eq!(host_name(&head("/", &[])), None);
    }
}
