//! Headers as they are written in a configuration.

use http::HeaderValue;

use super::diagnostic::Mistake;
use crate::model::header_ops::{SettableName, UnsettableName};

/// Reads the name of a header that configuration may change.
pub fn name(text: &str) -> Result<SettableName, Mistake> {
    SettableName::parse(text).map_err(|why| {
        let mistake = Mistake::new(format!("`{text}` cannot be changed: {why}"));
        match why {
            UnsettableName::Invalid => mistake.help("a name has letters, digits and '-': \"X-Frame-Options\""),
            UnsettableName::HopByHop => mistake.help("remove it"),
        }
    })
}

/// Reads the value of a header.
pub fn value(text: &str) -> Result<HeaderValue, Mistake> {
    HeaderValue::from_str(text).map_err(|_| {
        Mistake::new("only visible ASCII characters, spaces and tabs can stand in a header")
            .help("remove line breaks and characters beyond ASCII")
    })
}

/// Reads a `Strict-Transport-Security` value. Without `max-age` browsers ignore the whole header
/// (RFC 6797 section 6.1.1).
pub fn hsts(text: &str) -> Result<HeaderValue, Mistake> {
    let has_age = text.split(';').any(|part| {
        let (name, age) = part.split_once('=').unwrap_or((part, ""));
        let age = age.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("max-age") && !age.is_empty() && age.bytes().all(|b| b.is_ascii_digit())
    });
    if !has_age {
        return Err(Mistake::new(format!("browsers ignore `{text}`: it has no max-age in seconds"))
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
