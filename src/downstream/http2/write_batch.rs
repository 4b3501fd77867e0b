//! Batches the writes of one poll into one flush.
//!
//! h2 flushes after each DATA frame. With thirty streams of small responses that is thirty TLS records and thirty
//! system calls, where one of each suffices. h2 therefore writes into a buffer here, and its flush does nothing.
//! The buffer is written when the connection has been polled and has nothing more to write. It comes from the pool
//! of the worker, so an idle connection holds none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::buffer_pool::{self, PooledBuffer};

/// Stream whose writes are buffered until the end of a poll.
pub(super) struct BatchedStream<S>(Rc<RefCell<BatchState<S>>>);

/// Flushes the buffered writes of a [`BatchedStream`].
pub(super) struct BatchFlusher<S>(Rc<RefCell<BatchState<S>>>);

/// Connection future over a [`BatchedStream`] that flushes after each poll.
pub(super) struct BatchedConnection<C, S> {
    connection: C,
    flusher: BatchFlusher<S>,
}

/// Shared state of stream and flusher.
struct BatchState<S> {
    stream: S,
    pending: Option<PendingBytes>,
    needs_flush: bool,
    /// Why flushing failed; the next read returns it to the connection.
    write_error: Option<io::ErrorKind>,
}

/// Buffered bytes and the range not yet written.
struct PendingBytes {
    buffer: PooledBuffer,
    /// Index of the first byte that has not been written.
    start: usize,
    /// Index after the last buffered byte.
    end: usize,
}

/// Splits a stream into a buffered stream and its flusher.
pub(super) fn write_batch<S>(stream: S) -> (BatchedStream<S>, BatchFlusher<S>) {
    let shared = Rc::new(RefCell::new(BatchState { stream, pending: None, needs_flush: false, write_error: None }));
    (BatchedStream(shared.clone()), BatchFlusher(shared))
}

impl<S> BatchFlusher<S> {
    /// Flushes after each poll of a connection.
    pub(super) fn drive<C>(self, connection: C) -> BatchedConnection<C, S> {
        BatchedConnection { connection, flusher: self }
    }
}

impl<C: Unpin, S> BatchedConnection<C, S> {
    pub(super) fn connection(self: Pin<&mut Self>) -> Pin<&mut C> {
        Pin::new(&mut self.get_mut().connection)
    }
}

impl<C, S> Future for BatchedConnection<C, S>
where
    C: Future + Unpin,
    S: AsyncWrite + Unpin,
{
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let output = self.as_mut().connection().poll(cx);
        if output.is_ready() {
            return output;
        }
        let mut state = self.flusher.0.borrow_mut();
        let Poll::Ready(Err(error)) = state.poll_flush_pending(cx) else { return Poll::Pending };
        state.write_error = Some(error.kind());
        drop(state);
        self.connection().poll(cx)
    }
}

impl<S: AsyncWrite + Unpin> BatchState<S> {
    /// Ready when the buffered bytes are written and flushed.
    fn poll_flush_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_pending(cx))?;
        if self.needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the buffered bytes to the stream and returns the buffer to the pool.
    fn poll_write_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(pending) = &mut self.pending {
            let rest = &pending.buffer[pending.start..pending.end];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => pending.start += taken,
            }
            if pending.start == pending.end {
                self.pending = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Copies as many bytes as fit; returns their number, which is 0 only if the buffer is full or `bytes` is
    /// empty.
    fn push(&mut self, bytes: &[u8]) -> usize {
        self.needs_flush = true;
        let pending =
            self.pending.get_or_insert_with(|| PendingBytes { buffer: buffer_pool::acquire(), start: 0, end: 0 });
        let room = &mut pending.buffer[pending.end..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        pending.end += count;
        count
    }

    fn is_full(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| pending.end == pending.buffer.len())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BatchedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        match state.write_error {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None => Pin::new(&mut state.stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BatchedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.is_full() {
            ready!(state.poll_write_pending(cx))?;
        }
        Poll::Ready(Ok(bufs.iter().map(|buf| state.push(buf)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: [`BatchedConnection`] flushes after the poll.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        ready!(state.poll_flush_pending(cx))?;
        Pin::new(&mut state.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    async fn flush(flusher: &BatchFlusher<DuplexStream>) -> io::Result<()> {
        poll_fn(|cx| flusher.0.borrow_mut().poll_flush_pending(cx)).await
    }

    #[tokio::test]
    async fn writes_and_flushes_are_sent_by_the_flusher() {
        let (near, mut far) = duplex(1024);
        let (mut stream, flusher) = write_batch(near);
        stream.write_all(b"one, ").await.unwrap();
        stream.flush().await.unwrap();
        stream.write_all(b"two").await.unwrap();
        let mut received = [0; 8];
        assert!(far.read(&mut received).now_or_never().is_none());
        flush(&flusher).await.unwrap();
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"one, two");
    }

    #[tokio::test]
    async fn more_than_one_buffer_is_sent_in_order() {
        let (near, mut far) = duplex(1000);
        let (mut stream, flusher) = write_batch(near);
        let sent: Vec<u8> = (0..3 * buffer_pool::SIZE).map(|at| (at % 251) as u8).collect();
        let mut received = vec![0; sent.len()];
        let write = async {
            stream.write_all(&sent).await.unwrap();
            flush(&flusher).await.unwrap();
        };
        tokio::join!(write, async { far.read_exact(&mut received).await.unwrap() });
        assert!(received == sent);
    }

    #[tokio::test]
    async fn shutdown_flushes_first() {
        let (near, mut far) = duplex(1024);
        let (mut stream, _outbox) = write_batch(near);
        stream.write_all(b"GOAWAY").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"GOAWAY");
    }

    #[tokio::test]
    async fn a_write_error_ends_the_connection() {
        let (open, _peer) = duplex(1024);
        let (closed, _) = duplex(1024);
        let (mut stream, flusher) = write_batch(tokio::io::join(open, closed));
        let mut connection = Box::pin(async move {
            stream.write_all(b"lost").await.unwrap();
            stream.read(&mut [0; 8]).await
        });
        let output = flusher.drive(&mut connection).await;
        assert!(output.is_err(), "{output:?}");
    }
}
