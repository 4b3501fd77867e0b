//! What an application answered.
//!
//! The body of an answer carries the connection it comes on, and drives it when it is polled. When it has been read to its
//! end the connection goes back to the pool; when it is dropped before, the connection closes, so that
//! an application stops working for a client that has left.

use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
use super::dial::UpstreamStream;

use super::pool::Pool;

/// The head of an answer is there.
pub enum Answer {
    Response(http::Response<AnswerBody>),
    /// It agreed to switch protocols; the connection is the caller's, with the bytes already read.
    Switched(response::Parts, UpstreamStream, Bytes),
}

/// The body of an answer, as it comes.
pub struct AnswerBody {
    incoming: Incoming,
    /// Gone once the body has ended.
    connection: Option<Box<Connection>>,
    pool: Rc<Pool>,
}

/// Why an answer ends before its end. The client must see it truncated, never as complete.
#[derive(Debug)]
pub enum AnswerFailure {
    Broken(hyper::Error),
    /// The application fell silent for as long as the route allows.
    Silence,
}

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, connection: Box<Connection>, pool: Rc<Pool>) -> AnswerBody {
        AnswerBody { incoming, connection: Some(connection), pool }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        loop {
            let frame = Pin::new(&mut self.incoming).poll_frame(cx);
            let Some(connection) = self.connection.as_mut().filter(|connection| !connection.has_ended()) else {
                return frame;
            };
            if frame.is_ready() {
                return frame;
            }
            connection.drive(cx);
            // The end of the connection may be the end of the body, which then has to be asked again.
            if !connection.has_ended() {
                return Pin::new(&mut self.incoming).poll_frame(cx);
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerFailure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerFailure>>> {
        let this = self.get_mut();
        let frame = this.poll_incoming(cx);
        let Some(connection) = &mut this.connection else {
            return frame.map_err(AnswerFailure::Broken);
        };
        match frame {
            Poll::Ready(frame) => {
                connection.silence().progress();
                Poll::Ready(frame.map(|frame| frame.map_err(AnswerFailure::Broken)))
            }
            Poll::Pending => connection.silence().poll_expired(cx).map(|()| Some(Err(AnswerFailure::Silence))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The pool takes it only if this exchange is over in both directions.
            self.pool.put(connection);
        }
    }
}

impl fmt::Display for AnswerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswerFailure::Broken(error) => write!(f, "the application's answer broke off: {error}"),
            AnswerFailure::Silence => f.write_str("the application fell silent within its answer"),
        }
    }
}

impl std::error::Error for AnswerFailure {}
