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

use super::request_head::{ContinueState, HeadParser, Http1RequestHead};
use super::write_buffer::WriteBuffer;
use crate::downstream::stream::DownstreamStream;
use crate::http1::body_decoder::BodyDecoder;
use crate::http1::parse_error::Http1ParseError;
use crate::http1::read_buffer::ReadBuffer;

/// A client's connection, and what is under way on it.
pub(super) struct Http1Io {
    stream: DownstreamStream,
    inbox: ReadBuffer,
    heads: HeadParser,
    pub(super) write_buffer: WriteBuffer,
    /// Of the request under way.
    body: BodyDecoder,
    invitation: ContinueState,
    /// Tells a body of the request under way from one that somebody still holds of another.
    request: u64,
    /// The connection ends with the answer under way.
    is_parting: bool,
    /// Of the task of the connection, while another one may read the body.
    connection: Waker,
}

/// The body of a request. Whoever polls it reads from the connection.
pub(crate) struct Http1RequestBody {
    /// Not the owner: the connection can close while an application is still to be sent a body.
    wire: Weak<RefCell<Http1Io>>,
    request: u64,
    has_ended: bool,
}

/// Why a body ends before its end.
#[derive(Debug)]
pub enum Http1BodyError {
    /// The client has closed the connection.
    UnexpectedEof,
    Io(io::Error),
    Parse(Http1ParseError),
    /// The answer was complete before the body was.
    ResponseFinished,
}

impl Http1Io {
    pub(super) fn new(stream: DownstreamStream) -> Http1Io {
        Http1Io {
            stream,
            inbox: ReadBuffer::new(INITIAL_READ_SIZE),
            heads: HeadParser::default(),
            write_buffer: WriteBuffer::new(),
            body: BodyDecoder::Ended,
            invitation: ContinueState::NotExpected,
            request: 0,
            is_parting: false,
            connection: Waker::noop().clone(),
        }
    }

