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
use super::gzip_body::{EncoderFailure, GzipBody};
use crate::downstream::connection::OpenExchange;
use crate::telemetry::access_log::Exchange;
use crate::upstream::error::AnswerFailure;
use crate::upstream::response_body::AnswerBody;

/// What a client is sent after the head.
pub enum ReplyBody {
    Message {
        content: Content,
        record: Record,
    },
    /// Nothing follows a 101 but the tunnel, which holds the record.
    Switching,
}

/// Where the bytes come from.
pub enum Content {
    Empty,
    Own(Bytes),
    Application(AnswerBody),
    File(FileBody),
    /// Any of the others, on its way through an encoder.
    Gzip(Box<GzipBody<Content>>),
}

/// Why an answer ends before its end.
#[derive(Debug)]
pub enum ContentFailure {
    Application(AnswerFailure),
    /// It cannot be read any more, or became shorter.
    File(io::Error),
    Compression(EncoderFailure),
}

/// What lives exactly as long as an exchange: its log line, and its claim on the connection.
pub struct Record {
    exchange: Exchange,
    open: OpenExchange,
    turn: Turn,
}

/// Whose turn it is in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The application is to bring bytes.
    Application,
    /// The client is to take those that are there.
    Client,
}

impl Record {
    /// The record of an answer whose head goes out now; it is for the client to ask for more.
    pub fn of_answer(exchange: Exchange, open: OpenExchange) -> Record {
        open.answer_offered();
        Record { exchange, open, turn: Turn::Client }
    }

    fn bytes_wanted(&mut self) {
        if self.turn == Turn::Client {
            self.turn = Turn::Application;
            self.open.answer_taken();
        }
    }

    fn bytes_offered(&mut self, bytes: u64) {
        self.exchange.sent(bytes);
        self.turn = Turn::Client;
        self.open.answer_offered();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.bytes_wanted();
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = ContentFailure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentFailure>>> {
        match self.get_mut() {
            Content::Empty => Poll::Ready(None),
            Content::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Application(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(ContentFailure::Application)))
            }
            Content::File(body) => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(ContentFailure::File)))
            }
            Content::Gzip(body) => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::Empty => true,
            Content::Own(bytes) => bytes.is_empty(),
            Content::Application(body) => body.is_end_stream(),
            Content::File(body) => body.is_end_stream(),
            Content::Gzip(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Empty => SizeHint::with_exact(0),
            Content::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Application(body) => body.size_hint(),
            Content::File(body) => body.size_hint(),
            Content::Gzip(_) => SizeHint::default(),
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = ContentFailure;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentFailure>>> {
        let ReplyBody::Message { content, record } = self.get_mut() else { return Poll::Ready(None) };
        record.bytes_wanted();
        let frame = ready!(Pin::new(&mut *content).poll_frame(cx));
        if let Content::Gzip(body) = content {
            record.exchange.compressed_from(body.taken());
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
            ReplyBody::Message { content, .. } => content.is_end_stream(),
            ReplyBody::Switching => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Message { content, .. } => content.size_hint(),
            ReplyBody::Switching => SizeHint::with_exact(0),
        }
    }
}

impl From<EncoderFailure> for ContentFailure {
    fn from(failure: EncoderFailure) -> ContentFailure {
        ContentFailure::Compression(failure)
    }
}

impl fmt::Display for ContentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentFailure::Application(failure) => failure.fmt(f),
            ContentFailure::Compression(EncoderFailure(error)) => write!(f, "it cannot be compressed: {error}"),
            ContentFailure::File(error) => write!(f, "a file cannot be read to its end: {error}"),
        }
    }
}

/// Its cause is the failure's own: an application's reset reaches HTTP/2 clients with its reason.
impl std::error::Error for ContentFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ContentFailure::Application(failure) => failure.source(),
            ContentFailure::File(error) | ContentFailure::Compression(EncoderFailure(error)) => Some(error),
        }
    }
}
