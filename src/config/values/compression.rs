//! Compression as it is written.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::compression::{
    CompressibleTypes, GzipLevel, GzipPolicy, GzipProxied, GzipProxiedCondition, GzipVary, MediaType,
    MinHttpVersion,
};

/// What GitLab's host has if nothing is said.
pub fn of_package() -> GzipPolicy {
    GzipPolicy {
        types: CompressibleTypes::Listed(TYPES.into_iter().filter_map(MediaType::parse).collect()),
        level: GzipLevel::PACKAGE,
        min_length: GzipPolicy::MIN_LENGTH,
        oldest_http: MinHttpVersion::Http11,
        proxied: GzipProxied::of_package(),
        vary: GzipVary::On,
    }
}

/// Reads a list of types; `*` among them stands for all.
pub fn types<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<CompressibleTypes, ValueError> {
    let mut listed = Vec::new();
    for text in texts {
        if text == "*" {
            return Ok(CompressibleTypes::All);
        }
        let mistake = || ValueError::new(format!("`{text}` is not a media type")).help(TYPES_EXPECTED);
        let parsed = MediaType::parse(text).ok_or_else(mistake)?;
        if !listed.contains(&parsed) {
            listed.push(parsed);
        }
    }
    Ok(CompressibleTypes::Listed(listed))
}

/// Reads the oldest version of HTTP.
pub fn oldest_http(text: &str) -> Result<MinHttpVersion, ValueError> {
    let known = MinHttpVersion::ALL.into_iter().find(|version| version.as_str() == text);
    known.ok_or_else(|| ValueError::new(format!("`{text}` is neither 1.0 nor 1.1")).help(HTTP_EXPECTED))
}

/// Reads what answers to proxies must be like: nginx's words.
pub fn proxied<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<GzipProxied, ValueError> {
    let mut when = Vec::new();
    let mut always = false;
    for word in words {
        match word {
            "off" => return Ok(GzipProxied::Never),
            "any" => always = true,
            word => when.push(unshared(word)?),
        }
    }
    Ok(match (always, when.is_empty()) {
        (true, _) => GzipProxied::Always,
        (false, true) => GzipProxied::Never,
        (false, false) => GzipProxied::When(when),
    })
}

fn unshared(word: &str) -> Result<GzipProxiedCondition, ValueError> {
    let known = GzipProxiedCondition::ALL.into_iter().find(|known| known.as_str() == word);
    known.ok_or_else(|| {
        let mistake = ValueError::new(format!("nothing about an answer is called `{word}`"));
        match nearest(word, GzipProxiedCondition::ALL.map(GzipProxiedCondition::as_str)) {
            Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
            None => mistake.help(PROXIED_EXPECTED),
        }
    })
}

/// What to write where types are expected.
pub const TYPES_EXPECTED: &str = "write types such as \"text/html\", or \"*\" for all";

/// What to write where the oldest version of HTTP is expected.
pub const HTTP_EXPECTED: &str = "write \"1.1\", or \"1.0\" for older clients too";

/// What to write where conditions for proxies are expected.
pub const PROXIED_EXPECTED: &str = "write \"any\", \"off\" or words such as \"no-cache\", \"private\", \"auth\"";

/// nginx's own and those of the package. Programs are not among them: browsers get GitLab's compressed already.
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
    fn a_star_stands_for_all_types() {
        assert_eq!(types(["text/css", "*"]), Ok(CompressibleTypes::All));
        assert!(types(["css"]).is_err());
    }

    #[test]
    fn the_words_of_nginx_are_known() {
        assert_eq!(proxied(["off"]), Ok(GzipProxied::Never));
        assert_eq!(proxied(["auth", "any"]), Ok(GzipProxied::Always));
        assert_eq!(proxied("no-cache no-store private expired auth".split(' ')), Ok(GzipProxied::of_package()));
        assert!(proxied(["no_cache"]).is_err());
    }

    #[test]
    fn the_package_lists_nine_types() {
        let CompressibleTypes::Listed(listed) = of_package().types else { panic!("not all types") };
        assert_eq!(listed.len(), TYPES.len());
    }
}
