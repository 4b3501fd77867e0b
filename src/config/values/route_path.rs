//! Parses route paths and regular expressions.

use http::uri::PathAndQuery;
use regex::Regex;

use crate::config::diagnostic::ValueError;

/// Parses a path, or a path prefix. Escape sequences are not decoded.
///
/// ```
/// use gatepost::config::values::route_path;
///
/// assert_eq!(route_path::plain("/-/health").unwrap(), "/-/health");
/// assert!(route_path::plain("health").is_err());
/// assert!(route_path::plain("/search?q=1").is_err());
/// ```
///
/// # Errors
/// Returns an error if the text does not start with `/` or contains a query or fragment.
pub fn plain(text: &str) -> Result<String, ValueError> {
    if !text.starts_with('/') {
        return Err(ValueError::new(format!("path `{text}` does not start with `/`"))
            .help(format!("write \"/{text}\", or use `regex` to match within the path")));
    }
    if let Some(rest) = text.find(['?', '#']).map(|at| &text[at..]) {
        return Err(ValueError::new(format!("`{rest}` is not part of a path: no request would match"))
            .help("write the path alone; the query is not matched and is forwarded unchanged"));
    }
    Ok(text.to_owned())
}

/// Parses the replacement of a matched path. It is sent unchanged and must therefore be percent-encoded.
///
/// ```
/// use gatepost::config::values::route_path;
///
/// assert_eq!(route_path::replacement("/a%20b/").unwrap().as_str(), "/a%20b/");
/// assert!(route_path::replacement("/a b/").is_err());
/// ```
///
/// # Errors
/// Returns an error if the text is not a path, or contains characters that must be percent-encoded.
pub fn replacement(text: &str) -> Result<PathAndQuery, ValueError> {
    let path = plain(text)?;
    let is_encoded = path.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed = PathAndQuery::try_from(path).ok().filter(|_| is_encoded);
    parsed.ok_or_else(|| {
        ValueError::new(format!("path `{text}` is not percent-encoded"))
            .help("write spaces and non-ASCII characters as %XX, such as \"/a%20b/\"")
    })
}

/// Help text for a value that is not a path replacement.
pub const REPLACEMENT_EXPECTED: &str = "write a path in quotes; \"/\" removes the matched part";

/// Parses a regular expression that is matched against the path.
///
/// ```
/// use gatepost::config::values::route_path;
///
/// assert!(route_path::pattern(r"\.php$").unwrap().is_match("/index.php"));
/// assert_eq!(route_path::pattern("(x").unwrap_err().message, "`(x` is not a regular expression: unclosed group");
/// ```
///
/// # Errors
/// Returns an error with the reason in one line if the syntax is invalid or the compiled size exceeds the limit.
pub fn pattern(text: &str) -> Result<Regex, ValueError> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        ValueError::new(format!("`{text}` is not a regular expression: {reason}"))
            .help("write Perl syntax without look-around and back-references; 'single quotes' keep backslashes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_slash_or_with_a_query_is_rejected() {
        assert_eq!(plain("/-/health"), Ok("/-/health".to_owned()));
        for text in ["", "health", "~ /x", "/x?y=1", "/x#y"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_replacement_that_is_not_encoded_is_rejected() {
        assert_eq!(replacement("/a%20b/").map(|path| path.to_string()), Ok("/a%20b/".to_owned()));
        for text in ["", "x", "/a b", "/ä", "/a?b"] {
            assert!(replacement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_of_a_pattern_fits_in_one_line() {
        assert_eq!(pattern("/(git").unwrap_err().message, "`/(git` is not a regular expression: unclosed group");
        assert!(pattern("x{1000}{1000}{1000}").unwrap_err().message.contains("size limit"));
    }
}
