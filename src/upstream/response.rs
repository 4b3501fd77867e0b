//! The response received from an upstream.

use bytes::Bytes;
use http::response;

use super::connector::UpstreamStream;

/// A response, or a completed protocol switch. `B` is the body type of the protocol.
pub enum UpstreamResponse<B> {
    Response(http::Response<B>),
    /// The upstream switched protocols: the head of the 101, the stream, and the bytes read after the head.
    Upgraded(response::Parts, UpstreamStream, Bytes),
}

impl<B> UpstreamResponse<B> {
    /// Converts the body.
    pub(super) fn map_body<T>(self, map: impl FnOnce(B) -> T) -> UpstreamResponse<T> {
        match self {
            UpstreamResponse::Response(response) => UpstreamResponse::Response(response.map(map)),
            UpstreamResponse::Upgraded(head, stream, early) => UpstreamResponse::Upgraded(head, stream, early),
        }
    }
}
