//! Request body received from a client.
//!
//! A response may be complete before its request is: the body is too large, or the upstream is unreachable. HTTP/1
//! then closes the connection with a lingering close. HTTP/2 would reset the stream with `NO_ERROR` (RFC 9113
//! section 8.1), but widespread clients, curl 7 among them, discard the response on any reset. The rest of an
//! HTTP/2 body is therefore read and discarded for up to 2 s; by then most clients have sent it, or have stopped.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::http1::io::{Http1BodyError, Http1RequestBody};
use crate::drain::TaskTracker;

/// Request body from an HTTP/1 connection or an HTTP/2 stream.
pub struct IncomingBody(IncomingBodySource);

/// Why a request body ended early.
#[derive(Debug)]
pub enum IncomingBodyError {
    /// HTTP/1.
    Connection(Http1BodyError),
    /// HTTP/2.
    Stream(hyper::Error),
}

/// The protocol-specific body.
enum IncomingBodySource {
    /// The request has no body.
    None,
    /// HTTP/1.
    Connection(Http1RequestBody),
    /// HTTP/2.
    Stream(Incoming),
}

/// The body of an HTTP/1 request.
impl From<Http1RequestBody> for IncomingBody {
    fn from(body: Http1RequestBody) -> IncomingBody {
        IncomingBody(if body.is_end_stream() {
            IncomingBodySource::None
        } else {
            IncomingBodySource::Connection(body)
        })
    }
}

/// The body of an HTTP/2 stream.
impl From<Incoming> for IncomingBody {
    fn from(incoming: Incoming) -> IncomingBody {
        IncomingBody(if incoming.is_end_stream() {
            IncomingBodySource::None
        } else {
            IncomingBodySource::Stream(incoming)
        })
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = IncomingBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IncomingBodyError>>> {
        match &mut self.0 {
            IncomingBodySource::None => Poll::Ready(None),
            IncomingBodySource::Connection(body) => {
                body.poll_frame(cx).map(|frame| frame.map(|it| it.map_err(IncomingBodyError::Connection)))
            }
            IncomingBodySource::Stream(incoming) => {
                Pin::new(incoming).poll_frame(cx).map_err(IncomingBodyError::Stream)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            IncomingBodySource::None => true,
            IncomingBodySource::Connection(body) => body.is_end_stream(),
            IncomingBodySource::Stream(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            IncomingBodySource::None => SizeHint::with_exact(0),
            IncomingBodySource::Connection(body) => body.size_hint(),
            IncomingBodySource::Stream(incoming) => incoming.size_hint(),
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            return;
        }
        if let IncomingBodySource::Stream(incoming) = std::mem::replace(&mut self.0, IncomingBodySource::None) {
            // Detached, so not counted by a drain: the body ends with its connection.
            TaskTracker::spawn_detached(drain(incoming));
        }
    }
}

impl fmt::Display for IncomingBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IncomingBodyError::Connection(error) => error.fmt(f),
            IncomingBodyError::Stream(error) => error.fmt(f),
        }
    }
}

/// The source is hyper's error, so that the error code of a client's reset can be passed on to an HTTP/2 upstream.
impl Error for IncomingBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            IncomingBodyError::Connection(_) => None,
            IncomingBodyError::Stream(error) => Some(error),
        }
    }
}

/// Reads and discards the rest of a body, for at most [`DRAIN_TIMEOUT`].
async fn drain(mut incoming: Incoming) {
    let read_to_end = async { while let Some(Ok(_)) = incoming.frame().await {} };
    // The response is complete, so nothing depends on whether the body is.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, read_to_end).await;
}

/// As long as the lingering close of an HTTP/1 connection.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
