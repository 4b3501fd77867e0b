//! One HTTP/1 connection to an application, driven by whoever uses it.
//!
//! An application may answer before it has read a whole upload, and close. The rest of the upload then
//! fails to be written although a complete answer is waiting to be read. So a broken write is not an error
//! by itself: nothing more is written, and the reading side tells how the story ends.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, response};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

use super::answer_head::{self, AnswerHead, Persistence};
use super::body_decoder::BodyDecoder;
use super::dial::UpstreamStream;
use super::error::{AnswerFailure, Breakage, UpstreamError};
use super::inbox::Inbox;
use super::outgoing::{Outgoing, SendFailure};
use super::request::BodyFailure;
use crate::net::idle_timer::IdleTimer;

/// A connection. Nothing moves on it unless it is polled.
pub(super) struct Connection {
    stream: UpstreamStream,
    inbox: Inbox,
    /// The request under way, until the connection rests.
    outgoing: Option<Outgoing>,
    writing: Writing,
    /// Of the answer under way.
    body: BodyDecoder,
    persistence: Persistence,
    /// Lives as long as the connection: a timer that is set once serves many requests.
    silence: IdleTimer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The application takes no more.
    Broken,
}

impl Connection {
    pub(super) fn new(stream: UpstreamStream) -> Box<Connection> {
        Box::new(Connection {
            stream,
            inbox: Inbox::new(),
            outgoing: None,
            writing: Writing::Open,
            body: BodyDecoder::Ended,
            persistence: Persistence::Persistent,
            // Each exchange restarts it with its route's limit.
            silence: IdleTimer::new(Duration::ZERO),
        })
    }

    /// Takes a request over. It is written when the connection is polled.
    pub(super) fn begin(&mut self, request: Outgoing) {
        self.silence.restart(request.terms().read_timeout);
        self.outgoing = Some(request);
    }

    /// The request, to be sent anew on another connection, if that does no harm and nothing was answered.
    pub(super) fn take_back(&mut self) -> Option<Outgoing> {
        if self.inbox.is_empty() { self.outgoing.take()?.again() } else { None }
    }

    /// Sends what it can of the request, and waits for the head of the answer. Interim answers end here.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<response::Parts, UpstreamError>> {
        self.poll_send(cx).map_err(UpstreamError::RequestBody)?;
        loop {
            if let Some(AnswerHead { parts, body, persistence }) = self.parse_head()? {
                if parts.status.is_informational() && parts.status != StatusCode::SWITCHING_PROTOCOLS {
                    self.note_interim(parts.status);
                    self.poll_send(cx).map_err(UpstreamError::RequestBody)?;
                    continue;
                }
                (self.body, self.persistence) = (body, persistence);
                return Poll::Ready(Ok(parts));
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(UpstreamError::Broken(Breakage::Closed))),
                Poll::Ready(filled) => drop(filled.map_err(UpstreamError::Broken)?),
                Poll::Pending => {
                    ready!(self.silence.poll_expired(cx));
                    return Poll::Ready(Err(UpstreamError::AnswerTimeout));
                }
            }
        }
    }

    /// The next part of the answer's body. What is left of the request goes out meanwhile.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerFailure>>> {
        self.poll_send(cx).map_err(AnswerFailure::RequestBody)?;
        loop {
            let unreadable = |error| AnswerFailure::Broken(Breakage::Unreadable(error));
            if let Some(frame) = self.body.next(self.inbox.unread()).map_err(unreadable)? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.body.has_ended() {
                return Poll::Ready(None);
            }
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => self.body.end_of_stream().map_err(AnswerFailure::Broken)?,
                Poll::Ready(filled) => drop(filled.map_err(AnswerFailure::Broken)?),
                Poll::Pending => {
                    ready!(self.silence.poll_expired(cx));
                    return Poll::Ready(Some(Err(AnswerFailure::Silence)));
                }
            }
        }
    }

    /// Whether the answer's body has been read to its end.
    pub(super) fn is_answered(&self) -> bool {
        self.body.has_ended()
    }

    /// What is still to come of the answer's body.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// Makes it ready to wait for another request, unless the last one has left something behind.
    pub(super) fn can_rest(&mut self) -> bool {
        let is_sent = self.outgoing.take().is_none_or(|request| request.is_finished());
        let can_rest = is_sent
            && self.writing == Writing::Open
            && self.persistence == Persistence::Persistent
            && self.body.has_ended()
            && self.inbox.is_empty();
        self.inbox.rest();
        can_rest
    }

    /// Whether the application has left a resting connection as it was: it has neither closed nor spoken.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut room = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut room).is_pending()
    }

    /// The bare stream, with the bytes that were read from it beyond the last head.
    pub(super) fn into_parts(self) -> (UpstreamStream, Bytes) {
        (self.stream, self.inbox.into_unread())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), BodyFailure> {
        let Some(request) = self.outgoing.as_mut().filter(|_| self.writing == Writing::Open) else { return Ok(()) };
        if request.is_finished() {
            return Ok(());
        }
        let mut written = 0;
        let sent = request.poll_send(&mut self.stream, cx, &mut written);
        // While the client still sends, the application may well be silent.
        if written > 0 {
            self.silence.progress();
        }
        match sent {
            Poll::Ready(Err(SendFailure::Body(failure))) => Err(failure),
            Poll::Ready(Err(SendFailure::Broken)) => {
                self.writing = Writing::Broken;
                Ok(())
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Breakage>> {
        let filled = ready!(self.inbox.poll_fill(&mut self.stream, cx));
        self.silence.progress();
        Poll::Ready(filled.map_err(Breakage::Io))
    }

    fn parse_head(&mut self) -> Result<Option<AnswerHead>, UpstreamError> {
        let Some(asked) = self.outgoing.as_ref().map(Outgoing::asked).filter(|_| !self.inbox.is_empty()) else {
            return Ok(None);
        };
        let parsed = answer_head::parse(self.inbox.unread(), asked);
        parsed.map_err(|error| UpstreamError::Broken(Breakage::Unreadable(error)))
    }

    fn note_interim(&mut self, status: StatusCode) {
        if let Some(request) = self.outgoing.as_mut().filter(|_| status == StatusCode::CONTINUE) {
            request.go_ahead();
        }
    }
}
