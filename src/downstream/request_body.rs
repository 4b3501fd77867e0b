//! The body of a client's request, and what becomes of the part that nobody reads.
//!
//! An answer may come before its request has ended: the body is too large, or the application is not there.
//! HTTP/1 closes the connection then, gently. In HTTP/2 the stream is reset, with a code that says that all is
//! well (RFC 9113 section 8.1), and widespread clients, curl 7 among them, throw the answer away nevertheless.
//! So the rest is read for a moment, and forgotten; most clients have sent it already, or stop.

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

/// A body as it comes from the client.
pub struct IncomingBody(IncomingBodySource);

/// Why it ends before its end.
#[derive(Debug)]
pub enum IncomingBodyError {
    Connection(Http1BodyError),
    Stream(hyper::Error),
}

enum IncomingBodySource {
    None,
    /// HTTP/1.
    Connection(Http1RequestBody),
    /// HTTP/2.
    Stream(Incoming),
}

impl IncomingBody {
    pub(super) fn none() -> IncomingBody {
        IncomingBody(IncomingBodySource::None)
    }
}

impl From<Http1RequestBody> for IncomingBody {
    fn from(body: Http1RequestBody) -> IncomingBody {
        IncomingBody(IncomingBodySource::Connection(body))
    }
}

/// The body of a stream.
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
            // A part of the connection: when that ends, so does the body.
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

/// Its cause is hyper's: a client's reset reaches an application with its reason.
impl Error for IncomingBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            IncomingBodyError::Connection(_) => None,
            IncomingBodyError::Stream(error) => Some(error),
        }
    }
}

/// Reads to the end, or until the client had its time.
async fn drain(mut incoming: Incoming) {
    let to_the_end = async { while let Some(Ok(_)) = incoming.frame().await {} };
    // Whether it came to an end makes no difference any more.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, to_the_end).await;
}

/// As long as a connection of HTTP/1 is drained.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
