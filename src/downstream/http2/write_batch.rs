//! A stream that gathers what is written to it, until all of it is sent at once.
//!
//! h2 flushes after each frame with data. With thirty streams of small answers that is thirty TLS records
//! and thirty system calls, where one will do. So the connection writes into a buffer here, a flush does
//! nothing, and all goes out when the connection has been polled and has nothing more to write for now. The
//! buffer is lent: a connection at rest owns none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::buffer_pool::{self, PooledBuffer};

/// The stream, for the connection that reads and writes.
pub(super) struct BatchedStream<S>(Rc<RefCell<BatchState<S>>>);

/// The sending end of the same stream.
pub(super) struct BatchFlusher<S>(Rc<RefCell<BatchState<S>>>);

/// A connection over a [`BatchedStream`], which sends whenever it has been polled.
pub(super) struct BatchedConnection<C, S> {
    connection: C,
    outbox: BatchFlusher<S>,
}

struct BatchState<S> {
    stream: S,
    waiting: Option<PendingBytes>,
    needs_flush: bool,
    /// Sending failed; the connection is told when it reads.
    broken: Option<io::ErrorKind>,
}

/// Bytes that wait in a buffer.
struct PendingBytes {
    buffer: PooledBuffer,
    /// The first byte that has not been sent, and the end of those that have been gathered.
    start: usize,
    end: usize,
}

/// Both ends of a gathering stream.
pub(super) fn write_batch<S>(stream: S) -> (BatchedStream<S>, BatchFlusher<S>) {
    let shared = Rc::new(RefCell::new(BatchState { stream, waiting: None, needs_flush: false, broken: None }));
    (BatchedStream(shared.clone()), BatchFlusher(shared))
}

impl<S> BatchFlusher<S> {
    /// Ties the sending to the connection that writes.
    pub(super) fn gathering<C>(self, connection: C) -> BatchedConnection<C, S> {
        BatchedConnection { connection, outbox: self }
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
        let ended = self.as_mut().connection().poll(cx);
        if ended.is_ready() {
            return ended;
        }
        let mut gathered = self.outbox.0.borrow_mut();
        let Poll::Ready(Err(error)) = gathered.poll_send(cx) else { return Poll::Pending };
        gathered.broken = Some(error.kind());
        drop(gathered);
        self.connection().poll(cx)
    }
}

impl<S: AsyncWrite + Unpin> BatchState<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(cx))?;
        if self.needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Hands the buffer's content to the stream, and the buffer back.
    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(waiting) = &mut self.waiting {
            let rest = &waiting.buffer[waiting.start..waiting.end];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => waiting.start += taken,
            }
            if waiting.start == waiting.end {
                self.waiting = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Copies as much as there is room for; at least one byte, unless there is none or `bytes` is empty.
    fn gather(&mut self, bytes: &[u8]) -> usize {
        self.needs_flush = true;
        let waiting =
            self.waiting.get_or_insert_with(|| PendingBytes { buffer: buffer_pool::acquire(), start: 0, end: 0 });
        let room = &mut waiting.buffer[waiting.end..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        waiting.end += count;
        count
    }

    fn is_full(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.end == waiting.buffer.len())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BatchedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        match gathered.broken {
            Some(kind) => Poll::Ready(Err(kind.into())),
            None => Pin::new(&mut gathered.stream).poll_read(cx, buf),
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
        let mut gathered = self.0.borrow_mut();
        if gathered.is_full() {
            ready!(gathered.poll_empty(cx))?;
        }
        Poll::Ready(Ok(bufs.iter().map(|buf| gathered.gather(buf)).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Does nothing: see [`BatchedConnection`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        ready!(gathered.poll_send(cx))?;
        Pin::new(&mut gathered.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    async fn send(outbox: &BatchFlusher<DuplexStream>) -> io::Result<()> {
        poll_fn(|cx| outbox.0.borrow_mut().poll_send(cx)).await
    }

    #[tokio::test]
    async fn what_is_written_and_flushed_goes_out_when_it_is_sent() {
        let (near, mut far) = duplex(1024);
        let (mut stream, outbox) = write_batch(near);
        stream.write_all(b"one, ").await.unwrap();
        stream.flush().await.unwrap();
        stream.write_all(b"two").await.unwrap();
        let mut received = [0; 8];
        assert!(far.read(&mut received).now_or_never().is_none());
        send(&outbox).await.unwrap();
        far.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"one, two");
    }

    #[tokio::test]
    async fn more_than_a_buffer_holds_goes_out_in_order() {
        let (near, mut far) = duplex(1000);
        let (mut stream, outbox) = write_batch(near);
        let sent: Vec<u8> = (0..3 * buffer_pool::SIZE).map(|at| (at % 251) as u8).collect();
        let mut received = vec![0; sent.len()];
        let write = async {
            stream.write_all(&sent).await.unwrap();
            send(&outbox).await.unwrap();
        };
        tokio::join!(write, async { far.read_exact(&mut received).await.unwrap() });
        assert!(received == sent);
    }

    #[tokio::test]
    async fn shutting_down_sends_first() {
        let (near, mut far) = duplex(1024);
        let (mut stream, _outbox) = write_batch(near);
        stream.write_all(b"goodbye").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"goodbye");
    }

    #[tokio::test]
    async fn a_connection_learns_that_sending_failed() {
        let (silent, _peer) = duplex(1024);
        let (closed, _) = duplex(1024);
        let (mut stream, outbox) = write_batch(tokio::io::join(silent, closed));
        let mut connection = Box::pin(async move {
            stream.write_all(b"lost").await.unwrap();
            stream.read(&mut [0; 8]).await
        });
        let ended = outbox.gathering(&mut connection).await;
        assert!(ended.is_err(), "{ended:?}");
    }
}
