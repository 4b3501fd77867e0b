//! A client's offer to switch protocols, and its acceptance.
//!
//! Nothing becomes a tunnel because a client says so: only the application's 101 to a request that asked
//! for it does ([`UpgradeRequest::accept`] consumes the offer). Until then the client's bytes are HTTP.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Version, request, response};
use hyper::body::Body;

use crate::model::headers::ops::ResolvedHeaderOps;
use crate::proxy::response_body::ResponseBody;
use crate::proxy::rewrite;
use crate::upstream::request::HopMode;

/// A well-formed wish to switch protocols.
pub struct UpgradeRequest {
    protocol: HeaderValue,
}

impl UpgradeRequest {
    /// The offer in a request, if there is one that can be honoured: HTTP/1.1, `Connection: upgrade`, no
    /// body, and not HTTP/2, which would be a way around all routing.
    pub fn from_request(head: &request::Parts, body: &impl Body) -> Option<UpgradeRequest> {
        let protocol = head.headers.get(header::UPGRADE)?;
        if head.version != Version::HTTP_11 || !body.is_end_stream() || !connection_says_upgrade(&head.headers) {
            return None;
        }
        let offered = protocol.to_str().ok()?;
        let is_http2 = |token: &str| token.trim().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("h2c"));
        if offered.trim().is_empty() || offered.split(',').any(is_http2) {
            return None;
        }
        Some(UpgradeRequest { protocol: protocol.clone() })
    }

    /// How the request is to be sent on.
    pub fn hop(&self) -> HopMode {
        HopMode::Upgrade(self.protocol.clone())
    }

    /// The 101 for the client, made from the application's.
    pub fn accept(self, answer: response::Parts, ops: &ResolvedHeaderOps<'_>) -> Response<ResponseBody> {
        let protocol = answer.headers.get(header::UPGRADE).cloned().unwrap_or(self.protocol);
        let mut reply = Response::new(ResponseBody::Switching);
        *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *reply.headers_mut() = rewrite::to_client(answer.headers, ops);
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        reply.headers_mut().insert(header::UPGRADE, protocol);
        reply
    }
}

fn connection_says_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::{Empty, Full};

    fn offer(version: Version, headers: &[(&'static str, &'static str)]) -> Option<UpgradeRequest> {
        let mut request = http::Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        UpgradeRequest::from_request(&request.body(()).unwrap().into_parts().0, &Empty::<Bytes>::new())
    }

    #[test]
    fn any_protocol_can_be_offered_over_http_1_1() {
        assert!(
            offer(Version::HTTP_11, &[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]).is_some()
        );
        assert!(offer(Version::HTTP_11, &[("connection", "Upgrade"), ("upgrade", "SPDY/3.1")]).is_some());
    }

    #[test]
    fn what_is_no_proper_offer_stays_http() {
        assert!(offer(Version::HTTP_10, &[("connection", "upgrade"), ("upgrade", "websocket")]).is_none());
        assert!(offer(Version::HTTP_11, &[("upgrade", "websocket")]).is_none());
        assert!(offer(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "h2c, websocket")]).is_none());
        assert!(offer(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", " ")]).is_none());
    }

    #[test]
    fn a_request_with_a_body_does_not_become_a_tunnel() {
        let request = http::Request::builder().header("connection", "upgrade").header("upgrade", "websocket");
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert!(UpgradeRequest::from_request(&head, &Full::new(Bytes::from_static(b"x"))).is_none());
    }
}
