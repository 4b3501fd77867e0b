//! Connection I/O shared by the connection task and the request body.

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

/// Stream, buffers and body state of an HTTP/1 connection.
pub(super) struct Http1Io {
    stream: DownstreamStream,
    read_buffer: ReadBuffer,
    parser: HeadParser,
    pub(super) write_buffer: WriteBuffer,
    /// Rest of the current request body.
    body: BodyDecoder,
    continue_state: ContinueState,
    /// Number of the current request. A service may still hold the body of an earlier one, which then returns
    /// [`Http1BodyError::ResponseFinished`].
    request: u64,
    /// The connection closes after the current response.
    closes_after_response: bool,
    /// Wakes the task of the connection while another task may read the request body.
    connection_task: Waker,
}

/// Request body that reads from its connection.
pub(crate) struct Http1RequestBody {
    /// Weak: the connection can close while the body is still being forwarded to an upstream.
    io: Weak<RefCell<Http1Io>>,
    request: u64,
    has_ended: bool,
}

/// Why an HTTP/1 request body ended early.
#[derive(Debug)]
pub enum Http1BodyError {
    /// The client closed the connection.
    UnexpectedEof,
    Io(io::Error),
    Parse(Http1ParseError),
    /// The response was complete before the body.
    ResponseFinished,
}

impl Http1Io {
    pub(super) fn new(stream: DownstreamStream) -> Http1Io {
        Http1Io {
            stream,
            read_buffer: ReadBuffer::new(INITIAL_READ_SIZE),
            parser: HeadParser::default(),
            write_buffer: WriteBuffer::new(),
            body: BodyDecoder::Ended,
            continue_state: ContinueState::NotExpected,
            request: 0,
            closes_after_response: false,
            connection_task: Waker::noop().clone(),
        }
    }

    /// Reads the head of the next request; `None` when the client has disconnected.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Http1RequestHead>, Http1ParseError>> {
        loop {
            if !self.read_buffer.is_empty() {
                if let Some(head) = self.parser.read(self.read_buffer.unread())? {
                    return Poll::Ready(Ok(Some(head)));
                }
                self.stream.message_started();
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Returns whether no byte of another request has been read.
    pub(super) fn is_between_requests(&self) -> bool {
        self.read_buffer.is_empty()
    }

    /// Starts a request with its body; returns its number.
    pub(super) fn start_request(&mut self, body: BodyDecoder, continue_state: ContinueState) -> u64 {
        self.request += 1;
        (self.body, self.continue_state) = (body, continue_state);
        self.request
    }

    /// Returns whether the client waits for `100 Continue`.
    pub(super) fn is_continue_pending(&self) -> bool {
        self.continue_state != ContinueState::NotExpected
    }

    /// Starts a response. `100 Continue` is no longer sent, because it would be inside the response.
    pub(super) fn start_response(&mut self) {
        self.continue_state = ContinueState::NotExpected;
    }

    /// Discards the bytes already read of a body that is no longer held. Returns whether the body is complete.
    pub(super) fn skip_body(&mut self) -> bool {
        while let Ok(Some(_)) = self.body.next(self.read_buffer.unread()) {}
        self.body.has_ended()
    }

    /// Finishes a request after its response. Returns whether its body is complete.
    pub(super) fn finish_request(&mut self) -> bool {
        self.request += 1;
        self.write_buffer.release();
        let has_ended = self.skip_body();
        if self.read_buffer.is_empty() {
            self.read_buffer.release();
        }
        has_ended
    }

    /// Flushes pending output and detects a client disconnect while the service runs: `100 Continue` that the body
    /// reader requested, and records of rustls. Ready when the client has disconnected.
    pub(super) fn poll_while_waiting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.continue_state == ContinueState::Requested {
            self.continue_state = ContinueState::NotExpected;
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

    /// Ready when the client has disconnected. While a request body arrives, the reader of the body detects a
    /// disconnect. A client that has sent another request is connected.
    pub(super) fn poll_disconnect(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.body.has_ended() {
            return Poll::Pending;
        }
        if !self.read_buffer.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx)) {
            Ok(1..) => Poll::Pending,
            Ok(0) | Err(_) => Poll::Ready(()),
        }
    }

    /// Registers the connection task for wake-ups from the body reader: when the body is complete, or when output
    /// is pending. Only the connection task writes, because a socket stores one waker for writing.
    pub(super) fn register_connection_task(&mut self, cx: &Context<'_>) {
        if !self.body.has_ended() {
            self.connection_task.clone_from(cx.waker());
        }
    }

    /// Closes the connection when the current response is written.
    pub(super) fn close_after_response(&mut self) {
        self.closes_after_response = true;
    }

    /// Ready when the write buffer has been written to the stream; TLS may still hold some of it.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closes_after_response && self.write_buffer.is_last_and_small() {
            // The end of the response shares a packet with close_notify and FIN.
            self.stream.hold_until_close();
        }
        self.write_buffer.poll_write(&mut self.stream, cx)
    }

    /// Ready when TLS has sent everything to the socket.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Ready when the stream is shut down.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Returns the stream, and the bytes read after the last head.
    pub(super) fn into_parts(self) -> (DownstreamStream, Bytes) {
        (self.stream, self.read_buffer.into_unread())
    }

    /// Reads the next frame of the current request body, in the task of its reader.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Http1BodyError>>> {
        // `100 Continue` is sent when the body is first read. As in nginx, it is also sent to a client that has not
        // waited for it.
        if self.continue_state == ContinueState::Pending {
            self.continue_state = ContinueState::Requested;
            self.wake_connection(cx);
        }
        loop {
            if let Some(frame) = self.body.next(self.read_buffer.unread()).map_err(Http1BodyError::Parse)? {
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

    /// Reads in the connection task. Records without data, such as a key update, can require a record in return,
    /// which is sent here.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = self.poll_read(cx);
        if read.is_pending() && self.stream.wants_write() {
            let _ = self.poll_flush(cx)?;
        }
        read
    }

    /// Reads into the read buffer; shrinks the buffer while nothing arrives.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let read = match self.stream.poll_readable(cx)? {
            Poll::Ready(()) => self.read_buffer.poll_fill(&mut self.stream, cx),
            Poll::Pending => Poll::Pending,
        };
        if read.is_pending() {
            self.read_buffer.shrink();
        }
        read
    }

    /// Wakes the connection task, unless it is the current task.
    fn wake_connection(&self, cx: &Context<'_>) {
        if !self.connection_task.will_wake(cx.waker()) {
            self.connection_task.wake_by_ref();
        }
    }
}

