//! The body of a client's request, and what becomes of the part that nobody reads.
//!
//! An answer may come before its request has ended: the body is too large, or the application is not there.
//! HTTP/1 closes the connection then, gently. In HTTP/2 the stream is reset, with a code that says that all is
//! well (RFC 9113 section 8.1), and widespread clients, curl 7 among them, throw the answer away nevertheless.
//! So the rest is read for a moment, and forgotten; most clients have sent it already, or stop.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::drain::Drain;

/// A body as it comes from the client.
pub struct ClientBody {
    /// There until the end, when the rest may need another owner.
    incoming: Option<Incoming>,
    rest: Rest,
}

/// What becomes of bytes that come after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// The connection sees to them.
    OfConnection,
    ReadAway,
}

impl ClientBody {
    pub fn new(incoming: Incoming, version: Version) -> ClientBody {
        let rest = if version == Version::HTTP_2 { Rest::ReadAway } else { Rest::OfConnection };
        ClientBody { incoming: Some(incoming), rest }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if self.rest == Rest::OfConnection || self.is_end_stream() {
            return;
        }
        if let Some(incoming) = self.incoming.take() {
            // A part of the connection: when that ends, so does the body.
            Drain::spawn_part(read_away(incoming));
        }
    }
}

/// Reads to the end, or until the client had its time.
async fn read_away(mut incoming: Incoming) {
    let to_the_end = async { while let Some(Ok(_)) = incoming.frame().await {} };
    // Whether it came to an end makes no difference any more.
    let _ = tokio::time::timeout(PATIENCE, to_the_end).await;
}

/// As long as a connection of HTTP/1 is drained.
const PATIENCE: Duration = Duration::from_secs(2);
