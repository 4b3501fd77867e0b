//! The `Host` and `X-Forwarded-*` headers that the proxy sends to an upstream.
//!
//! They are nearly always the same for all requests of a connection. They are therefore serialized once and
//! kept beside the other headers of a request. In the header map each name would be hashed, looked up and
//! stored for every request.

use http::header::{self, HeaderName, HeaderValue};

use super::untrusted::is_untrusted;
use crate::model::virtual_host::HostSecurity;

/// `Host`, `X-Real-IP` and `X-Forwarded-*` for one client connection, serialized once.
#[derive(Debug)]
pub struct ForwardingHeaders {
    /// As the client sent it.
    host: HeaderValue,
    /// The client address without a port.
    client: HeaderValue,
    security: HostSecurity,
    http1: Box<[u8]>,
}

impl ForwardingHeaders {
    /// Builds and serializes the headers for a requested host, a client address and a transport.
    pub fn new(host: HeaderValue, client: HeaderValue, security: HostSecurity) -> ForwardingHeaders {
        let mut forwarding = ForwardingHeaders { host, client, security, http1: Box::default() };
        let mut lines = Vec::new();
        for (name, value) in forwarding.headers() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        forwarding.http1 = lines.into();
        forwarding
    }

    /// Returns whether the headers are valid for a host, client address and transport.
    pub fn matches(&self, host: &HeaderValue, client: &HeaderValue, security: HostSecurity) -> bool {
        self.host == host && self.client == client && self.security == security
    }

    /// Returns the headers serialized as HTTP/1 field lines.
    pub fn as_http1(&self) -> &[u8] {
        &self.http1
    }

    /// Iterates over the headers.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let ssl = matches!(self.security, HostSecurity::Tls(_)).then(|| (X_FORWARDED_SSL, ON));
        let always = [
            // `Host` comes first, as RFC 9112 section 3.2 recommends.
            (header::HOST, self.host.clone()),
            (X_REAL_IP, self.client.clone()),
            (X_FORWARDED_FOR, self.client.clone()),
            (X_FORWARDED_PROTO, HeaderValue::from_static(self.security.scheme())),
        ];
        always.into_iter().chain(ssl)
    }
}

/// Returns whether the proxy replaces a client-supplied header: it is a forwarding header, or upstreams trust
/// it.
pub fn is_set_by_proxy(name: &str) -> bool {
    is_untrusted(name) || name == "host"
}

const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_SSL: HeaderName = HeaderName::from_static("x-forwarded-ssl");
const ON: HeaderValue = HeaderValue::from_static("on");

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarding(security: HostSecurity) -> ForwardingHeaders {
        ForwardingHeaders::new(
            HeaderValue::from_static("a.test:8443"),
            HeaderValue::from_static("10.0.0.1"),
            security,
        )
    }

    #[test]
    fn clients_cannot_supply_forwarding_headers() {
        for (name, _) in forwarding(HostSecurity::Plain).headers().chain([(X_FORWARDED_SSL, ON)]) {
            assert!(is_set_by_proxy(name.as_str()), "{name}");
        }
    }

    #[test]
    fn headers_are_serialized_as_field_lines() {
        let headers = forwarding(HostSecurity::Plain);
        let expected = "host: a.test:8443\r\nx-real-ip: 10.0.0.1\r\n\
            x-forwarded-for: 10.0.0.1\r\nx-forwarded-proto: http\r\n";
        assert_eq!(String::from_utf8_lossy(headers.as_http1()), expected);
    }
}
