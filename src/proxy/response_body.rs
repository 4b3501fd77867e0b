//! The body of an answer to a client.
//!
//! It holds the exchange's record, so the exchange ends when the last byte has been handed over, or when
//! the client is gone.

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

/// What a client is sent after the head.
pub enum ResponseBody {
    Message {
        content: BodyContent,
        record: ExchangeTracker,
    },
    /// Nothing follows a 101 but the tunnel, which holds the record.
    Switching,
}

/// Where the bytes come from.
pub enum BodyContent {
    Empty,
    Bytes(Bytes),
    Upstream(UpstreamBody),
    File(FileBody),
    /// Any of the others, on its way through an encoder.
    Gzip(Box<GzipBody<BodyContent>>),
}

/// Why an answer ends before its end.
#[derive(Debug)]
pub enum ResponseBodyError {
    Application(UpstreamBodyError),
    /// It cannot be read any more, or became shorter.
    File(io::Error),
    Compression(GzipError),
}

/// What lives exactly as long as an exchange: its log line, and its claim on the connection.
pub struct ExchangeTracker {
    exchange: ExchangeRecord,
    open: ActiveExchange,
    turn: BodyWait,
}

/// Whose turn it is in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyWait {
    /// The application is to bring bytes.
    Application,
    /// The client is to take those that are there.
    Client,
}

impl ExchangeTracker {
    /// The record of an answer whose head goes out now; it is for the client to ask for more.
    pub fn new(exchange: ExchangeRecord, open: ActiveExchange) -> ExchangeTracker {
        open.response_pending();
        ExchangeTracker { exchange, open, turn: BodyWait::Client }
    }

    fn bytes_wanted(&mut self) {
        if self.turn == BodyWait::Client {
            self.turn = BodyWait::Application;
            self.open.response_consumed();
        }
    }

    fn bytes_offered(&mut self, bytes: u64) {
        self.exchange.add_sent(bytes);
        self.turn = BodyWait::Client;
        self.open.response_pending();
    }
}

impl Drop for ExchangeTracker {
    fn drop(&mut self) {
        self.bytes_wanted();
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
                Poll::Ready(frame.map(|frame| frame.map_err(ResponseBodyError::Application)))
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
        let ResponseBody::Message { content, record } = self.get_mut() else { return Poll::Ready(None) };
        record.bytes_wanted();
        let frame = ready!(Pin::new(&mut *content).poll_frame(cx));
        if let BodyContent::Gzip(body) = content {
            record.exchange.set_uncompressed(body.bytes_read());
        }
        match &frame {
            Some(Ok(frame)) => record.bytes_offered(frame.data_ref().map_or(0, |data| data.len() as u64)),
            Some(Err(failure)) => tracing::warn!("an answer was cut short: {failure}"),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Message { content, .. } => content.is_end_stream(),
            ResponseBody::Switching => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Message { content, .. } => content.size_hint(),
            ResponseBody::Switching => SizeHint::with_exact(0),
        }
    }
}

impl From<GzipError> for ResponseBodyError {
    fn from(failure: GzipError) -> ResponseBodyError {
        ResponseBodyError::Compression(failure)
    }
}

impl fmt::Display for ResponseBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseBodyError::Application(failure) => failure.fmt(f),
            ResponseBodyError::Compression(GzipError(error)) => write!(f, "it cannot be compressed: {error}"),
            ResponseBodyError::File(error) => write!(f, "a file cannot be read to its end: {error}"),
        }
    }
}

/// Its cause is the failure's own: an application's reset reaches HTTP/2 clients with its reason.
impl std::error::Error for ResponseBodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ResponseBodyError::Application(failure) => failure.source(),
            ResponseBodyError::File(error) | ResponseBodyError::Compression(GzipError(error)) => Some(error),
        }
    }
}
