//! Host names: how they are written, compared and looked up.
//!
//! The name in a certificate request (SNI), in a `Host` header and in the configuration are one type,
//! normalised one way: lower case, no port, no trailing dot. So no two stations can disagree about
//! which host a request is for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// A valid, normalised host name or IP literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Box<str>);

/// Why a text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidHost {
    Empty,
    TooLong,
    Character,
    Label,
    Port,
}

/// A `Host` header or `:authority`, taken apart. Borrowed as long as nothing had to be normalised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedAuthority<'a> {
    pub host: Cow<'a, str>,
    pub port: Option<u16>,
}

/// A name in the configuration: itself, or every name below it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This name only.
    Exact(HostName),
    /// `*.name`: any number of labels before it, but at least one, as the package's Pages do it.
    Wildcard(HostName),
}

/// From names to values: exact before the longest wildcard before the default.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTable<T> {
    exact: HashMap<HostName, T>,
    below: HashMap<HostName, T>,
    /// What answers for names that are not in the table.
    pub default: Option<T>,
}

impl HostName {
    /// Reads a name without a port.
    pub fn parse(text: &str) -> Result<HostName, InvalidHost> {
        normalise(text).map(|name| HostName(name.into()))
    }

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
            InvalidHost::Character => "only letters, digits, '-', '_' and '.' can stand in a host name",
            InvalidHost::Label => "the parts between dots must have 1 to 63 characters",
            InvalidHost::Port => "the port is not a number from 1 to 65535",
        })
    }
}

impl<'a> ParsedAuthority<'a> {
    /// Reads `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`. User information is refused, an
    /// empty port is none (RFC 3986 section 3.2).
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
        Ok(ParsedAuthority { host: normalise(host)?, port })
    }
}

impl HostPattern {
    /// Reads `name` or `*.name`.
    pub fn parse(text: &str) -> Result<HostPattern, InvalidHost> {
        match text.strip_prefix("*.") {
            Some(parent) => HostName::parse(parent).map(HostPattern::Wildcard),
            None => HostName::parse(text).map(HostPattern::Exact),
        }
    }

    /// The name itself, or the one that all matching names end in.
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
    pub fn new() -> HostTable<T> {
        HostTable { exact: HashMap::new(), below: HashMap::new(), default: None }
    }

    /// Adds a pattern; gives back the value that held it before, if there was one.
    pub fn insert(&mut self, pattern: HostPattern, value: T) -> Option<T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.insert(name, value),
            HostPattern::Wildcard(name) => self.below.insert(name, value),
        }
    }

    /// The value for a normalised name, leaving the default aside.
    pub fn find(&self, host: &str) -> Option<&T> {
        if let Some(value) = self.exact.get(host) {
            return Some(value);
        }
        if self.below.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(value) = self.below.get(parent) {
                return Some(value);
            }
            rest = parent;
        }
        None
    }

    /// All patterns with their values, in a stable order: exact names first.
    pub fn entries(&self) -> Vec<(HostPattern, &T)> {
        let exact = self.exact.iter().map(|(name, value)| (HostPattern::Exact(name.clone()), value));
        let below = self.below.iter().map(|(name, value)| (HostPattern::Wildcard(name.clone()), value));
        let mut all: Vec<_> = exact.chain(below).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }
}

impl<T> Default for HostTable<T> {
    fn default() -> HostTable<T> {
        HostTable::new()
    }
}

fn normalise(text: &str) -> Result<Cow<'_, str>, InvalidHost> {
    if text.starts_with('[') {
        return ip6_literal(text);
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(InvalidHost::Empty);
    }
    if text.len() > 253 {
        return Err(InvalidHost::TooLong);
    }
    let mut label = 0;
    let mut upper = false;
    for byte in text.bytes() {
        match byte {
            b'.' if label == 0 => return Err(InvalidHost::Label),
            b'.' => label = 0,
            b'A'..=b'Z' => (upper, label) = (true, label + 1),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => label += 1,
            _ => return Err(InvalidHost::Character),
        }
        if label > 63 {
            return Err(InvalidHost::Label);
        }
    }
    Ok(if upper { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) })
}

fn ip6_literal(text: &str) -> Result<Cow<'_, str>, InvalidHost> {
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
    fn what_cannot_be_a_host_is_refused() {
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
    fn exact_beats_the_longest_wildcard_beats_a_shorter_one() {
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
