//! Which host a request is for.
//!
//! Decided once, before anything else looks at the request: HTTP/2's `:authority`, an absolute target or
//! the `Host` header. Whatever names the host wrongly, twice or in contradiction is refused, because the
//! application would be free to understand it differently than we do.

use http::header::{self, HeaderValue};
use http::{Version, request};

use super::error::ProxyError;

/// The host that a request names.
pub enum RequestedHost<'a> {
    /// As the client wrote it, port included.
    Named(&'a str),
    /// HTTP/1.0 has no duty to name one.
    Unnamed,
}

impl RequestedHost<'_> {
    pub fn of(head: &request::Parts) -> Result<RequestedHost<'_>, ProxyError> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        match (head.uri.authority(), hosts.next(), hosts.next()) {
            (_, _, Some(_)) => Err(ProxyError::BadHost),
            (Some(authority), host, None) => in_target(head.version, authority.as_str(), host),
            (None, Some(host), None) => host.to_str().map(RequestedHost::Named).map_err(|_| ProxyError::BadHost),
            (None, None, None) if head.version == Version::HTTP_10 => Ok(RequestedHost::Unnamed),
            (None, None, None) => Err(ProxyError::BadHost),
        }
    }
}

/// The target's authority counts (RFC 9112 section 3.2.2). In HTTP/2 a differing `Host` makes the
/// request malformed (RFC 9113 section 8.3.1).
fn in_target<'a>(
    version: Version,
    authority: &'a str,
    host: Option<&HeaderValue>,
) -> Result<RequestedHost<'a>, ProxyError> {
    let agrees = host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()));
    if version == Version::HTTP_2 && !agrees || version == Version::HTTP_11 && host.is_none() {
        return Err(ProxyError::BadHost);
    }
    Ok(RequestedHost::Named(authority))
}
