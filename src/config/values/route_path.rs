//! The paths of routes as they are written.

use http::uri::PathAndQuery;
use regex::Regex;

use crate::config::diagnostic::ValueError;

/// Reads a path or the beginning of one.
pub fn plain(text: &str) -> Result<String, ValueError> {
    if !text.starts_with('/') {
        return Err(ValueError::new(format!("`{text}` does not start with `/`, but every path does"))
            .help(format!("write \"/{text}\", or `regex` to match within the path")));
    }
    if let Some(rest) = text.find(['?', '#']).map(|at| &text[at..]) {
        return Err(ValueError::new(format!("`{rest}` is not part of the path, so no request would match"))
            .help("routes are chosen by the path alone; the query is passed on as it is"));
    }
    Ok(text.to_owned())
}

/// Reads what stands in place of a matched path. It is sent as it is written, so it must be encoded.
pub fn replacement(text: &str) -> Result<PathAndQuery, ValueError> {
    let path = plain(text)?;
    let is_encoded = path.bytes().all(|byte| byte.is_ascii_graphic());
    let parsed = PathAndQuery::try_from(path).ok().filter(|_| is_encoded);
    parsed.ok_or_else(|| {
        ValueError::new(format!("`{text}` is not a path as it is sent"))
            .help("write blanks and letters beyond ASCII as %XX, such as \"/a%20b/\"")
    })
}

/// What to write where the replacement of a path is expected.
pub const REPLACEMENT_EXPECTED: &str = "write a path in quotes; \"/\" takes the matched part away";

/// Reads a regular expression.
pub fn pattern(text: &str) -> Result<Regex, ValueError> {
    Regex::new(text).map_err(|why| {
        let why = why.to_string();
        let reason = why.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        ValueError::new(format!("`{text}` is not a regular expression: {reason}"))
            .help("the syntax is Perl's without look-around and back-references; 'single quotes' keep backslashes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_with_a_slash_and_has_no_query() {
        assert_eq!(plain("/-/health"), Ok("/-/health".to_owned()));
        for text in ["", "health", "~ /x", "/x?y=1", "/x#y"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_replacement_is_a_path_as_it_is_sent() {
        assert_eq!(replacement("/a%20b/").map(|path| path.to_string()), Ok("/a%20b/".to_owned()));
        for text in ["", "x", "/a b", "/ä", "/a?b"] {
            assert!(replacement(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_reason_against_a_pattern_is_told_in_one_line() {
        assert_eq!(pattern("/(git").unwrap_err().message, "`/(git` is not a regular expression: unclosed group");
        assert!(pattern("x{1000}{1000}{1000}").unwrap_err().message.contains("size limit"));
    }
}
