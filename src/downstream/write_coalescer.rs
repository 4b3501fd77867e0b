//! When the bytes for a client leave: at once, or together with what follows.
//!
//! Each packet wakes the client, and costs more than many bytes in one that leaves anyway. So what ends a
//! handshake, session tickets above all, goes out with the first answer, unless the connection has to wait for a
//! request. And the goodbye of TLS goes out with the end of the connection, in one packet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

/// What happens to bytes that are written.
pub(super) enum WriteCoalescer {
    Immediate,
    /// They wait until somebody asks for them to be sent.
    Holding(Vec<u8>),
    /// They leave, and what was held leaves with them.
    Flushing(Vec<u8>),
}

/// Whether more follows at once, perhaps only the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MoreToFollow {
    Nothing,
    End,
}

impl WriteCoalescer {
    /// From now on, what is written waits.
    pub(super) fn hold(&mut self) {
        *self = WriteCoalescer::Holding(self.take_held());
    }

    /// From now on, what is written leaves, and with it what has waited.
    pub(super) fn release(&mut self) {
        let held = self.take_held();
        *self = if held.is_empty() { WriteCoalescer::Immediate } else { WriteCoalescer::Flushing(held) };
    }

    /// Sends `bytes` behind what was held, or holds them too.
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
                    let sent = taken(ready!(Pin::new(&mut *tcp).poll_write_vectored(cx, &both)))?;
                    let of_held = sent.min(held.len());
                    held.drain(..of_held);
                    if sent > of_held {
                        self.release();
                        return Poll::Ready(Ok(sent - of_held));
                    }
                }
            }
        }
        self.release();
        self.poll_write(tcp, cx, bytes)
    }

    /// Sends what was held.
    pub(super) fn poll_flush(
        &mut self,
        tcp: &TcpStream,
        cx: &mut Context<'_>,
        following: MoreToFollow,
    ) -> Poll<io::Result<()>> {
        let (WriteCoalescer::Holding(held) | WriteCoalescer::Flushing(held)) = self else {
            return Poll::Ready(Ok(()));
        };
        while !held.is_empty() {
            ready!(tcp.poll_write_ready(cx))?;
            let send = || SockRef::from(tcp).send_with_flags(held, following.flags());
            match tcp.try_io(Interest::WRITABLE, send) {
                // It was not ready after all; now it knows.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => drop(held.drain(..taken(sent)?)),
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
    /// For `send`.
    fn flags(self) -> i32 {
        match self {
            MoreToFollow::Nothing => 0,
            MoreToFollow::End => MSG_MORE,
        }
    }
}

/// A socket that takes nothing of something would never do so.
fn taken(sent: io::Result<usize>) -> io::Result<usize> {
    match sent {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        sent => sent,
    }
}

/// Linux waits for more bytes, or for the end, before it makes a packet; the same number on every machine.
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

    /// Larger than what sockets on loopback hold.
    fn plenty() -> Vec<u8> {
        (0..8_000_000_u32).map(|position| position as u8).collect()
    }

    #[tokio::test]
    async fn what_is_held_leaves_before_what_is_written_next() {
        let (mut tcp, mut client) = pair().await;
        let mut sending = WriteCoalescer::Holding(Vec::new());
        assert_eq!(poll_fn(|cx| sending.poll_write(&mut tcp, cx, b"tickets ")).await.unwrap(), 8);
        sending.release();
        assert_eq!(poll_fn(|cx| sending.poll_write(&mut tcp, cx, b"answer")).await.unwrap(), 6);
        assert!(matches!(sending, WriteCoalescer::Immediate));
        let mut arrived = [0; 14];
        client.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"tickets answer");
    }

    #[tokio::test]
    async fn a_client_that_takes_it_in_pieces_gets_all_of_it() {
        let (mut tcp, mut client) = pair().await;
        let mut sending = WriteCoalescer::Flushing(plenty());
        let sent = async {
            let count = poll_fn(|cx| sending.poll_write(&mut tcp, cx, b"answer")).await.unwrap();
            tcp.write_all(&b"answer"[count..]).await.unwrap();
            drop(tcp);
        };
        let mut arrived = Vec::new();
        let (_, read) = tokio::join!(sent, client.read_to_end(&mut arrived));
        read.unwrap();
        assert!(arrived == [&plenty()[..], b"answer"].concat());
    }

    #[tokio::test]
    async fn what_was_held_for_the_end_is_sent_in_full() {
        let (mut tcp, mut client) = pair().await;
        let mut sending = WriteCoalescer::Holding(plenty());
        let sent = async {
            poll_fn(|cx| sending.poll_flush(&tcp, cx, MoreToFollow::End)).await.unwrap();
            tcp.shutdown().await.unwrap();
        };
        let mut arrived = Vec::new();
        let ((), read) = tokio::join!(sent, client.read_to_end(&mut arrived));
        read.unwrap();
        assert!(arrived == plenty());
    }
}
