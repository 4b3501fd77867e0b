//! A request on its way to an application, as the text of HTTP/1.1.
//!
//! The text of the head is made once. Should the connection turn out to be dead, the same text goes out on
//! another: so nothing has to be copied beforehand for a case that is rare.

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

/// A request, and how far it has got.
pub(crate) struct RequestWriter {
    /// The head, and later the lines between the chunks of the body.
    text: Vec<u8>,
    /// How much of the text has been written.
    position: usize,
    /// Bytes of the body that follow the text, and what ends their chunk.
    data: Bytes,
    ending: &'static [u8],
    body: LimitedBody,
    framing: RequestFraming,
    progress: WriteProgress,
    harm: RetrySafety,
    asked: RequestedContent,
    terms: ExchangeOptions,
}

/// Why a request could not be sent to its end.
pub(super) enum RequestWriteError {
    /// The application takes no more.
    ConnectionBroken,
    Body(RequestBodyFailure),
}

/// What is still to come of the body, and how the application knows its end.
enum RequestFraming {
    Ended,
    Length(u64),
    /// With the names of the trailers that were announced.
    Chunked(Option<HeaderValue>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteProgress {
    Unsent,
    Begun,
    /// To the last byte, and TLS has let go of it, too.
    Sent,
}

/// Whether the request may be sent again after the application may have seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RetrySafety {
    Harmless,
    Harmful,
}

impl RequestWriter {
    pub(crate) fn new(request: UpstreamRequest) -> RequestWriter {
        let UpstreamRequest { message, forwarding: introduction, options: terms } = request;
        let text = head_text(&message, introduction.as_ref().map_or(b"", |introduction| introduction.as_http1()));
        let (head, body) = message.into_parts();
        let framing = if body.is_none() { RequestFraming::Ended } else { framing_of(&head.headers) };
        let is_repeatable = body.is_none() && head.method.is_idempotent() && !terms.requests_upgrade;
        RequestWriter {
            text,
            position: 0,
            data: Bytes::new(),
            ending: b"",
            body,
            framing,
            progress: WriteProgress::Unsent,
            harm: if is_repeatable { RetrySafety::Harmless } else { RetrySafety::Harmful },
            asked: if head.method == Method::HEAD {
                RequestedContent::ForHead
            } else {
                RequestedContent::ForResponse
            },
            terms,
        }
    }

    pub(super) fn requested_content(&self) -> RequestedContent {
        self.asked
    }

    pub(super) fn options(&self) -> ExchangeOptions {
        self.terms
    }

    /// The application asks for the body that was held back.
    pub(super) fn release_body(&mut self) {
        self.body.release();
    }

    /// The same request from its beginning, if sending it twice is as good as once (RFC 9110 section 9.2.2).
    pub(super) fn restart(mut self) -> Option<RequestWriter> {
        if self.progress != WriteProgress::Unsent && self.harm == RetrySafety::Harmful {
            return None;
        }
        self.position = 0;
        self.progress = WriteProgress::Unsent;
        Some(self)
    }

    /// Whether the last byte has left. As long as it waits within TLS, only [`RequestWriter::poll_send`] moves it.
    pub(super) fn is_finished(&self) -> bool {
        self.progress == WriteProgress::Sent
    }

    /// Whether all that the client has sent of it has been written, but not the end.
    pub(super) fn is_waiting_for_body(&self) -> bool {
        !matches!(self.framing, RequestFraming::Ended) && !self.has_staged()
    }

