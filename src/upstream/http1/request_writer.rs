//! Serialises a request and its body.
//!
//! The head is serialised once. If the connection turns out to be closed, the same bytes are sent on another, so
//! the rare retry needs no copy made in advance.

use std::io::{IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request};
use hyper::body::{Body, Frame};
use tokio::io::AsyncWrite;

use super::response_head::RequestedContent;
use crate::http1::fields::is_declared_trailer;
use crate::upstream::connector::UpstreamStream;
use crate::upstream::request::{ExchangeOptions, UpstreamRequest};
use crate::upstream::request_body::{LimitedBody, RequestBodyFailure};

/// Writes a request head and body; can restart a request that may be retried.
pub(crate) struct RequestWriter {
    /// The head, and after it the chunk size lines and the trailers.
    text: Vec<u8>,
    /// Number of bytes of `text` that have been written.
    position: usize,
    /// Body bytes to write after `text`.
    data: Bytes,
    /// The CRLF that ends the chunk of `data`, or empty.
    chunk_end: &'static [u8],
    body: LimitedBody,
    framing: RequestFraming,
    progress: WriteProgress,
    retry_safety: RetrySafety,
    requested_content: RequestedContent,
    options: ExchangeOptions,
}

/// Connection failure or request body failure.
pub(super) enum RequestWriteError {
    /// Writing to the upstream failed.
    Connection,
    Body(RequestBodyFailure),
}

/// Remaining body: none, length, or chunked.
enum RequestFraming {
    Ended,
    /// Remaining bytes of `Content-Length`.
    Length(u64),
    /// With the value of `Trailer`, which names the trailers that may be sent.
    Chunked(Option<HeaderValue>),
}

/// Not started, started, or complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteProgress {
    NotStarted,
    Started,
    /// The last byte has been written, and flushed from the TLS buffer.
    Complete,
}

/// Whether a request may be retried after bytes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RetrySafety {
    Safe,
    Unsafe,
}

impl RequestWriter {
    /// Serialises the head of a request.
    pub(crate) fn new(request: UpstreamRequest) -> RequestWriter {
        let UpstreamRequest { message, forwarding, options } = request;
        let text = serialize_head(&message, forwarding.as_ref().map_or(b"", |headers| headers.as_http1()));
        let (head, body) = message.into_parts();
        let framing = if body.is_none() { RequestFraming::Ended } else { framing_of(&head.headers) };
        let is_retryable = body.is_none() && head.method.is_idempotent() && !options.requests_upgrade;
        RequestWriter {
            text,
            position: 0,
            data: Bytes::new(),
            chunk_end: b"",
            body,
            framing,
            progress: WriteProgress::NotStarted,
            retry_safety: if is_retryable { RetrySafety::Safe } else { RetrySafety::Unsafe },
            requested_content: if head.method == Method::HEAD {
                RequestedContent::HeadOnly
            } else {
                RequestedContent::HeadAndBody
            },
            options,
        }
    }

    /// Returns whether the request is HEAD, whose response has no body.
    pub(super) fn requested_content(&self) -> RequestedContent {
        self.requested_content
    }

    /// Returns the options of the exchange.
    pub(super) fn options(&self) -> ExchangeOptions {
        self.options
    }

    /// Sends a body that waits for `100 Continue`.
    pub(super) fn release_body(&mut self) {
        self.body.release();
    }

    /// Restarts the request if it may be retried: nothing was written, or the request is idempotent and has no body
    /// (RFC 9110 section 9.2.2).
    pub(super) fn restart(mut self) -> Option<RequestWriter> {
        if self.progress != WriteProgress::NotStarted && self.retry_safety == RetrySafety::Unsafe {
            return None;
        }
        self.position = 0;
        self.progress = WriteProgress::NotStarted;
        Some(self)
    }

    /// Returns whether the last byte has been written to the socket. Only [`RequestWriter::poll_send`] writes bytes
    /// that are still in the TLS buffer.
    pub(super) fn is_finished(&self) -> bool {
        self.progress == WriteProgress::Complete
    }

    /// Returns whether everything received from the client has been written, and the body has not ended.
    pub(super) fn is_waiting_for_body(&self) -> bool {
        !matches!(self.framing, RequestFraming::Ended) && !self.has_buffered()
    }