    /// The head of the next request; `None` when the client has gone instead.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Http1RequestHead>, Http1ParseError>> {
        loop {
            if !self.inbox.is_empty() {
                if let Some(head) = self.heads.read(self.inbox.unread())? {
                    return Poll::Ready(Ok(Some(head)));
                }
                self.stream.note_beginning();
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Whether nothing of a next request has come.
    pub(super) fn is_between_requests(&self) -> bool {
        self.inbox.is_empty()
    }

    /// The request whose body is read from here on.
    pub(super) fn start_request(&mut self, body: BodyDecoder, invitation: ContinueState) -> u64 {
        self.request += 1;
        (self.body, self.invitation) = (body, invitation);
        self.request
    }

    /// Whether the client still waits to be asked for its body.
    pub(super) fn is_continue_pending(&self) -> bool {
        self.invitation != ContinueState::NotExpected
    }

    /// An answer begins. An invitation would stand within it.
    pub(super) fn start_response(&mut self) {
        self.invitation = ContinueState::NotExpected;
    }

    /// Forgets what has come of a body that nobody reads any more. Whether that was all of it.
    pub(super) fn skip_body(&mut self) -> bool {
        while let Ok(Some(_)) = self.body.next(self.inbox.unread()) {}
        self.body.has_ended()
    }

    /// Ends a request that has been answered. Whether its body has come to its end, too.
    pub(super) fn finish_request(&mut self) -> bool {
        self.request += 1;
        self.write_buffer.release();
        let has_ended = self.skip_body();
        if self.inbox.is_empty() {
            self.inbox.release();
        }
        has_ended
    }

    /// What the connection's task does while others have their turn: it writes what they have made due. Ready when
    /// the client has gone.
    pub(super) fn poll_while_waiting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.invitation == ContinueState::Requested {
            self.invitation = ContinueState::NotExpected;
            self.write_buffer.text().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let written = match self.poll_write(cx) {
            Poll::Ready(Ok(())) if self.stream.wants_write() => self.poll_flush(cx),
            written => written,
        };
        match written {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => self.poll_disconnect(cx),
        }
    }

    /// Ready when the client has gone. As long as a body comes, whoever reads that will notice; and a client that
    /// has sent another request has not gone.
    pub(super) fn poll_disconnect(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.body.has_ended() {
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

    /// The task of the connection, which is to be woken when the body of the request has ended, or makes something
    /// due. It alone writes: a socket wakes only one task for that, and it must not be another one's.
    pub(super) fn register_connection_task(&mut self, cx: &Context<'_>) {
        if !self.body.has_ended() {
            self.connection.clone_from(cx.waker());
        }
    }

    /// The connection is to be shut down as soon as the answer under way has been written.
    pub(super) fn close_after_response(&mut self) {
        self.is_parting = true;
    }

    /// Ready when all that was staged has been written, though TLS may still hold some of it.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_parting && self.write_buffer.is_last_and_small() {
            // It shares a packet with the end of the connection.
            self.stream.hold_until_close();
        }
        self.write_buffer.poll_write(&mut self.stream, cx)
    }

    /// Ready when TLS, too, has let go of everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// The bare stream, with the bytes that were read from it beyond the last head.
    pub(super) fn into_parts(self) -> (DownstreamStream, Bytes) {
        (self.stream, self.inbox.into_unread())
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Http1BodyError>>> {
        // A client that waits to be asked for its body is asked when somebody wants it. As in nginx, one that did not
        // wait is told all the same.
        if self.invitation == ContinueState::Pending {
            self.invitation = ContinueState::Requested;
            self.wake_connection(cx);
        }
        loop {
            if let Some(frame) = self.body.next(self.inbox.unread()).map_err(Http1BodyError::Parse)? {
                return Poll::Ready(Some(Ok(frame)));
            }
            if self.body.has_ended() {
                return Poll::Ready(None);
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0)) => return Poll::Ready(Some(Err(Http1BodyError::UnexpectedEof))),
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(Http1BodyError::Io(error)))),
                Poll::Pending => {
                    if self.stream.wants_write() {
                        self.wake_connection(cx);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// Reads in the task of the connection. What came may be for TLS alone, which may have an answer to it.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = self.poll_read(cx);
        if filled.is_pending() && self.stream.wants_write() {
            let _ = self.poll_flush(cx)?;
        }
        filled
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let filled = match self.stream.poll_readable(cx)? {
            Poll::Ready(()) => self.inbox.poll_fill(&mut self.stream, cx),
            Poll::Pending => Poll::Pending,
        };
        if filled.is_pending() {
            self.inbox.shrink();
        }
        filled
    }

    fn wake_connection(&self, cx: &Context<'_>) {
        if !self.connection.will_wake(cx.waker()) {
            self.connection.wake_by_ref();
        }
    }
}

impl Http1RequestBody {
    /// The body of the request that was begun last.
    pub(super) fn new(wire: &Rc<RefCell<Http1Io>>, request: u64) -> Http1RequestBody {
        Http1RequestBody { wire: Rc::downgrade(wire), request, has_ended: false }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Http1BodyError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let Some(wire) = self.wire.upgrade() else { return Poll::Ready(Some(Err(Http1BodyError::UnexpectedEof))) };
        let wire = &mut *wire.borrow_mut();
        if wire.request != self.request {
            return Poll::Ready(Some(Err(Http1BodyError::ResponseFinished)));
        }
        let frame = ready!(wire.poll_body(cx));
        if wire.body.has_ended() {
            self.has_ended = true;
            wire.wake_connection(cx);
        }
        Poll::Ready(frame)
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.wire.upgrade() {
            Some(wire) if wire.borrow().request == self.request => wire.borrow().body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Display for Http1BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Http1BodyError::UnexpectedEof => f.write_str("the client closed the connection"),
            Http1BodyError::Io(error) => error.fmt(f),
            Http1BodyError::Parse(what) => what.fmt(f),
            Http1BodyError::ResponseFinished => f.write_str("it was answered already"),
        }
    }
}

/// Bytes: a head with some cookies, mostly.
const INITIAL_READ_SIZE: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::downstream::http1::response_head::ResponseFraming;
    use crate::downstream::stream::tests::connected;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_body_read_by_another_task_leaves_the_writing_task_its_place_at_the_socket() {
        let (ours, mut theirs) = connected().await;
        let mut wire = Http1Io::new(ours);
        wire.start_request(BodyDecoder::with_length(1000), ContinueState::NotExpected);
        wire.write_buffer.begin_body(ResponseFraming::UntilClose);
        let (writer, reader) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
        let (writing, reading) = (Waker::from(writer.clone()), Waker::from(reader));
        let (mut writing, mut reading) = (Context::from_waker(&writing), Context::from_waker(&reading));
        while wire.poll_write(&mut writing).is_ready() {
            wire.write_buffer.push_frame(Frame::data(Bytes::from(vec![b'x'; 100_000]))).unwrap();
        }
        let mut record = Vec::new();
        theirs.get_mut().1.writer().write_all(&[b'y'; 1000]).unwrap();
        theirs.get_mut().1.write_tls(&mut record).unwrap();
        theirs.get_mut().0.write_all(&record[..500]).await.unwrap();
        std::future::poll_fn(|cx| wire.stream.poll_readable(cx)).await.unwrap();
        assert!(wire.poll_body(&mut reading).is_pending());
        writer.0.store(false, Ordering::Relaxed);
        let mut bytes = vec![0; 65536];
        let take_until_woken = async {
            while !writer.0.load(Ordering::Relaxed) {
                // There may be no more to read when the writer is woken.
                let reading = theirs.get_mut().0.read(&mut bytes);
                let _ = tokio::time::timeout(Duration::from_millis(10), reading).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), take_until_woken).await.expect("the writer is woken");
    }

    #[tokio::test]
    async fn a_connection_at_rest_owns_no_buffer() {
        let (ours, mut theirs) = connected().await;
        let mut wire = Http1Io::new(ours);
        wire.start_request(BodyDecoder::with_length(1_000_000), ContinueState::NotExpected);
        let send = async { theirs.write_all(&vec![b'y'; 1_000_000]).await.unwrap() };
        let take = std::future::poll_fn(|cx| {
            while let Some(frame) = ready!(wire.poll_body(cx)) {
                drop(frame.unwrap());
            }
            Poll::Ready(())
        });
        tokio::join!(send, take);
        assert!(wire.finish_request());
        assert!(wire.poll_head(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(wire.inbox.capacity(), 0);
    }
}
