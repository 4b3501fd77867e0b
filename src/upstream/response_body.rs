//! The response body received from an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::error::AnswerFailure;
use super::http1::body::ConnectionBody;
use super::http2::body::StreamBody;

/// The body of an answer, as it comes.
pub struct AnswerBody(Source);

/// What brings the bytes.
enum Source {
    /// An HTTP/1.1 connection that nobody else uses meanwhile.
    Connection(ConnectionBody),
    /// One stream of an HTTP/2 connection.
    Stream(Box<StreamBody>),
}

impl From<ConnectionBody> for AnswerBody {
    fn from(body: ConnectionBody) -> AnswerBody {
        AnswerBody(Source::Connection(body))
    }
}

impl From<StreamBody> for AnswerBody {
    fn from(body: StreamBody) -> AnswerBody {
        AnswerBody(Source::Stream(Box::new(body)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerFailure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerFailure>>> {
        match &mut self.get_mut().0 {
            Source::Connection(body) => Pin::new(body).poll_frame(cx),
            Source::Stream(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Connection(body) => body.is_end_stream(),
            Source::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Connection(body) => body.size_hint(),
            Source::Stream(body) => body.size_hint(),
        }
    }
}
