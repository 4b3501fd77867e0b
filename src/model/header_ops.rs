//! Changes to headers, as data.
//!
//! Every header feature of the configuration (HSTS, Referrer-Policy, headers for the application)
//! lowers to these few instructions. Headers that frame a message or belong to one hop (RFC 9110
//! section 7.6.1) cannot be named: a [`HeaderOp`] that exists cannot break a connection.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// One change to the headers of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderOp {
    /// The header has exactly this value afterwards.
    Set(SettableName, HeaderValue),
    /// The header has this value beside those that it has already (nginx's `add_header`).
    Add(SettableName, HeaderValue),
    /// The header is gone afterwards.
    Remove(SettableName),
}

/// The name of a header that configuration may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettableName(HeaderName);

/// Why a header cannot be changed by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsettableName {
    /// Not a token (RFC 9110 section 5.6.2).
    Invalid,
    /// Belongs to one connection, or says where a message ends.
    HopByHop,
}

/// Headers that stop at each hop, whether or not `Connection` names them (RFC 9110 section 7.6.1).
/// `Proxy-Authenticate` and `Proxy-Authorization` are meant for proxies like this one.
pub const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];

impl SettableName {
    pub fn parse(text: &str) -> Result<SettableName, UnsettableName> {
        let name = HeaderName::try_from(text).map_err(|_| UnsettableName::Invalid)?;
        if HOP_BY_HOP.contains(&name) || name == header::CONTENT_LENGTH || name == header::TRAILER {
            return Err(UnsettableName::HopByHop);
        }
        Ok(SettableName(name))
    }

    /// For names written in this program. Panics on a hop-by-hop name, so the first test finds it.
    pub const fn from_static(name: &'static str) -> SettableName {
        SettableName(HeaderName::from_static(name))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for UnsettableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            UnsettableName::Invalid => "this is not a valid header name",
            UnsettableName::HopByHop => {
                "this header belongs to a single connection or frames the message; the proxy writes it itself"
            }
        })
    }
}

impl HeaderOp {
    /// The header that is changed.
    pub fn name(&self) -> &SettableName {
        match self {
            HeaderOp::Set(name, _) | HeaderOp::Add(name, _) | HeaderOp::Remove(name) => name,
        }
    }

    /// Changes `headers` as the operation says.
    pub fn apply(&self, headers: &mut HeaderMap) {
        match self {
            HeaderOp::Set(SettableName(name), value) => {
                headers.insert(name, value.clone());
            }
            HeaderOp::Add(SettableName(name), value) => {
                headers.append(name, value.clone());
            }
            HeaderOp::Remove(SettableName(name)) => {
                headers.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_and_hop_by_hop_headers_cannot_be_named() {
        for name in ["Connection", "transfer-encoding", "Content-Length", "Upgrade", "Keep-Alive", "TE", "Trailer"]
        {
            assert_eq!(SettableName::parse(name), Err(UnsettableName::HopByHop), "{name}");
        }
        assert_eq!(SettableName::parse("bad name"), Err(UnsettableName::Invalid));
        assert_eq!(
            SettableName::parse("X-Frame-Options").as_ref().map(SettableName::as_str),
            Ok("x-frame-options")
        );
    }

    #[test]
    fn set_replaces_every_value_and_remove_takes_all() {
        let mut headers = HeaderMap::new();
        headers.append("referrer-policy", HeaderValue::from_static("a"));
        headers.append("referrer-policy", HeaderValue::from_static("b"));
        let name = SettableName::from_static("referrer-policy");
        HeaderOp::Set(name.clone(), HeaderValue::from_static("c")).apply(&mut headers);
        assert_eq!(headers.get_all("referrer-policy").iter().collect::<Vec<_>>(), ["c"]);
        HeaderOp::Add(name.clone(), HeaderValue::from_static("d")).apply(&mut headers);
        assert_eq!(headers.get_all("referrer-policy").iter().collect::<Vec<_>>(), ["c", "d"]);
        HeaderOp::Remove(name).apply(&mut headers);
        assert!(headers.is_empty());
    }
}
