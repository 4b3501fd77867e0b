//! What an application answered.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response;
use hyper::body::{Body, Frame, SizeHint};

use super::connection_body::ConnectionBody;
use super::dial::UpstreamStream;
use super::error::AnswerFailure;
use super::stream_body::StreamBody;

/// The head of an answer is there.
pub enum Answer {
    Response(http::Response<AnswerBody>),
    /// It agreed to switch protocols; the connection is the caller's, with the bytes already read.
    Switched(response::Parts, UpstreamStream, Bytes),
}

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
