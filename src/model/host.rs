//! Host names, patterns and the host lookup table.
//!
//! SNI, the `Host` header and the configuration use one type with one normalization: lower case, no port, no
//! trailing dot. Two stages therefore cannot select different hosts for one request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A normalized host name or IP literal: lower case, no port, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Box<str>);

/// Error returned when a text is not a host name or an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidHost {
    Empty,
    /// More than 253 characters.
    TooLong,
    /// A character other than a letter, a digit, `-`, `_` or `.`, or an invalid IPv6 literal.
    Character,
    /// A label is empty or has more than 63 characters.
    Label,
    /// The port is not a number from 1 to 65535.
    Port,
}

/// A parsed `Host` header or `:authority`. Borrowed unless the host had to be normalized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedAuthority<'a> {
    pub host: Cow<'a, str>,
    pub port: Option<u16>,
}

/// A configured host name: exact, or a wildcard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// Matches this name only.
    Exact(HostName),
    /// `*.name`: matches names with one or more labels before `name`, as the GitLab package does for Pages.
    Wildcard(HostName),
}

/// Lookup table by host name: exact, then the longest wildcard, then the default.
///
/// ```
/// use gatepost::model::host::{HostPattern, HostTable};
///
/// let mut table = HostTable::new();
/// for (pattern, value) in [("gitlab.example.com", 1), ("*.pages.example.com", 2), ("*.example.com", 3)] {
///     table.insert(HostPattern::parse(pattern).expect("a host pattern"), value);
/// }
///
/// assert_eq!(table.find("gitlab.example.com"), Some(&1));
/// assert_eq!(table.find("a.b.pages.example.com"), Some(&2));
/// assert_eq!(table.find("pages.example.com"), Some(&3));
/// assert_eq!(table.find("example.com"), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct HostTable<T> {
    exact: HashMap<HostName, T>,
    wildcard: HashMap<HostName, T>,
    /// The value for names that no pattern matches. [`HostTable::find`] does not return it.
    pub default: Option<T>,
}

impl HostName {
    /// Parses a host name without a port.
    ///
    /// # Errors
    /// The text is empty, too long, or contains an invalid label or character.
    pub fn parse(text: &str) -> Result<HostName, InvalidHost> {
        normalize(text).map(|name| HostName(name.into()))
    }

    /// Returns the normalized name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidHost::Empty => "the name is empty",
            InvalidHost::TooLong => "the name is longer than 253 characters",
            InvalidHost::Character => "only letters, digits, `-`, `_` and `.` are allowed",
            InvalidHost::Label => "each label between dots must have 1 to 63 characters",
            InvalidHost::Port => "the port is not a number from 1 to 65535",
        })
    }
}

impl<'a> ParsedAuthority<'a> {
    /// Parses `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`. An empty port counts as no port (RFC 3986
    /// section 3.2.3).
    ///
    /// # Errors
    /// The host or the port is invalid, or the text contains user information.
    pub fn parse(text: &'a str) -> Result<ParsedAuthority<'a>, InvalidHost> {
        let after_literal = if text.starts_with('[') { text.find(']').ok_or(InvalidHost::Character)? } else { 0 };
        let (host, port) = match text[after_literal..].find(':') {
            Some(at) => (&text[..after_literal + at], Some(&text[after_literal + at + 1..])),
            None => (text, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port != 0).ok_or(InvalidHost::Port)?)
            }
            Some(_) => return Err(InvalidHost::Port),
        };
        Ok(ParsedAuthority { host: normalize(host)?, port })
    }
}

impl HostPattern {
    /// Parses `name` or `*.name`.
    ///
    /// # Errors
    /// The name, or the name after `*.`, is not a host name.
    ///
    /// ```
    /// use gatepost::model::host::{HostName, HostPattern, InvalidHost};
    ///
    /// let name = HostName::parse("pages.example.com").expect("a host name");
    /// assert_eq!(HostPattern::parse("Pages.Example.COM."), Ok(HostPattern::Exact(name.clone())));
    /// assert_eq!(HostPattern::parse("*.pages.example.com"), Ok(HostPattern::Wildcard(name)));
    /// assert_eq!(HostPattern::parse("pages.*.com"), Err(InvalidHost::Character));
    /// ```
    pub fn parse(text: &str) -> Result<HostPattern, InvalidHost> {
        match text.strip_prefix("*.") {
            Some(parent) => HostName::parse(parent).map(HostPattern::Wildcard),
            None => HostName::parse(text).map(HostPattern::Exact),
        }
    }

    /// Returns the name; for a wildcard the part after `*.`.
    pub fn name(&self) -> &HostName {
        match self {
            HostPattern::Exact(name) | HostPattern::Wildcard(name) => name,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(name) => name.fmt(f),
            HostPattern::Wildcard(name) => write!(f, "*.{name}"),
        }
    }
}

