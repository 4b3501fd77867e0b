//! The body of an answer on an HTTP/1.1 connection.
//!
//! It carries the connection it comes on, and drives it when it is polled. When it has been read to its end
//! the connection goes back to the pool; when it is dropped before, the connection closes, so that an
//! application stops working for a client that has left.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;
use super::error::AnswerFailure;
use super::pool::Pool;

/// The body of an answer, with its connection.
pub(super) struct ConnectionBody {
    incoming: Incoming,
    /// Gone once the body has ended.
    connection: Option<Box<Connection>>,
    pool: Rc<Pool>,
}

impl ConnectionBody {
    pub(super) fn new(incoming: Incoming, connection: Box<Connection>, pool: Rc<Pool>) -> ConnectionBody {
        ConnectionBody { incoming, connection: Some(connection), pool }
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

impl Body for ConnectionBody {
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

impl Drop for ConnectionBody {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The pool takes it only if this exchange is over in both directions.
            self.pool.put(connection);
        }
    }
}
