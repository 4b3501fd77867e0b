//! Parses compression settings.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::compression::{
    CompressibleTypes, GzipLevel, GzipPolicy, GzipProxied, GzipProxiedCondition, GzipVary, MediaType,
    MinHttpVersion,
};

/// Returns the gzip settings of the `nginx.conf` that the GitLab package generates by default.
pub fn package_defaults() -> GzipPolicy {
    GzipPolicy {
        types: CompressibleTypes::Listed(TYPES.into_iter().filter_map(MediaType::parse).collect()),
        level: GzipLevel::PACKAGE,
        min_length: GzipPolicy::MIN_LENGTH,
        oldest_http: MinHttpVersion::Http11,
        proxied: GzipProxied::of_package(),
        vary: GzipVary::On,
    }
}

/// Parses a list of media types (nginx `gzip_types`). `*` in the list selects all types.
///
/// # Errors
/// Returns an error for an element that is not a media type.
pub fn types<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<CompressibleTypes, ValueError> {
    let mut listed = Vec::new();
    for text in texts {
        if text == "*" {
            return Ok(CompressibleTypes::All);
        }
        let error = || ValueError::new(format!("`{text}` is not a media type")).help(TYPES_EXPECTED);
        let parsed = MediaType::parse(text).ok_or_else(error)?;
        if !listed.contains(&parsed) {
            listed.push(parsed);
        }
    }
    Ok(CompressibleTypes::Listed(listed))
}

/// Parses the oldest HTTP version that receives compressed responses (nginx `gzip_http_version`): `1.0` or `1.1`.
///
/// # Errors
/// Returns an error for any other text.
pub fn oldest_http(text: &str) -> Result<MinHttpVersion, ValueError> {
    let known = MinHttpVersion::ALL.into_iter().find(|version| version.as_str() == text);
    known.ok_or_else(|| ValueError::new(format!("unsupported HTTP version `{text}`")).help(HTTP_EXPECTED))
}

/// Parses the conditions for compressing responses to proxied requests (nginx `gzip_proxied`).
///
/// # Errors
/// Returns an error for an unknown condition.
pub fn proxied<'a>(conditions: impl IntoIterator<Item = &'a str>) -> Result<GzipProxied, ValueError> {
    let mut parsed = Vec::new();
    let mut always = false;
    for condition in conditions {
        match condition {
            "off" => return Ok(GzipProxied::Never),
            "any" => always = true,
            condition => parsed.push(proxied_condition(condition)?),
        }
    }
    Ok(match (always, parsed.is_empty()) {
        (true, _) => GzipProxied::Always,
        (false, true) => GzipProxied::Never,
        (false, false) => GzipProxied::When(parsed),
    })
}

fn proxied_condition(condition: &str) -> Result<GzipProxiedCondition, ValueError> {
    let known = GzipProxiedCondition::ALL.into_iter().find(|known| known.as_str() == condition);
    known.ok_or_else(|| {
        let error = ValueError::new(format!("unknown `proxied` condition `{condition}`"));
        match nearest(condition, GzipProxiedCondition::ALL.map(GzipProxiedCondition::as_str)) {
            Some(suggestion) => error.help(format!("did you mean `{suggestion}`?")),
            None => error.help(PROXIED_EXPECTED),
        }
    })
}

/// Help text for a value that is not a list of media types.
pub const TYPES_EXPECTED: &str = "write media types such as \"text/html\", or \"*\" for all";

/// Help text for a value that is not an HTTP version.
pub const HTTP_EXPECTED: &str = "write \"1.1\", or \"1.0\" to compress for HTTP/1.0 clients too";

/// Help text for a value that is not a list of `proxied` conditions.
pub const PROXIED_EXPECTED: &str =
    "write \"any\", \"off\" or conditions such as \"no-cache\", \"private\", \"auth\"";

/// The default of nginx (`text/html`) and the types of the GitLab package. `application/javascript` is not
/// included: GitLab serves its scripts to browsers from files that are already compressed.
const TYPES: [&str; 9] = [
    "text/html",
    "text/plain",
    "text/css",
    "application/x-javascript",
    "text/xml",
    "application/xml",
    "application/xml+rss",
    "text/javascript",
    "application/json",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_selects_all_types() {
        assert_eq!(types(["text/css", "*"]), Ok(CompressibleTypes::All));
        assert!(types(["css"]).is_err());
    }

    #[test]
    fn nginx_conditions_are_parsed() {
        assert_eq!(proxied(["off"]), Ok(GzipProxied::Never));
        assert_eq!(proxied(["auth", "any"]), Ok(GzipProxied::Always));
        assert_eq!(proxied("no-cache no-store private expired auth".split(' ')), Ok(GzipProxied::of_package()));
        assert!(proxied(["no_cache"]).is_err());
    }

    #[test]
    fn the_package_default_has_nine_types() {
        let CompressibleTypes::Listed(listed) = package_defaults().types else { panic!("not all types") };
        assert_eq!(listed.len(), TYPES.len());
    }
}