impl<T> HostTable<T> {
    /// Returns an empty table without a default.
    pub fn new() -> HostTable<T> {
        HostTable { exact: HashMap::new(), wildcard: HashMap::new(), default: None }
    }

    /// Adds a pattern. Returns the previous value of the pattern, if any.
    pub fn insert(&mut self, pattern: HostPattern, value: T) -> Option<T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.insert(name, value),
            HostPattern::Wildcard(name) => self.wildcard.insert(name, value),
        }
    }

    /// Returns the value for a normalized name, without falling back to the default.
    pub fn find(&self, host: &str) -> Option<&T> {
        if let Some(value) = self.exact.get(host) {
            return Some(value);
        }
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(value) = self.wildcard.get(parent) {
                return Some(value);
            }
            rest = parent;
        }
        None
    }

    /// Returns all patterns with their values in a stable order, exact names first.
    pub fn entries(&self) -> Vec<(HostPattern, &T)> {
        let exact = self.exact.iter().map(|(name, value)| (HostPattern::Exact(name.clone()), value));
        let wildcard = self.wildcard.iter().map(|(name, value)| (HostPattern::Wildcard(name.clone()), value));
        let mut all: Vec<_> = exact.chain(wildcard).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl<T> Default for HostTable<T> {
    fn default() -> HostTable<T> {
        HostTable::new()
    }
}

fn normalize(text: &str) -> Result<Cow<'_, str>, InvalidHost> {
    if text.starts_with('[') {
        return ipv6_literal(text);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if text.len() > 253 {
        return Err(InvalidHost::TooLong);
    }
    let mut label = 0;
    let mut has_upper = false;
    for byte in text.bytes() {
        match byte {
            b'.' if label == 0 => return Err(InvalidHost::Label),
            b'.' => label = 0,
            b'A'..=b'Z' => (has_upper, label) = (true, label + 1),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            _ => return Err(InvalidHost::Character),
        }
        if label > 63 {
            return Err(InvalidHost::Label);
        }
    }
    Ok(if has_upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) })
}

fn ipv6_literal(text: &str) -> Result<Cow<'_, str>, InvalidHost> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or(InvalidHost::Character)?;
    let address: std::net::Ipv6Addr = inner.parse().map_err(|_| InvalidHost::Character)?;
    Ok(Cow::Owned(format!("[{address}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Result<(String, Option<u16>), InvalidHost> {
        ParsedAuthority::parse(text).map(|a| (a.host.into_owned(), a.port))
    }

    #[test]
    fn names_are_compared_without_case_port_or_trailing_dot() {
        assert_eq!(authority("GitLab.Example.COM:8443"), Ok(("gitlab.example.com".into(), Some(8443))));
        assert_eq!(authority("gitlab.example.com."), Ok(("gitlab.example.com".into(), None)));
        assert_eq!(authority("gitlab.example.com:"), Ok(("gitlab.example.com".into(), None)));
        assert_eq!(authority("[0::1]:443"), Ok(("[::1]".into(), Some(443))));
        assert_eq!(authority("127.0.0.1"), Ok(("127.0.0.1".into(), None)));
    }

    #[test]
    fn invalid_hosts_are_rejected() {
        assert_eq!(authority(""), Err(InvalidHost::Empty));
        assert_eq!(authority("user@gitlab.example.com"), Err(InvalidHost::Character));
        assert_eq!(authority("gitlab.example.com:0"), Err(InvalidHost::Port));
        assert_eq!(authority("gitlab.example.com:99999"), Err(InvalidHost::Port));
        assert_eq!(authority("gitlab.example.com:+1"), Err(InvalidHost::Port));
        assert_eq!(authority("gitläb.example.com"), Err(InvalidHost::Character));
        assert_eq!(authority("a..b"), Err(InvalidHost::Label));
        assert_eq!(authority("[::1"), Err(InvalidHost::Character));
        assert_eq!(authority("[::1]x:80"), Err(InvalidHost::Character));
        assert_eq!(HostName::parse("gitlab.example.com:443"), Err(InvalidHost::Character));
    }

    #[test]
    fn exact_then_longest_wildcard_then_shorter_wildcard() {
        let mut table = HostTable::new();
        for (pattern, value) in [("a.pages.example.com", 1), ("*.pages.example.com", 2), ("*.example.com", 3)] {
            assert!(HostPattern::parse(pattern).map(|p| table.insert(p, value)).is_ok());
        }
        assert_eq!(table.find("a.pages.example.com"), Some(&1));
        assert_eq!(table.find("b.pages.example.com"), Some(&2));
        assert_eq!(table.find("x.y.pages.example.com"), Some(&2));
        assert_eq!(table.find("pages.example.com"), Some(&3));
        assert_eq!(table.find("example.com"), None);
    }
}
