//! Parses header names, values and templates.

use http::HeaderValue;

use super::template;
use crate::config::diagnostic::ValueError;
use crate::model::headers::ops::{HeaderOp, InvalidSettableHeader, SettableHeader};
use crate::model::template::Template;
use crate::model::variable::RequestVariable;

/// Parses the name of a header that configuration may set or remove.
///
/// ```
/// use gatepost::config::values::header;
///
/// assert!(header::name("X-Frame-Options").is_ok());
/// assert!(header::name("Transfer-Encoding").is_err(), "the proxy sets it");
/// ```
///
/// # Errors
/// Returns an error for an invalid name, and for a header that belongs to a single connection or frames the
/// message.
pub fn name(text: &str) -> Result<SettableHeader, ValueError> {
    SettableHeader::parse(text).map_err(|reason| {
        let error = ValueError::new(format!("header `{text}` cannot be set: {reason}"));
        match reason {
            InvalidSettableHeader::Invalid => {
                error.help("write a name of letters, digits and '-', such as \"X-Frame-Options\"")
            }
            InvalidSettableHeader::HopByHop => error.help("remove it"),
        }
    })
}

/// Parses a header value.
///
/// # Errors
/// Returns an error for line breaks, other control characters and characters beyond ASCII.
pub fn value(text: &str) -> Result<HeaderValue, ValueError> {
    HeaderValue::from_str(text).map_err(|_| {
        ValueError::new("a header value may contain only visible ASCII characters, spaces and tabs")
            .help("remove line breaks and non-ASCII characters")
    })
}

/// A header value that may contain variables. Its literal parts are valid in a header; values of variables are not
/// known yet.
#[derive(Debug, Clone)]
pub enum HeaderTemplate {
    Constant(HeaderValue),
    Template(Template<RequestVariable>),
}

/// Parses a header value with request variables.
///
/// # Errors
/// Returns an error for an unknown variable, and for literal parts that are not valid in a header.
pub fn template(text: &str) -> Result<HeaderTemplate, ValueError> {
    let template = template::parse_request(text)?;
    if let Some(literal) = template.as_literal() {
        return value(literal).map(HeaderTemplate::Constant);
    }
    value(text).map(|_| HeaderTemplate::Template(template))
}

/// Returns the operation that sets a header.
pub fn set(name: SettableHeader, value: HeaderTemplate) -> HeaderOp {
    match value {
        HeaderTemplate::Constant(value) => HeaderOp::Set(name, value),
        HeaderTemplate::Template(template) => HeaderOp::SetTo(name, template),
    }
}

/// Returns the operation that removes a header.
///
/// # Errors
/// Returns an error for `Host`, which every HTTP/1.1 request must have (RFC 9112 section 3.2).
pub fn remove(name: SettableHeader) -> Result<HeaderOp, ValueError> {
    if name.as_str() == "host" {
        return Err(ValueError::new("header `Host` cannot be removed")
            .help("write the host name that the upstream expects"));
    }
    Ok(HeaderOp::Remove(name))
}

/// Parses a `Strict-Transport-Security` value.
///
/// # Errors
/// Returns an error without `max-age`: browsers then ignore the whole header (RFC 6797 section 6.1.1).
pub fn hsts(text: &str) -> Result<HeaderValue, ValueError> {
    let has_max_age = text.split(';').any(|part| {
        let (name, max_age) = part.split_once('=').unwrap_or((part, ""));
        let max_age = max_age.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("max-age")
            && !max_age.is_empty()
            && max_age.bytes().all(|b| b.is_ascii_digit())
    });
    if !has_max_age {
        return Err(ValueError::new(format!("`{text}` has no `max-age` in seconds, so browsers ignore it"))
            .help("write \"max-age=63072000\" for two years, or false to omit the header"));
    }
    value(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_without_max_age_is_rejected() {
        for text in ["max-age=63072000", "includeSubDomains; Max-Age = \"0\"; preload"] {
            assert_eq!(hsts(text), Ok(HeaderValue::from_static(text)));
        }
        for text in ["", "max-age", "max-age=", "max-age=1y", "includeSubDomains"] {
            assert!(hsts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_with_a_line_break_is_rejected() {
        assert!(value("nosniff").is_ok());
        assert!(value("a\r\nSet-Cookie: b").is_err());
    }
}
