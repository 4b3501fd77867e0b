//! Request headers that clients may not supply, because upstreams trust the proxy to set them.

use http::header::{self, HeaderMap, HeaderName};

use super::connection_options::named_by_connection;
use super::ops::is_hop_by_hop;

/// Returns whether a client-supplied header must be removed. Names with `_` are dropped, as in nginx: CGI-style
/// upstreams cannot distinguish them from names with `-`.
pub fn is_untrusted(name: &str) -> bool {
    let is_known = match name.as_bytes()[0] {
        b'x' => name.starts_with("x-forwarded-") || name.starts_with("x-ssl-") || UNTRUSTED_X.contains(&name),
        b'f' => name == "forwarded",
        b't' => name == "true-client-ip",
        // RFC 9440 section 4: only the proxy may supply the headers about a client certificate.
        b'c' => name == "cf-connecting-ip" || name.starts_with("client-cert"),
        b's' => name.starts_with("ssl-client-"),
        b'h' => name == "http2-settings",
        _ => false,
    };
    is_known || name.contains('_')
}

/// Removes the trailers of a request that are forbidden or untrusted. An upstream that merges trailers into the
/// headers would otherwise accept headers that were removed from the request head.
pub fn remove_untrusted_trailers(trailers: &mut HeaderMap) {
    remove_trailers(trailers, is_untrusted);
}

/// Removes the forbidden trailers of a response. HTTP/2 clients treat a hop-by-hop field as a malformed response
/// (RFC 9113 section 8.2.2).
pub fn remove_forbidden_trailers(trailers: &mut HeaderMap) {
    remove_trailers(trailers, |_| false);
}

/// Removes the trailers that RFC 9110 section 6.5.1 forbids, the fields that a `Connection` among the trailers
/// names, and the fields that `unwanted` selects.
fn remove_trailers(trailers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let is_removed =
        |name: &&HeaderName| is_hop_by_hop(name.as_str()) || HEADERS_ONLY.contains(name) || unwanted(name.as_str());
    let mut removed: Vec<HeaderName> = trailers.keys().filter(is_removed).cloned().collect();
    if removed.contains(&header::CONNECTION) {
        removed.extend(named_by_connection(trailers));
    }
    for name in removed {
        trailers.remove(name);
    }
}

/// Untrusted names that start with `x-`, except the prefixes `x-forwarded-` and `x-ssl-`.
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

/// Headers for framing, routing, authentication and content; they must be known before the body.
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
    fn untrusted_names_and_underscores_are_recognized() {
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
    fn untrusted_and_framing_trailers_are_removed() {
        let names = ["x-real-ip", "x_real_ip", "host", "content-length", "te", "authorization", "grpc-status"];
        let mut trailers: HeaderMap = names
            .map(|name| (HeaderName::from_static(name), header::HeaderValue::from_static("1")))
            .into_iter()
            .collect();
        remove_untrusted_trailers(&mut trailers);
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["grpc-status"]);
    }

    #[test]
    fn trailers_that_connection_names_are_removed() {
        for remove in [remove_untrusted_trailers, remove_forbidden_trailers] {
            let mut trailers = HeaderMap::new();
            for (name, value) in [("connection", "x-hop, close"), ("x-hop", "1"), ("grpc-status", "0")] {
                trailers.append(name, header::HeaderValue::from_static(value));
            }
            remove(&mut trailers);
            assert_eq!(trailers.keys().collect::<Vec<_>>(), ["grpc-status"]);
        }
    }
}
