//! What an application learns of a client from the proxy alone: who it is, which host it asked for, and how it
//! came.
//!
//! It is nearly always the same for all requests of a connection. So it is put into words once, and stands
//! beside the other headers of a request instead of among them, where each of its names would be hashed, looked
//! for, and given room, every time.

use http::header::{self, HeaderName, HeaderValue};

use super::untrusted::is_untrusted;
use crate::model::virtual_host::HostSecurity;

/// Headers that the proxy says itself.
#[derive(Debug)]
pub struct ForwardingHeaders {
    /// As the client wrote it.
    host: HeaderValue,
    /// The client's address.
    client: HeaderValue,
    security: HostSecurity,
    lines: Box<[u8]>,
}

impl ForwardingHeaders {
    pub fn new(host: HeaderValue, client: HeaderValue, security: HostSecurity) -> ForwardingHeaders {
        let mut introduction = ForwardingHeaders { host, client, security, lines: Box::default() };
        let mut lines = Vec::new();
        for (name, value) in introduction.headers() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                lines.extend_from_slice(part);
            }
        }
        introduction.lines = lines.into();
        introduction
    }

    /// Whether it is about such a request.
    pub fn matches(&self, host: &HeaderValue, client: &HeaderValue, security: HostSecurity) -> bool {
        self.host == host && self.client == client && self.security == security
    }

    /// The headers as lines of an HTTP/1 head.
    pub fn as_http1(&self) -> &[u8] {
        &self.lines
    }

    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let ssl = matches!(self.security, HostSecurity::Tls(_)).then(|| (X_FORWARDED_SSL, ON));
        let always = [
            // The first line of all, as RFC 9112 section 3.2 advises.
            (header::HOST, self.host.clone()),
            (X_REAL_IP, self.client.clone()),
            (X_FORWARDED_FOR, self.client.clone()),
            (X_FORWARDED_PROTO, HeaderValue::from_static(self.security.scheme())),
        ];
        always.into_iter().chain(ssl)
    }
}

/// Whether a client's header of this name goes no further, because applications believe what it says, or because
/// an introduction says it.
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

    fn introduction(security: HostSecurity) -> ForwardingHeaders {
        ForwardingHeaders::new(
            HeaderValue::from_static("a.test:8443"),
            HeaderValue::from_static("10.0.0.1"),
            security,
        )
    }

    #[test]
    fn clients_cannot_say_what_an_introduction_says() {
        for (name, _) in introduction(HostSecurity::Plain).headers().chain([(X_FORWARDED_SSL, ON)]) {
            assert!(is_set_by_proxy(name.as_str()), "{name}");
        }
    }

    #[test]
    fn lines_are_those_of_a_head() {
        let lines = introduction(HostSecurity::Plain);
        let expected = "host: a.test:8443\r\nx-real-ip: 10.0.0.1\r\n\
            x-forwarded-for: 10.0.0.1\r\nx-forwarded-proto: http\r\n";
        assert_eq!(String::from_utf8_lossy(lines.as_http1()), expected);
    }
}
