//! The body of an answer on an HTTP/1 connection.
//!
//! It carries the connection it comes on. When it has been read to its end the connection goes back to the
//! pool; when it is dropped before, the connection closes, so that an application stops working for a client
//! that has left.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Http1ClientConnection;
use super::idle_pool::IdlePool;
use crate::upstream::error::UpstreamBodyError;

/// The body of an answer, with its connection.
pub(crate) struct Http1ResponseBody {
    /// Gone once it has failed.
    connection: Option<Box<Http1ClientConnection>>,
    pool: Rc<IdlePool>,
}

impl Http1ResponseBody {
    pub(super) fn new(connection: Box<Http1ClientConnection>, pool: Rc<IdlePool>) -> Http1ResponseBody {
        Http1ResponseBody { connection: Some(connection), pool }
    }
}

impl Body for Http1ResponseBody {
    type Data = Bytes;
    type Error = UpstreamBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamBodyError>>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
        let frame = connection.poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = frame {
            self.connection = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| connection.is_response_complete())
    }

    fn size_hint(&self) -> SizeHint {
        self.connection.as_ref().map_or_else(SizeHint::default, |connection| connection.size_hint())
    }
}

impl Drop for Http1ResponseBody {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The pool takes it only if this exchange is over in both directions.
            self.pool.put(connection);
        }
    }
}
