//! Combines small writes with the next packet.
//!
//! Each packet wakes the client, and costs more than many bytes in a packet that is sent anyway. The end of a
//! handshake, mainly session tickets, is therefore sent with the first response, unless the connection has to wait
//! for a request. The `close_notify` alert is sent with the FIN, in one packet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

/// Writes at once, or holds bytes to send them with the next ones.
pub(super) enum WriteCoalescer {
    /// Writes at once; nothing is held.
    Immediate,
    /// Holds all bytes until [`WriteCoalescer::poll_flush`].
    Holding(Vec<u8>),
    /// Writes at once, with the held bytes first.
    Flushing(Vec<u8>),
}

/// Whether a FIN follows at once (`MSG_MORE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoreToFollow {
    Nothing,
    Fin,
}

impl WriteCoalescer {
    /// Holds further writes.
    pub(super) fn hold(&mut self) {
        *self = WriteCoalescer::Holding(self.take_held());
    }

    /// Sends further writes, the next of them together with the held bytes.
    pub(super) fn release(&mut self) {
        let held = self.take_held();
        *self = if held.is_empty() { WriteCoalescer::Immediate } else { WriteCoalescer::Flushing(held) };
    }

    /// Writes `bytes` after the held bytes, or holds them too.
    pub(super) fn poll_write(
        &mut self,
        tcp: &mut TcpStream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            WriteCoalescer::Immediate => return Pin::new(tcp).poll_write(cx, bytes),
            WriteCoalescer::Holding(held) => {
                held.extend_from_slice(bytes);
                return Poll::Ready(Ok(bytes.len()));
            }
            WriteCoalescer::Flushing(held) => {
                while !held.is_empty() {
                    let both = [IoSlice::new(held), IoSlice::new(bytes)];
                    let sent = accepted(ready!(Pin::new(&mut *tcp).poll_write_vectored(cx, &both)))?;
                    let from_held = sent.min(held.len());
                    held.drain(..from_held);
                    if sent > from_held {
                        self.release();
                        return Poll::Ready(Ok(sent - from_held));
                    }
                }
            }
        }
        self.release();
        self.poll_write(tcp, cx, bytes)
    }

    /// Sends the held bytes.
    pub(super) fn poll_flush(
        &mut self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        more: MoreToFollow,
    ) -> Poll<io::Result<()>> {
        let (WriteCoalescer::Holding(held) | WriteCoalescer::Flushing(held)) = self else {
            return Poll::Ready(Ok(()));
        };
        while !held.is_empty() {
            ready!(tcp.poll_write_ready(cx))?;
            let send = || SockRef::from(tcp).send_with_flags(held, more.flags());
            match tcp.try_io(Interest::WRITABLE, send) {
                // The readiness was stale; `try_io` has cleared it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => drop(held.drain(..accepted(sent)?)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn take_held(&mut self) -> Vec<u8> {
        match self {
            WriteCoalescer::Immediate => Vec::new(),
            WriteCoalescer::Holding(held) | WriteCoalescer::Flushing(held) => std::mem::take(held),
        }
    }
}

impl MoreToFollow {
    /// Returns the flags for `send(2)`.
    fn flags(self) -> i32 {
        match self {
            MoreToFollow::Nothing => 0,
            MoreToFollow::Fin => MSG_MORE,
        }
    }
}

/// A socket that accepts 0 of some bytes will never accept any: returns `WriteZero`.
fn accepted(sent: io::Result<usize>) -> io::Result<usize> {
    match sent {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        sent => sent,
    }
}

/// Linux waits for more bytes, or for the FIN, before it sends a packet; the value is the same on every
/// architecture.
const MSG_MORE: i32 = 0x8000;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, client)
    }

    /// More than the socket buffers of loopback hold.
    fn plenty() -> Vec<u8> {
        (0..8_000_000_u32).map(|position| position as u8).collect()
    }

    #[tokio::test]
    async fn held_bytes_are_sent_before_later_writes() {
        let (mut tcp, mut client) = pair().await;
        let mut coalescer = WriteCoalescer::Holding(Vec::new());
        assert_eq!(poll_fn(|cx| coalescer.poll_write(&mut tcp, cx, b"tickets ")).await.unwrap(), 8);
        coalescer.release();
        assert_eq!(poll_fn(|cx| coalescer.poll_write(&mut tcp, cx, b"response")).await.unwrap(), 8);
        assert!(matches!(coalescer, WriteCoalescer::Immediate));
        let mut arrived = [0; 16];
        client.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"tickets response");
    }

    #[tokio::test]
    async fn partial_writes_send_everything_in_order() {
        let (mut tcp, mut client) = pair().await;
        let mut coalescer = WriteCoalescer::Flushing(plenty());
        let sent = async {
            let count = poll_fn(|cx| coalescer.poll_write(&mut tcp, cx, b"response")).await.unwrap();
            tcp.write_all(&b"response"[count..]).await.unwrap();
            drop(tcp);
        };
        let mut arrived = Vec::new();
        let (_, read) = tokio::join!(sent, client.read_to_end(&mut arrived));
        read.unwrap();
        assert!(arrived == [&plenty()[..], b"response"].concat());
    }

    #[tokio::test]
    async fn held_bytes_are_sent_in_full_before_the_fin() {
        let (mut tcp, mut client) = pair().await;
        let mut coalescer = WriteCoalescer::Holding(plenty());
        let sent = async {
            poll_fn(|cx| coalescer.poll_flush(&tcp, cx, MoreToFollow::Fin)).await.unwrap();
            tcp.shutdown().await.unwrap();
        };
        let mut arrived = Vec::new();
        let ((), read) = tokio::join!(sent, client.read_to_end(&mut arrived));
        read.unwrap();
        assert!(arrived == plenty());
    }
}
