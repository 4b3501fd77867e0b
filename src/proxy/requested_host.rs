//! Extracts the requested host from `Host`, `:authority` or the target.
//!
//! The host is extracted once, before any other use of the request. A request with an invalid, repeated or
//! contradictory host is rejected, because an upstream could select another host than the proxy did.

use http::header::{self, HeaderValue};
use http::{Version, request};

use super::error::ProxyError;

/// The host named by a request, if any.
pub enum RequestedHost<'a> {
    /// As received, with the port.
    Named(&'a str),
    /// An HTTP/1.0 request may omit `Host`.
    Unnamed,
}

impl RequestedHost<'_> {
    /// Extracts the host from a request head.
    ///
    /// # Errors
    ///
    /// [`ProxyError::BadHost`] if the host is missing, repeated, invalid or contradictory.
    pub fn from_head(head: &request::Parts) -> Result<RequestedHost<'_>, ProxyError> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        match (head.uri.authority(), hosts.next(), hosts.next()) {
            (_, _, Some(_)) => Err(ProxyError::BadHost),
            (Some(authority), host, None) => from_target(head.version, authority.as_str(), host),
            (None, Some(host), None) => host.to_str().map(RequestedHost::Named).map_err(|_| ProxyError::BadHost),
            (None, None, None) if head.version == Version::HTTP_10 => Ok(RequestedHost::Unnamed),
            (None, None, None) => Err(ProxyError::BadHost),
        }
    }
}

/// The authority of the target takes precedence over `Host` (RFC 9112 section 3.2.2). In HTTP/2 a differing `Host`
/// makes the request malformed (RFC 9113 section 8.3.1).
fn from_target<'a>(
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
