//! HTTP/1.1 upgrades: detects the request, builds the 101 for the client.
//!
//! A request alone opens no tunnel. Only the upstream's 101 to a request with `Upgrade` does:
//! [`UpgradeRequest::accept`] consumes the upgrade request. Until then the client's bytes are parsed as HTTP.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Version, request, response};
use hyper::body::Body;

use crate::model::headers::ops::ResolvedHeaderOps;
use crate::proxy::response_body::ResponseBody;
use crate::proxy::rewrite;
use crate::upstream::request::HopMode;

/// A valid HTTP/1.1 upgrade request; consumed to accept the upstream's 101.
pub struct UpgradeRequest {
    protocol: HeaderValue,
}

impl UpgradeRequest {
    /// Detects an upgrade request: HTTP/1.1 with `Connection: upgrade`, an `Upgrade` header and no body. `None` for
    /// other requests, and for `h2c`, because requests inside such a tunnel would bypass routing.
    pub fn from_request(head: &request::Parts, body: &impl Body) -> Option<UpgradeRequest> {
        let protocol = head.headers.get(header::UPGRADE)?;
        if head.version != Version::HTTP_11 || !body.is_end_stream() || !has_connection_upgrade(&head.headers) {
            return None;
        }
        let tokens = protocol.to_str().ok()?;
        let is_http2 = |token: &str| token.trim().get(..3).is_some_and(|start| start.eq_ignore_ascii_case("h2c"));
        if tokens.trim().is_empty() || tokens.split(',').any(is_http2) {
            return None;
        }
        Some(UpgradeRequest { protocol: protocol.clone() })
    }

    /// Returns the hop mode that requests the same upgrade from the upstream.
    pub fn hop_mode(&self) -> HopMode {
        HopMode::Upgrade(self.protocol.clone())
    }

    /// Builds the 101 for the client from `head`, the 101 of the upstream.
    pub fn accept(self, head: response::Parts, ops: &ResolvedHeaderOps<'_>) -> Response<ResponseBody> {
        let protocol = head.headers.get(header::UPGRADE).cloned().unwrap_or(self.protocol);
        let mut response = Response::new(ResponseBody::Upgrade);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = rewrite::to_client(head.status, head.headers, ops);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(header::UPGRADE, protocol);
        response
    }
}

/// Returns whether `Connection` contains the token `upgrade`.
fn has_connection_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::{Empty, Full};

    fn upgrade_request(version: Version, headers: &[(&'static str, &'static str)]) -> Option<UpgradeRequest> {
        let mut request = http::Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        UpgradeRequest::from_request(&request.body(()).unwrap().into_parts().0, &Empty::<Bytes>::new())
    }

    #[test]
    fn any_protocol_is_accepted_over_http_1_1() {
        assert!(
            upgrade_request(Version::HTTP_11, &[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")])
                .is_some()
        );
        assert!(upgrade_request(Version::HTTP_11, &[("connection", "Upgrade"), ("upgrade", "SPDY/3.1")]).is_some());
    }

    #[test]
    fn invalid_upgrade_requests_stay_http() {
        assert!(
            upgrade_request(Version::HTTP_10, &[("connection", "upgrade"), ("upgrade", "websocket")]).is_none()
        );
        assert!(upgrade_request(Version::HTTP_11, &[("upgrade", "websocket")]).is_none());
        assert!(
            upgrade_request(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", "h2c, websocket")])
                .is_none()
        );
        assert!(upgrade_request(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", " ")]).is_none());
    }

    #[test]
    fn a_request_with_a_body_is_no_upgrade_request() {
        let request = http::Request::builder().header("connection", "upgrade").header("upgrade", "websocket");
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert!(UpgradeRequest::from_request(&head, &Full::new(Bytes::from_static(b"x"))).is_none());
    }
}
