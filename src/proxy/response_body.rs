//! Response body that updates the access log record and the client timeouts.
//!
//! The body owns the record, so the exchange ends after the last frame, or when the client disconnects and the body
//! is dropped.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::file_body::FileBody;
use super::gzip_body::{GzipBody, GzipError};
use crate::downstream::connection::ActiveExchange;
use crate::model::headers::untrusted;
use crate::telemetry::access_log::ExchangeRecord;
use crate::upstream::error::UpstreamBodyError;
use crate::upstream::response_body::UpstreamBody;

/// Response body with its access log record.
pub enum ResponseBody {
    Message {
        content: BodyContent,
        tracker: ExchangeTracker,
    },
    /// The empty body of a 101. The tunnel owns the record.
    Upgrade,
}

/// Source of body bytes: memory, upstream, file or encoder.
pub enum BodyContent {
    Empty,
    Bytes(Bytes),
    Upstream(UpstreamBody),
    File(FileBody),
    /// Any of the others, compressed.
    Gzip(Box<GzipBody<BodyContent>>),
}

/// Why a response body ended early.
#[derive(Debug)]
pub enum ResponseBodyError {
    Upstream(UpstreamBodyError),
    /// Reading failed, or the file became shorter.
    File(io::Error),
    Gzip(GzipError),
}

/// Access log record and in-flight marker of an exchange.
pub struct ExchangeTracker {
    record: ExchangeRecord,
    active: ActiveExchange,
    waiting_for: BodyWait,
}

/// Whether the response waits for the upstream or for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyWait {
    /// The next frame has not arrived.
    Upstream,
    /// A frame is waiting to be written; the write timeout of the client runs.
    Client,
}

impl ExchangeTracker {
    /// Creates the tracker of a response whose head is about to be written.
    pub fn new(record: ExchangeRecord, active: ActiveExchange) -> ExchangeTracker {
        active.response_pending();
        ExchangeTracker { record, active, waiting_for: BodyWait::Client }
    }

    /// Records that the connection polls for a frame: the client has accepted the previous one.
    fn frame_requested(&mut self) {
        if self.waiting_for == BodyWait::Client {
            self.waiting_for = BodyWait::Upstream;
            self.active.response_consumed();
        }
    }

    /// Records that the connection received a frame to write.
    fn frame_ready(&mut self, bytes: u64) {
        self.record.add_sent(bytes);
        self.waiting_for = BodyWait::Client;
        self.active.response_pending();
    }
}

impl Drop for ExchangeTracker {
    fn drop(&mut self) {
        self.frame_requested();
    }
}

impl Body for BodyContent {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        match self.get_mut() {
            BodyContent::Empty => Poll::Ready(None),
            BodyContent::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            BodyContent::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            BodyContent::Upstream(body) => {
                let mut frame = ready!(Pin::new(body).poll_frame(cx));
                if let Some(trailers) = frame.as_mut().and_then(|it| it.as_mut().ok()?.trailers_mut()) {
                    untrusted::remove_forbidden_trailers(trailers);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::Upstream)))
            }
            BodyContent::File(body) => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::File)))
            }
            BodyContent::Gzip(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            BodyContent::Empty => true,
            BodyContent::Bytes(bytes) => bytes.is_empty(),
            BodyContent::Upstream(body) => body.is_end_stream(),
            BodyContent::File(body) => body.is_end_stream(),
            BodyContent::Gzip(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            BodyContent::Empty => SizeHint::with_exact(0),
            BodyContent::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyContent::Upstream(body) => body.size_hint(),
            BodyContent::File(body) => body.size_hint(),
            BodyContent::Gzip(_) => SizeHint::default(),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let ResponseBody::Message { content, tracker } = self.get_mut() else { return Poll::Ready(None) };
        tracker.frame_requested();
        let frame = ready!(Pin::new(&mut *content).poll_frame(cx));
        if let BodyContent::Gzip(body) = content {
            tracker.record.set_uncompressed(body.bytes_read());
        }
        match &frame {
            Some(Ok(frame)) => tracker.frame_ready(frame.data_ref().map_or(0, |data| data.len() as u64)),
            Some(Err(error)) => tracing::warn!(%error, "response: aborted"),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Message { content, .. } => content.is_end_stream(),
            ResponseBody::Upgrade => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Message { content, .. } => content.size_hint(),
            ResponseBody::Upgrade => SizeHint::with_exact(0),
        }
    }
}

impl From<GzipError> for ResponseBodyError {
    fn from(error: GzipError) -> ResponseBodyError {
        ResponseBodyError::Gzip(error)
    }
}

impl fmt::Display for ResponseBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseBodyError::Upstream(error) => error.fmt(f),
            ResponseBodyError::Gzip(GzipError(error)) => write!(f, "cannot compress the body: {error}"),
            ResponseBodyError::File(error) => write!(f, "cannot read the rest of the file: {error}"),
        }
    }
}

/// The source is that of the inner error, so that an upstream's reset reaches HTTP/2 clients with its error code.
impl std::error::Error for ResponseBodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ResponseBodyError::Upstream(error) => error.source(),
            ResponseBodyError::File(error) | ResponseBodyError::Gzip(GzipError(error)) => Some(error),
        }
    }
}
