//! The response received from an upstream.

use bytes::Bytes;
use http::response;

use super::connector::UpstreamStream;

/// The head of an answer is there, with a body of the connection's own kind.
pub enum UpstreamResponse<B> {
    Response(http::Response<B>),
    /// It agreed to switch protocols; the connection is the caller's, with the bytes already read.
    Upgraded(response::Parts, UpstreamStream, Bytes),
}

impl<B> UpstreamResponse<B> {
    /// The same with another type of body.
    pub(super) fn map_body<T>(self, map: impl FnOnce(B) -> T) -> UpstreamResponse<T> {
        match self {
            UpstreamResponse::Response(response) => UpstreamResponse::Response(response.map(map)),
            UpstreamResponse::Upgraded(head, stream, early) => UpstreamResponse::Upgraded(head, stream, early),
        }
    }
}