    /// Writes as much as there is and as the application takes. Ready when that is all; the number of bytes
    /// that went out is added to `written`.
    pub(super) fn poll_send(
        &mut self,
        stream: &mut UpstreamStream,
        cx: &mut Context<'_>,
        written: &mut usize,
    ) -> Poll<Result<(), RequestWriteError>> {
        loop {
            let is_dry = self.poll_fill(cx).map_err(RequestWriteError::Body)?.is_pending();
            if self.has_staged() {
                let count = ready!(self.poll_write(stream, cx)).map_err(|_| RequestWriteError::ConnectionBroken)?;
                self.progress = WriteProgress::Begun;
                *written += count;
                self.advance(count);
                continue;
            }
            // A piece without bytes is no reason to stop: nobody would wake us for the next one.
            if is_dry || matches!(self.framing, RequestFraming::Ended) {
                ready!(Pin::new(stream).poll_flush(cx)).map_err(|_| RequestWriteError::ConnectionBroken)?;
                if is_dry {
                    return Poll::Pending;
                }
                self.progress = WriteProgress::Sent;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Asks the body for more when all that it gave has been written. Pending if it has nothing yet.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RequestBodyFailure>> {
        if !self.data.is_empty() || !self.ending.is_empty() || matches!(self.framing, RequestFraming::Ended) {
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
                self.ending = b"\r\n";
                write_text(&mut self.text, format_args!("{:x}\r\n", data.len()));
            }
            RequestFraming::Length(left) => {
                // More than was announced would be taken for another request.
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

    fn buffer_trailers(&mut self, trailers: &HeaderMap) -> Result<(), RequestBodyFailure> {
        match std::mem::replace(&mut self.framing, RequestFraming::Ended) {
            RequestFraming::Ended | RequestFraming::Length(0) => Ok(()),
            RequestFraming::Length(_) => Err(RequestBodyFailure::ClientDisconnected),
            RequestFraming::Chunked(announced) => {
                self.text.extend_from_slice(b"0\r\n");
                let announced = announced.as_ref();
                write_fields(
                    &mut self.text,
                    trailers.iter().filter(|(name, _)| is_declared_trailer(announced, name)),
                );
                self.text.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    fn has_staged(&self) -> bool {
        self.position < self.text.len() || !self.data.is_empty() || !self.ending.is_empty()
    }

    fn poll_write(&self, stream: &mut UpstreamStream, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let text = &self.text[self.position..];
        let count = if self.data.is_empty() && self.ending.is_empty() {
            // As for clients: `send` is cheaper than `writev`.
            ready!(Pin::new(stream).poll_write(cx, text))?
        } else {
            let slices = [IoSlice::new(text), IoSlice::new(&self.data), IoSlice::new(self.ending)];
            ready!(Pin::new(stream).poll_write_vectored(cx, &slices))?
        };
        if count == 0 { Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())) } else { Poll::Ready(Ok(count)) }
    }

    fn advance(&mut self, count: usize) {
        let of_text = count.min(self.text.len() - self.position);
        self.position += of_text;
        let of_data = (count - of_text).min(self.data.len());
        self.data.advance(of_data);
        self.ending = self.ending.get(count - of_text - of_data..).unwrap_or_default();
        // The head of a request without a body stays, in case it has to be sent again.
        if self.harm == RetrySafety::Harmful && self.position == self.text.len() {
            self.text.clear();
            self.position = 0;
        }
    }
}

/// Request line and fields (RFC 9112 sections 3 and 5), of which the first are there already.
fn head_text(message: &Request<LimitedBody>, first: &[u8]) -> Vec<u8> {
    let target = message.uri().path_and_query().map_or("/", |target| target.as_str());
    let size = target.len() + 64 + first.len() + message.headers().len() * TYPICAL_FIELD;
    let mut text = Vec::with_capacity(size);
    for part in [message.method().as_str(), " ", target, " HTTP/1.1\r\n"] {
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(first);
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
    // Memory takes everything.
    let _ = text.write_fmt(line);
}

/// As the headers say, which were put in order when the request was made.
fn framing_of(headers: &HeaderMap) -> RequestFraming {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.map_or_else(|| RequestFraming::Chunked(headers.get(header::TRAILER).cloned()), RequestFraming::Length)
}

/// Bytes, about, so that the text of a head seldom has to grow.
const TYPICAL_FIELD: usize = 48;
