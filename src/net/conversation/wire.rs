//! The connection of a conversation, which the body of the request under way reads from, too.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::AsyncWrite;

use super::outbox::Outbox;
use super::request_head::{HeadReader, Invitation, RequestHead};
use crate::net::client_stream::ClientStream;
use crate::net::http1::body_decoder::BodyDecoder;
use crate::net::http1::inbox::Inbox;
use crate::net::http1::unreadable::Unreadable;

/// A client's connection, and what is under way on it.
pub(super) struct Wire {
    stream: ClientStream,
    inbox: Inbox,
    heads: HeadReader,
    pub(super) outbox: Outbox,
    /// Of the request under way.
    body: BodyDecoder,
    invitation: Invitation,
    /// Tells a body of the request under way from one that somebody still holds of another.
    request: u64,
    /// Who waits for the body to end, to see from there on whether the client has gone.
    waiting: Waker,
}

/// The body of a request. Whoever polls it reads from the connection.
pub(in crate::net) struct RequestBody {
    /// Not the owner: the connection can close while an application is still to be sent a body.
    wire: Weak<RefCell<Wire>>,
    request: u64,
    has_ended: bool,
}

/// Why a body ends before its end.
#[derive(Debug)]
pub enum BrokenOff {
    /// The client has closed the connection.
    Closed,
    Io(io::Error),
    Unreadable(Unreadable),
    /// The answer was complete before the body was.
    Answered,
}

impl Wire {
    pub(super) fn new(stream: ClientStream) -> Wire {
        Wire {
            stream,
            inbox: Inbox::new(USUAL_REQUEST),
            heads: HeadReader::default(),
            outbox: Outbox::new(),
            body: BodyDecoder::Ended,
            invitation: Invitation::Needless,
            request: 0,
            waiting: Waker::noop().clone(),
        }
    }

    /// The head of the next request; `None` when the client has gone instead.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<RequestHead>, Unreadable>> {
        loop {
            if !self.inbox.is_empty()
                && let Some(head) = self.heads.read(self.inbox.unread())?
            {
                return Poll::Ready(Ok(Some(head)));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// The request whose body is read from here on.
    pub(super) fn begin(&mut self, body: BodyDecoder, invitation: Invitation) -> u64 {
        self.request += 1;
        (self.body, self.invitation) = (body, invitation);
        self.request
    }

    /// Ends a request that has been answered. Whether its body has been read to the end, too; if all of it has come
    /// nobody misses it.
    pub(super) fn end(&mut self) -> bool {
        self.outbox.rest();
        self.request += 1;
        while let Ok(Some(_)) = self.body.next(self.inbox.unread()) {}
        self.body.has_ended()
    }

    /// Ready when the client has gone. As long as a body comes, whoever reads that will notice; and a client that
    /// has sent another request has not gone.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.body.has_ended() {
            self.waiting.clone_from(cx.waker());
            return Poll::Pending;
        }
        if !self.inbox.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx)) {
            Ok(1..) => Poll::Pending,
            Ok(0) | Err(_) => Poll::Ready(()),
        }
    }

    /// Ready when all that was staged has been written, though TLS may still hold some of it.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.poll_write(&mut self.stream, cx)
    }

    /// Ready when TLS, too, has let go of everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// The bare stream, with the bytes that were read from it beyond the last head.
    pub(super) fn into_parts(self) -> (ClientStream, Bytes) {
        (self.stream, self.inbox.into_unread())
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if let Some(frame) = self.body.next(self.inbox.unread()).map_err(BrokenOff::Unreadable)? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.body.has_ended() {
                return Poll::Ready(None);
            }
            self.invite(cx)?;
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Some(Err(BrokenOff::Closed))),
                Err(error) => return Poll::Ready(Some(Err(BrokenOff::Io(error)))),
            }
        }
    }

    /// A client that waits to be asked for its body is asked when somebody wants it, and it has not come anyway.
    fn invite(&mut self, cx: &mut Context<'_>) -> Result<(), BrokenOff> {
        if self.invitation == Invitation::Needless {
            return Ok(());
        }
        self.invitation = Invitation::Needless;
        self.outbox.text().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        // What cannot leave now leaves before the answer.
        match self.outbox.poll_write(&mut self.stream, cx) {
            Poll::Ready(Err(error)) => Err(BrokenOff::Io(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_readable(cx))?;
        let filled = self.inbox.poll_fill(&mut self.stream, cx);
        if filled.is_pending() {
            // What came was for TLS alone, which may have an answer to it: an alert, new keys.
            let _ = self.poll_flush(cx)?;
        }
        filled
    }
}

impl RequestBody {
    /// The body of the request that was begun last.
    pub(super) fn new(wire: &Rc<RefCell<Wire>>, request: u64) -> RequestBody {
        RequestBody { wire: Rc::downgrade(wire), request, has_ended: false }
    }

    pub(in crate::net) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let Some(wire) = self.wire.upgrade() else { return Poll::Ready(Some(Err(BrokenOff::Closed))) };
        let wire = &mut *wire.borrow_mut();
        if wire.request != self.request {
            return Poll::Ready(Some(Err(BrokenOff::Answered)));
        }
        let frame = ready!(wire.poll_body(cx));
        if wire.body.has_ended() {
            self.has_ended = true;
            if !wire.waiting.will_wake(cx.waker()) {
                wire.waiting.wake_by_ref();
            }
        }
        Poll::Ready(frame)
    }

    pub(in crate::net) fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    pub(in crate::net) fn size_hint(&self) -> SizeHint {
        match self.wire.upgrade() {
            Some(wire) if wire.borrow().request == self.request => wire.borrow().body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrokenOff::Closed => f.write_str("the client closed the connection"),
            BrokenOff::Io(error) => error.fmt(f),
            BrokenOff::Unreadable(what) => what.fmt(f),
            BrokenOff::Answered => f.write_str("it was answered already"),
        }
    }
}

/// Bytes: a head with some cookies, mostly.
const USUAL_REQUEST: usize = 4 * 1024;