    /// Writes as much as is available and as the upstream accepts. Ready when the whole request has been written
    /// and flushed. Adds the number of written bytes to `written`.
    pub(super) fn poll_send(
        &mut self,
        stream: &mut UpstreamStream,
        cx: &mut Context<'_>,
        written: &mut usize,
    ) -> Poll<Result<(), RequestWriteError>> {
        loop {
            let is_body_pending = self.poll_fill(cx).map_err(RequestWriteError::Body)?.is_pending();
            if self.has_buffered() {
                let count = ready!(self.poll_write(stream, cx)).map_err(|_| RequestWriteError::Connection)?;
                self.progress = WriteProgress::Started;
                *written += count;
                self.advance(count);
                continue;
            }
            // An empty data frame does not end the loop: the body has not registered a waker for the next frame.
            if is_body_pending || matches!(self.framing, RequestFraming::Ended) {
                ready!(Pin::new(stream).poll_flush(cx)).map_err(|_| RequestWriteError::Connection)?;
                if is_body_pending {
                    return Poll::Pending;
                }
                self.progress = WriteProgress::Complete;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Fills the write buffer from the body when it is empty. Pending if the body has no frame yet.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RequestBodyFailure>> {
        if !self.data.is_empty() || !self.chunk_end.is_empty() || matches!(self.framing, RequestFraming::Ended) {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => Poll::Ready(self.buffer_frame(frame)),
            Some(Err(error)) => Poll::Ready(Err(error.failure())),
            None => Poll::Ready(self.buffer_trailers(&HeaderMap::new())),
        }
    }

    fn buffer_frame(&mut self, frame: Frame<Bytes>) -> Result<(), RequestBodyFailure> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return self.buffer_trailers(&frame.into_trailers().unwrap_or_default()),
        };
        match &mut self.framing {
            RequestFraming::Chunked(_) if data.is_empty() => return Ok(()),
            RequestFraming::Chunked(_) => {
                self.chunk_end = b"\r\n";
                write_text(&mut self.text, format_args!("{:x}\r\n", data.len()));
            }
            RequestFraming::Length(left) => {
                // The upstream would parse bytes beyond `Content-Length` as another request.
                *left = left.checked_sub(data.len() as u64).ok_or(RequestBodyFailure::ClientDisconnected)?;
                if *left == 0 {
                    self.framing = RequestFraming::Ended;
                }
            }
            RequestFraming::Ended => return Ok(()),
        }
        self.data = data;
        Ok(())
    }

    /// Buffers the end of the body: for chunked framing the last chunk and the declared trailers.
    fn buffer_trailers(&mut self, trailers: &HeaderMap) -> Result<(), RequestBodyFailure> {
        match std::mem::replace(&mut self.framing, RequestFraming::Ended) {
            RequestFraming::Ended | RequestFraming::Length(0) => Ok(()),
            RequestFraming::Length(_) => Err(RequestBodyFailure::ClientDisconnected),
            RequestFraming::Chunked(declared) => {
                self.text.extend_from_slice(b"0\r\n");
                let declared = declared.as_ref();
                write_fields(
                    &mut self.text,
                    trailers.iter().filter(|(name, _)| is_declared_trailer(declared, name)),
                );
                self.text.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    fn has_buffered(&self) -> bool {
        self.position < self.text.len() || !self.data.is_empty() || !self.chunk_end.is_empty()
    }

    fn poll_write(&self, stream: &mut UpstreamStream, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let text = &self.text[self.position..];
        let count = if self.data.is_empty() && self.chunk_end.is_empty() {
            // As on the downstream side, `send` is cheaper than `writev`.
            ready!(Pin::new(stream).poll_write(cx, text))?
        } else {
            let slices = [IoSlice::new(text), IoSlice::new(&self.data), IoSlice::new(self.chunk_end)];
            ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?
        };
        if count == 0 { Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())) } else { Poll::Ready(Ok(count)) }
    }

    fn advance(&mut self, count: usize) {
        let from_text = count.min(self.text.len() - self.position);
        self.position += from_text;
        let from_data = (count - from_text).min(self.data.len());
        self.data.advance(from_data);
        self.chunk_end = self.chunk_end.get(count - from_text - from_data..).unwrap_or_default();
        // A request that may be retried keeps its head.
        if self.retry_safety == RetrySafety::Unsafe && self.position == self.text.len() {
            self.text.clear();
            self.position = 0;
        }
    }
}

/// Serialises the request line and the fields (RFC 9112 sections 3 and 5). `forwarding` holds the first fields,
/// already serialised.
fn serialize_head(message: &Request<LimitedBody>, forwarding: &[u8]) -> Vec<u8> {
    let target = message.uri().path_and_query().map_or("/", |target| target.as_str());
    let size = target.len() + 64 + forwarding.len() + message.headers().len() * TYPICAL_FIELD_LEN;
    let mut text = Vec::with_capacity(size);
    for part in [message.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(forwarding);
    write_fields(&mut text, message.headers().iter());
    text.extend_from_slice(b"\r\n");
    text
}

fn write_fields<'a>(text: &mut Vec<u8>, fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) {
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
}

fn write_text(text: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = text.write_fmt(line);
}

/// Returns the framing that the headers declare. [`UpstreamRequest::new`] has set them consistently.
fn framing_of(headers: &HeaderMap) -> RequestFraming {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.map_or_else(|| RequestFraming::Chunked(headers.get(header::TRAILER).cloned()), RequestFraming::Length)
}

/// Estimated bytes of a field, so that the buffer of a head rarely has to grow.
const TYPICAL_FIELD_LEN: usize = 48;
