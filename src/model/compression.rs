//! Response compression settings, by the rules of nginx `gzip_*`.

use std::fmt;

/// Whether responses of a virtual host are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CompressionPolicy {
    #[default]
    Off,
    Gzip(Box<GzipPolicy>),
}

/// Which responses are compressed, and at which level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipPolicy {
    pub types: CompressibleTypes,
    pub level: GzipLevel,
    /// Bytes; a response with a smaller `Content-Length` is not compressed (nginx `gzip_min_length`).
    pub min_length: u64,
    pub oldest_http: MinHttpVersion,
    pub proxied: GzipProxied,
    pub vary: GzipVary,
}

/// The media types that are compressed (nginx `gzip_types`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompressibleTypes {
    All,
    Listed(Vec<MediaType>),
}

/// A media type such as `text/html`, in lower case and without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType(Box<str>);

/// Compression level, 1 (fastest) to 9 (smallest).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GzipLevel(u8);

/// The oldest HTTP version that receives compressed responses (nginx `gzip_http_version`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinHttpVersion {
    Http10,
    Http11,
}

/// Whether requests with `Via`, which come from another proxy, receive compressed responses (nginx
/// `gzip_proxied`). Such a proxy may store a response and send it to clients that do not accept gzip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GzipProxied {
    Never,
    Always,
    When(Vec<GzipProxiedCondition>),
}

/// A condition of [`GzipProxied::When`]: the response may not be stored, or lacks a validator, or the request
/// is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipProxiedCondition {
    NoCache,
    NoStore,
    Private,
    /// `Expires` is in the past.
    Expired,
    NoLastModified,
    NoEtag,
    /// The request has `Authorization`.
    Auth,
}

/// Whether responses carry `Vary: Accept-Encoding` (nginx `gzip_vary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipVary {
    On,
    Off,
}

impl GzipPolicy {
    /// Bytes. Smaller responses hardly shrink. The GitLab package sets this limit.
    pub const MIN_LENGTH: u64 = 250;
}

impl CompressibleTypes {
    /// Returns whether a `Content-Type` is compressed. Its parameters are ignored.
    pub fn contains(&self, content_type: Option<&[u8]>) -> bool {
        let CompressibleTypes::Listed(listed) = self else { return true };
        let Some(media_type) = content_type.and_then(|it| it.split(|byte| *byte == b';').next()) else {
            return false;
        };
        let media_type = media_type.trim_ascii();
        listed.iter().any(|known| known.0.as_bytes().eq_ignore_ascii_case(media_type))
    }
}

impl MediaType {
    /// Parses `type/subtype`. Returns `None` for any other form, including parameters.
    pub fn parse(text: &str) -> Option<MediaType> {
        let (kind, subtype) = text.split_once('/')?;
        let is_token = |part: &str| !part.is_empty() && part.bytes().all(is_token_byte);
        (is_token(kind) && is_token(subtype)).then(|| MediaType(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl GzipLevel {
    /// The level of the GitLab package: most of the gain for little CPU time.
    pub const PACKAGE: GzipLevel = GzipLevel(2);

    /// Returns `None` unless the level is from 1 to 9.
    pub fn new(level: u64) -> Option<GzipLevel> {
        u8::try_from(level).ok().filter(|level| (1..=9).contains(level)).map(GzipLevel)
    }

    /// Returns the level, 1 to 9.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl MinHttpVersion {
    /// All versions, oldest first.
    pub const ALL: [MinHttpVersion; 2] = [MinHttpVersion::Http10, MinHttpVersion::Http11];

    /// Returns the nginx spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            MinHttpVersion::Http10 => "1.0",
            MinHttpVersion::Http11 => "1.1",
        }
    }
}

impl GzipProxied {
    /// The conditions that the GitLab package sets.
    pub fn of_package() -> GzipProxied {
        use GzipProxiedCondition::{Auth, Expired, NoCache, NoStore, Private};
        GzipProxied::When(vec![NoCache, NoStore, Private, Expired, Auth])
    }
}

impl GzipProxiedCondition {
    /// All conditions.
    pub const ALL: [GzipProxiedCondition; 7] = [
        GzipProxiedCondition::NoCache,
        GzipProxiedCondition::NoStore,
        GzipProxiedCondition::Private,
        GzipProxiedCondition::Expired,
        GzipProxiedCondition::NoLastModified,
        GzipProxiedCondition::NoEtag,
        GzipProxiedCondition::Auth,
    ];

    /// Returns the nginx spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            GzipProxiedCondition::NoCache => "no-cache",
            GzipProxiedCondition::NoStore => "no-store",
            GzipProxiedCondition::Private => "private",
            GzipProxiedCondition::Expired => "expired",
            GzipProxiedCondition::NoLastModified => "no_last_modified",
            GzipProxiedCondition::NoEtag => "no_etag",
            GzipProxiedCondition::Auth => "auth",
        }
    }
}

/// Returns whether a byte may occur in a token (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_parameters_are_ignored() {
        let listed = CompressibleTypes::Listed(MediaType::parse("Text/HTML").into_iter().collect());
        for written in ["text/html", "TEXT/html; charset=utf-8", "text/html ;x=y"] {
            assert!(listed.contains(Some(written.as_bytes())), "{written}");
        }
        for written in ["text/plain", "text/html2", "text", ""] {
            assert!(!listed.contains(Some(written.as_bytes())), "{written}");
        }
        assert!(!listed.contains(None));
        assert!(CompressibleTypes::All.contains(None));
    }

    #[test]
    fn a_media_type_has_two_tokens() {
        for text in ["", "text", "/", "text/", "/html", "text/html; q=1", "text /html"] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
        assert!(MediaType::parse("application/xml+rss").is_some());
    }
}
