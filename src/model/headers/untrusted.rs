//! Headers that applications believe because nobody but a proxy in front of them writes them.

use http::header::{self, HeaderMap, HeaderName};

use super::end_to_end::named_by_connection;
use super::ops::is_hop_by_hop;

/// Whether a client must not write a header of this name. Names with `_` are dropped as nginx does: CGI-like
/// applications cannot tell them from those with `-`.
pub fn is_untrusted(name: &str) -> bool {
    let is_known = match name.as_bytes()[0] {
        b'x' => name.starts_with("x-forwarded-") || name.starts_with("x-ssl-") || UNTRUSTED_X.contains(&name),
        b'f' => name == "forwarded",
        b't' => name == "true-client-ip",
        // RFC 9440 section 4: nobody but the proxy may speak of a client's certificate.
        b'c' => name == "cf-connecting-ip" || name.starts_with("client-cert"),
        b's' => name.starts_with("ssl-client-"),
        b'h' => name == "http2-settings",
        _ => false,
    };
    is_known || name.contains('_')
}

/// Leaves only trailers that may stand behind a body. An application that takes trailers for headers would
/// otherwise believe them, although the headers have been cleared of the same (RFC 9110 section 6.5.1).
pub fn remove_untrusted_trailers(trailers: &mut HeaderMap) {
    let unwanted = |name: &&HeaderName| {
        is_untrusted(name.as_str()) || is_hop_by_hop(name.as_str()) || HEADERS_ONLY.contains(name)
    };
    let names: Vec<HeaderName> = trailers.keys().filter(unwanted).cloned().collect();
    for name in names {
        trailers.remove(name);
    }
}

/// Removes the trailers of a response that RFC 9110 section 6.5.1 forbids, and the fields that a `Connection` among
/// the trailers names. HTTP/2 clients treat such a field as a malformed response (RFC 9113 section 8.2.2).
pub fn remove_forbidden_trailers(trailers: &mut HeaderMap) {
    let named: Vec<HeaderName> = named_by_connection(trailers).collect();
    let forbidden = |name: &&HeaderName| is_hop_by_hop(name.as_str()) || HEADERS_ONLY.contains(name);
    let names: Vec<HeaderName> = trailers.keys().filter(forbidden).cloned().collect();
    for name in names.into_iter().chain(named) {
        trailers.remove(name);
    }
}

const UNTRUSTED_X: [&str; 13] = [
    "x-real-ip",
    "x-client-cert",
    "x-client-certificate",
    "x-client-dn",
    "x-client-s-dn",
    "x-client-verify",
    "x-forwarded",
    "x-original-forwarded-for",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-scheme",
    "x-url-scheme",
    "x-accel-redirect",
];

/// What frames, routes, authenticates or describes a message has to be known before its body.
const HEADERS_ONLY: [HeaderName; 28] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_RANGE,
    header::DATE,
    header::EXPIRES,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::LOCATION,
    header::MAX_FORWARDS,
    header::PRAGMA,
    header::RANGE,
    header::RETRY_AFTER,
    header::SET_COOKIE,
    header::VARY,
    header::WARNING,
    header::WWW_AUTHENTICATE,
    header::TE,
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::EXPECT,
    header::TRAILER,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgeable_names_are_known_and_underscores_are_refused() {
        for name in
            ["x-forwarded-host", "forwarded", "true-client-ip", "x_real_ip", "cf-connecting-ip", "x-client-verify"]
        {
            assert!(is_untrusted(name), "{name}");
        }
        for name in ["x-request-id", "accept", "cookie", "x-gitlab-token", "content-type"] {
            assert!(!is_untrusted(name), "{name}");
        }
    }

    #[test]
    fn trailers_that_speak_for_the_proxy_or_frame_the_message_go() {
        let names = ["x-real-ip", "x_real_ip", "host", "content-length", "te", "authorization", "grpc-status"];
        let mut trailers: HeaderMap = names
            .map(|name| (HeaderName::from_static(name), header::HeaderValue::from_static("1")))
            .into_iter()
            .collect();
        remove_untrusted_trailers(&mut trailers);
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["grpc-status"]);
    }
}