impl Http1RequestBody {
    /// Creates the body of the current request, which has the number `request`.
    pub(super) fn new(io: &Rc<RefCell<Http1Io>>, request: u64) -> Http1RequestBody {
        Http1RequestBody { io: Rc::downgrade(io), request, has_ended: false }
    }

    /// Creates the body of a request without one.
    pub(super) fn empty() -> Http1RequestBody {
        Http1RequestBody { io: Weak::new(), request: 0, has_ended: true }
    }

    /// Reads the next frame from the connection.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Http1BodyError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let Some(io) = self.io.upgrade() else { return Poll::Ready(Some(Err(Http1BodyError::UnexpectedEof))) };
        let io = &mut *io.borrow_mut();
        if io.request != self.request {
            return Poll::Ready(Some(Err(Http1BodyError::ResponseFinished)));
        }
        let frame = ready!(io.poll_body(cx));
        if io.body.has_ended() {
            self.has_ended = true;
            io.wake_connection(cx);
        }
        Poll::Ready(frame)
    }

    /// Returns whether all frames have been read.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    /// Returns the remaining length, exact unless the body is chunked.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.io.upgrade() {
            Some(io) if io.borrow().request == self.request => io.borrow().body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Display for Http1BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Http1BodyError::UnexpectedEof => f.write_str("the client closed the connection"),
            Http1BodyError::Io(error) => error.fmt(f),
            Http1BodyError::Parse(error) => error.fmt(f),
            Http1BodyError::ResponseFinished => f.write_str("the response was already complete"),
        }
    }
}

/// Bytes: enough for most heads with some cookies.
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
    struct WakeFlag(AtomicBool);

    impl Wake for WakeFlag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn reading_the_body_in_another_task_keeps_the_write_waker() {
        let (near, mut far) = connected().await;
        let mut io = Http1Io::new(near);
        io.start_request(BodyDecoder::with_length(1000), ContinueState::NotExpected);
        io.write_buffer.begin_body(ResponseFraming::UntilClose);
        let (writer, reader) = (Arc::new(WakeFlag::default()), Arc::new(WakeFlag::default()));
        let (writing, reading) = (Waker::from(writer.clone()), Waker::from(reader));
        let (mut writing, mut reading) = (Context::from_waker(&writing), Context::from_waker(&reading));
        while io.poll_write(&mut writing).is_ready() {
            io.write_buffer.push_frame(Frame::data(Bytes::from(vec![b'x'; 100_000]))).unwrap();
        }
        let mut record = Vec::new();
        far.get_mut().1.writer().write_all(&[b'y'; 1000]).unwrap();
        far.get_mut().1.write_tls(&mut record).unwrap();
        far.get_mut().0.write_all(&record[..500]).await.unwrap();
        std::future::poll_fn(|cx| io.stream.poll_readable(cx)).await.unwrap();
        assert!(io.poll_body(&mut reading).is_pending());
        writer.0.store(false, Ordering::Relaxed);
        let mut bytes = vec![0; 65536];
        let take_until_woken = async {
            while !writer.0.load(Ordering::Relaxed) {
                // Nothing may be left to read when the writer is woken.
                let reading = far.get_mut().0.read(&mut bytes);
                let _ = tokio::time::timeout(Duration::from_millis(10), reading).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), take_until_woken).await.expect("the writer is woken");
    }

    #[tokio::test]
    async fn an_idle_connection_holds_no_buffer() {
        let (near, mut far) = connected().await;
        let mut io = Http1Io::new(near);
        io.start_request(BodyDecoder::with_length(1_000_000), ContinueState::NotExpected);
        let send = async { far.write_all(&vec![b'y'; 1_000_000]).await.unwrap() };
        let take = std::future::poll_fn(|cx| {
            while let Some(frame) = ready!(io.poll_body(cx)) {
                drop(frame.unwrap());
            }
            Poll::Ready(())
        });
        tokio::join!(send, take);
        assert!(io.finish_request());
        assert!(io.poll_head(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(io.read_buffer.capacity(), 0);
    }
}
