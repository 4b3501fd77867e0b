//! Removes hop-by-hop headers (RFC 9110 section 7.6.1).
//!
//! A header is either end-to-end or hop-by-hop. [`EndToEndHeaders`] holds only end-to-end headers, and its only
//! constructor removes all others. Sending a message requires an `EndToEndHeaders`, so removal cannot be
//! omitted.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::connection_options::named_by_connection;
use super::forwarding::{ForwardingHeaders, is_set_by_proxy};
use super::ops::{ResolvedHeaderOps, is_hop_by_hop};

/// Headers without any hop-by-hop header (RFC 9110 section 7.6.1).
///
/// ```
/// use gatepost::model::headers::end_to_end::EndToEndHeaders;
/// use http::HeaderMap;
///
/// let mut received = HeaderMap::new();
/// for (name, value) in [("connection", "x-hop"), ("x-hop", "1"), ("te", "trailers"), ("accept", "*/*")] {
///     received.append(name, value.parse().expect("a header value"));
/// }
/// let forwarded = EndToEndHeaders::from_message(received, |_| false).into_headers();
/// assert_eq!(forwarded.keys().collect::<Vec<_>>(), ["accept"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct EndToEndHeaders {
    headers: HeaderMap,
    /// Names in it do not occur in `headers`.
    forwarding: Option<Rc<ForwardingHeaders>>,
}

impl EndToEndHeaders {
    /// Removes hop-by-hop headers and the headers whose names `unwanted` selects. One check of each name costs
    /// less than a lookup of each removable name.
    pub fn from_message(mut headers: HeaderMap, unwanted: impl Fn(&str) -> bool) -> EndToEndHeaders {
        let is_removed = |name: &&HeaderName| is_hop_by_hop(name.as_str()) || unwanted(name.as_str());
        let mut removed: Vec<HeaderName> = headers.keys().filter(is_removed).cloned().collect();
        // Transfer-Encoding overrides Content-Length, so the length is wrong if a message has both. The next
        // hop must not receive it (RFC 9112 section 6.3).
        if removed.contains(&header::TRANSFER_ENCODING) {
            removed.push(header::CONTENT_LENGTH);
        }
        if removed.contains(&header::CONNECTION) {
            removed.extend(named_by_connection(&headers));
        }
        for name in removed {
            headers.remove(name);
        }
        EndToEndHeaders { headers, forwarding: None }
    }

    /// Builds the headers of a forwarded request: the client's headers, and the forwarding headers of the
    /// proxy.
    pub fn from_request(headers: HeaderMap, forwarding: Rc<ForwardingHeaders>) -> EndToEndHeaders {
        EndToEndHeaders { forwarding: Some(forwarding), ..EndToEndHeaders::from_message(headers, is_set_by_proxy) }
    }

    /// Applies resolved header operations.
    pub fn apply(&mut self, ops: &ResolvedHeaderOps<'_>) {
        if !ops.is_empty() {
            self.merge();
            ops.apply(&mut self.headers);
        }
    }

    /// Replaces all values of a header. Not valid for a forwarding header.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Returns all values of a header. Forwarding headers are not included until operations merge them.
    pub fn get_all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.headers.get_all(name).iter()
    }

    /// Returns all headers, including forwarding headers.
    pub fn into_headers(mut self) -> HeaderMap {
        self.merge();
        self.headers
    }

    /// Splits the headers into serialized forwarding headers, which start the HTTP/1 head, and the rest. The
    /// first part is `None` if header operations have merged them into the rest.
    pub fn into_http1(self) -> (Option<Rc<ForwardingHeaders>>, HeaderMap) {
        (self.forwarding, self.headers)
    }

    fn merge(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            self.headers.extend(forwarding.headers());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut left: Vec<_> = EndToEndHeaders::from_message(map, |name| name == "x-unwanted")
            .headers
            .keys()
            .map(ToString::to_string)
            .collect();
        left.sort();
        left
    }

    #[test]
    fn hop_by_hop_headers_and_those_named_by_connection_are_removed() {
        let headers = [
            ("connection", "keep-alive, X-Secret"),
            ("connection", "te"),
            ("te", "trailers"),
            ("x-secret", "1"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "x"),
            ("accept", "*/*"),
        ];
        assert_eq!(stripped(&headers), ["accept"]);
    }

    #[test]
    fn unwanted_headers_are_removed_with_all_values() {
        assert_eq!(stripped(&[("x-unwanted", "1"), ("accept", "*/*"), ("x-unwanted", "2")]), ["accept"]);
    }

    #[test]
    fn content_length_beside_transfer_encoding_is_removed() {
        assert_eq!(stripped(&[("transfer-encoding", "chunked"), ("content-length", "3"), ("age", "1")]), ["age"]);
    }

    #[test]
    fn connection_cannot_remove_security_headers() {
        let headers =
            [("connection", "host, authorization, cookie"), ("host", "a"), ("authorization", "b"), ("cookie", "c")];
        assert_eq!(stripped(&headers), ["authorization", "cookie", "host"]);
    }
}
