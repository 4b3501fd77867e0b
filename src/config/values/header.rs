//! Headers as they are written in a configuration.

use http::HeaderValue;

use super::template;
use crate::config::diagnostic::ValueError;
use crate::model::headers::ops::{HeaderOp, InvalidSettableHeader, SettableHeader};
use crate::model::template::Template;
use crate::model::variable::RequestVariable;

/// Reads the name of a header that configuration may change.
pub fn name(text: &str) -> Result<SettableHeader, ValueError> {
    SettableHeader::parse(text).map_err(|why| {
        let mistake = ValueError::new(format!("`{text}` cannot be changed: {why}"));
        match why {
            InvalidSettableHeader::Invalid => {
                mistake.help("a name has letters, digits and '-': \"X-Frame-Options\"")
            }
            InvalidSettableHeader::HopByHop => mistake.help("remove it"),
        }
    })
}

/// Reads the value of a header.
pub fn value(text: &str) -> Result<HeaderValue, ValueError> {
    HeaderValue::from_str(text).map_err(|_| {
        ValueError::new("only visible ASCII characters, spaces and tabs can stand in a header")
            .help("remove line breaks and characters beyond ASCII")
    })
}

/// A value with variables. What it says is known to be fit for a header but for the variables.
#[derive(Debug, Clone)]
pub enum HeaderTemplate {
    Constant(HeaderValue),
    OfRequest(Template<RequestVariable>),
}

/// Reads the value of a header, which may have variables of the request in it.
pub fn template(text: &str) -> Result<HeaderTemplate, ValueError> {
    let template = template::of_request(text)?;
    if let Some(literal) = template.as_literal() {
        return value(literal).map(HeaderTemplate::Constant);
    }
    value(text).map(|_| HeaderTemplate::OfRequest(template))
}

/// Gives a header this value.
pub fn set(name: SettableHeader, value: HeaderTemplate) -> HeaderOp {
    match value {
        HeaderTemplate::Constant(value) => HeaderOp::Set(name, value),
        HeaderTemplate::OfRequest(template) => HeaderOp::SetTo(name, template),
    }
}

/// Takes a header away.
pub fn remove(name: SettableHeader) -> Result<HeaderOp, ValueError> {
    if name.as_str() == "host" {
        // RFC 9112 section 3.2.
        return Err(
            ValueError::new("a request must have a Host").help("write the name that the application is to see")
        );
    }
    Ok(HeaderOp::Remove(name))
}

/// Reads a `Strict-Transport-Security` value. Without `max-age` browsers ignore the whole header
/// (RFC 6797 section 6.1.1).
pub fn hsts(text: &str) -> Result<HeaderValue, ValueError> {
    let has_age = text.split(';').any(|part| {
        let (name, age) = part.split_once('=').unwrap_or((part, ""));
        let age = age.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("max-age") && !age.is_empty() && age.bytes().all(|b| b.is_ascii_digit())
    });
    if !has_age {
        return Err(ValueError::new(format!("browsers ignore `{text}`: it has no max-age in seconds"))
            .help("write \"max-age=63072000\" for two years, or false to send no such header"));
    }
    value(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_needs_an_age() {
        for text in ["max-age=63072000", "includeSubDomains; Max-Age = \"0\"; preload"] {
            assert_eq!(hsts(text), Ok(HeaderValue::from_static(text)));
        }
        for text in ["", "max-age", "max-age=", "max-age=1y", "includeSubDomains"] {
            assert!(hsts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_stays_on_its_line() {
        assert!(value("nosniff").is_ok());
        assert!(value("a\r\nSet-Cookie: b").is_err());
    }
}
