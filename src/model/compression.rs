//! Which answers of a host are compressed: nginx's rules for gzip.

use std::fmt;

/// Whether the answers of a host are compressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CompressionPolicy {
    #[default]
    Off,
    Gzip(Box<GzipPolicy>),
}

/// Which answers are, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipPolicy {
    pub types: CompressibleTypes,
    pub level: GzipLevel,
    /// In bytes; an answer that says it is shorter stays as it is.
    pub min_length: u64,
    pub oldest_http: MinHttpVersion,
    pub proxied: GzipProxied,
    pub vary: GzipVary,
}

/// The types of answers that shrink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompressibleTypes {
    All,
    Listed(Vec<MediaType>),
}

/// A type such as `text/html`, in lower case and without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType(Box<str>);

/// How hard zlib tries, from 1 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GzipLevel(u8);

/// The oldest version of HTTP whose clients are believed to understand gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MinHttpVersion {
    Http10,
    Http11,
}

/// What becomes of answers to other proxies, which say `Via`. They may store an answer and hand it to clients
/// that cannot read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GzipProxied {
    Never,
    Always,
    When(Vec<GzipProxiedCondition>),
}

/// What keeps a proxy from storing an answer, or what is not there to store it by.
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

/// Whether answers tell caches that they depend on what the client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipVary {
    On,
    Off,
}

impl GzipPolicy {
    /// Shorter answers would hardly shrink; the limit of GitLab's host.
    pub const MIN_LENGTH: u64 = 250;
}

impl CompressibleTypes {
    /// Whether a `Content-Type` is among them. Its parameters do not count.
    pub fn include(&self, content_type: Option<&[u8]>) -> bool {
        let CompressibleTypes::Listed(listed) = self else { return true };
        let Some(written) = content_type.and_then(|it| it.split(|byte| *byte == b';').next()) else { return false };
        let written = written.trim_ascii();
        listed.iter().any(|known| known.0.as_bytes().eq_ignore_ascii_case(written))
    }
}

impl MediaType {
    /// `None` if the text has not the form `type/subtype`.
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
    /// Little work for most of the gain, as GitLab has it.
    pub const PACKAGE: GzipLevel = GzipLevel(2);

    /// `None` if it is not from 1 to 9.
    pub fn new(level: u64) -> Option<GzipLevel> {
        u8::try_from(level).ok().filter(|level| (1..=9).contains(level)).map(GzipLevel)
    }

    pub fn get(self) -> u8 {
        self.0
    }
}

impl MinHttpVersion {
    pub const ALL: [MinHttpVersion; 2] = [MinHttpVersion::Http10, MinHttpVersion::Http11];

    /// nginx's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            MinHttpVersion::Http10 => "1.0",
            MinHttpVersion::Http11 => "1.1",
        }
    }
}

impl GzipProxied {
    /// Every answer that says so, as GitLab has it.
    pub fn of_package() -> GzipProxied {
        use GzipProxiedCondition::{Auth, Expired, NoCache, NoStore, Private};
        GzipProxied::When(vec![NoCache, NoStore, Private, Expired, Auth])
    }
}

impl GzipProxiedCondition {
    pub const ALL: [GzipProxiedCondition; 7] = [
        GzipProxiedCondition::NoCache,
        GzipProxiedCondition::NoStore,
        GzipProxiedCondition::Private,
        GzipProxiedCondition::Expired,
        GzipProxiedCondition::NoLastModified,
        GzipProxiedCondition::NoEtag,
        GzipProxiedCondition::Auth,
    ];

    /// nginx's word for it.
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

/// What a token is made of (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_without_case_and_parameters() {
        let listed = CompressibleTypes::Listed(MediaType::parse("Text/HTML").into_iter().collect());
        for written in ["text/html", "TEXT/html; charset=utf-8", "text/html ;x=y"] {
            assert!(listed.include(Some(written.as_bytes())), "{written}");
        }
        for written in ["text/plain", "text/html2", "text", ""] {
            assert!(!listed.include(Some(written.as_bytes())), "{written}");
        }
        assert!(!listed.include(None));
        assert!(CompressibleTypes::All.include(None));
    }

    #[test]
    fn a_type_has_two_parts() {
        for text in ["", "text", "/", "text/", "/html", "text/html; q=1", "text /html"] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
        assert!(MediaType::parse("application/xml+rss").is_some());
    }
}
