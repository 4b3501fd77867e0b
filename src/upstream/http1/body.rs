//! Response body that returns its connection to the pool.
//!
//! The body owns its connection. After the last frame the connection returns to the pool. If the body is dropped
//! earlier, the connection closes, so that the upstream stops working for a client that has disconnected.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Http1ClientConnection;
use super::idle_pool::IdlePool;
use crate::upstream::error::UpstreamBodyError;

/// Response body that owns its connection.
pub(crate) struct Http1ResponseBody {
    /// `None` after an error.
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
            // The pool accepts the connection only if request and response are complete.
            self.pool.put(connection);
        }
    }
}
