//! The response received from an upstream.

use bytes::Bytes;
use http::response;

use super::connector::UpstreamStream;

/// The head of an answer is there, with a body of the connection's own kind.
pub enum Answer<B> {
    Response(http::Response<B>),
    /// It agreed to switch protocols; the connection is the caller's, with the bytes already read.
    Switched(response::Parts, UpstreamStream, Bytes),
}

impl<B> Answer<B> {
    /// The same with another type of body.
    pub(super) fn map_body<T>(self, map: impl FnOnce(B) -> T) -> Answer<T> {
        match self {
            Answer::Response(response) => Answer::Response(response.map(map)),
            Answer::Switched(head, stream, early) => Answer::Switched(head, stream, early),
        }
    }
}
