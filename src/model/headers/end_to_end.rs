//! Headers that may travel on.
//!
//! A header either concerns the whole way from client to application, or just one connection of it
//! (RFC 9110 section 7.6.1). [`EndToEndHeaders`] holds only the former, and its one constructor strips the
//! rest; since sending takes an `EndToEndHeaders`, nobody can forget to.

use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::forwarding::{ForwardingHeaders, is_set_by_proxy};
use super::ops::{ResolvedHeaderOps, is_hop_by_hop};

/// Headers without any that belong to a single connection.
#[derive(Debug, Clone, Default)]
pub struct EndToEndHeaders {
    headers: HeaderMap,
    /// Says nothing that `headers` say.
    introduction: Option<Rc<ForwardingHeaders>>,
}

impl EndToEndHeaders {
    /// Takes away what belongs to the connection the message came on, and every header whose name `unwanted`
    /// picks. One look at each name costs less than a search for each that could be there.
    pub fn from_message(mut headers: HeaderMap, unwanted: impl Fn(&str) -> bool) -> EndToEndHeaders {
        let stops_here = |name: &&HeaderName| is_hop_by_hop(name.as_str()) || unwanted(name.as_str());
        let mut leaving: Vec<HeaderName> = headers.keys().filter(stops_here).cloned().collect();
        // Where both were sent, Transfer-Encoding framed the message, and the length is a lie that the next
        // hop would believe (RFC 9112 section 6.3).
        if leaving.contains(&header::TRANSFER_ENCODING) {
            leaving.push(header::CONTENT_LENGTH);
        }
        if leaving.contains(&header::CONNECTION) {
            leaving.extend(named_by_connection(&headers));
        }
        for name in leaving {
            headers.remove(name);
        }
        EndToEndHeaders { headers, introduction: None }
    }

    /// What travels on of a client's request, with the proxy's introduction of it.
    pub fn from_request(headers: HeaderMap, introduction: Rc<ForwardingHeaders>) -> EndToEndHeaders {
        EndToEndHeaders {
            introduction: Some(introduction),
            ..EndToEndHeaders::from_message(headers, is_set_by_proxy)
        }
    }

    pub fn apply(&mut self, ops: &ResolvedHeaderOps<'_>) {
        if !ops.is_empty() {
            self.merge();
            ops.apply(&mut self.headers);
        }
    }

    /// Gives the header exactly this value. Not for what an introduction says.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    pub fn get_all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.headers.get_all(name).iter()
    }

    /// All headers, for the hop that sends them and adds its own.
    pub fn into_headers(mut self) -> HeaderMap {
        self.merge();
        self.headers
    }

    /// The same for a hop that sends text, whose first lines are those of the introduction, if it is there still.
    pub fn into_http1(self) -> (Option<Rc<ForwardingHeaders>>, HeaderMap) {
        (self.introduction, self.headers)
    }

    fn merge(&mut self) {
        if let Some(introduction) = self.introduction.take() {
            self.headers.extend(introduction.headers());
        }
    }
}

/// What `Connection` says belongs to the connection. A sender cannot take away headers on which
/// security depends: those are never hop-by-hop, whatever it says.
pub(super) fn named_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let values = headers.get_all(header::CONNECTION);
    // Bytes, because a member that is no token must not hide the names beside it.
    let tokens = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let common = |token: &&[u8]| !COMMON_OPTIONS.iter().any(|it| it.eq_ignore_ascii_case(token));
    tokens
        .map(<[u8]>::trim_ascii)
        .filter(common)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| !ALWAYS_END_TO_END.contains(name))
}

/// Options that name no field.
const COMMON_OPTIONS: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];

const ALWAYS_END_TO_END: [HeaderName; 6] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::ORIGIN,
];

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
    fn hop_by_hop_headers_and_those_named_by_connection_go() {
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
    fn what_is_unwanted_goes_with_all_its_values() {
        assert_eq!(stripped(&[("x-unwanted", "1"), ("accept", "*/*"), ("x-unwanted", "2")]), ["accept"]);
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_does_not_travel() {
        assert_eq!(stripped(&[("transfer-encoding", "chunked"), ("content-length", "3"), ("age", "1")]), ["age"]);
    }

    #[test]
    fn connection_cannot_take_away_what_security_needs() {
        let headers =
            [("connection", "host, authorization, cookie"), ("host", "a"), ("authorization", "b"), ("cookie", "c")];
        assert_eq!(stripped(&headers), ["authorization", "cookie", "host"]);
    }
}
