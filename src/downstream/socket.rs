//! The client's TCP socket, as everything above it sees it.
//!
//! It does four things that the plain socket does not. It notes when bytes arrive and when writing is
//! stuck, so that one timer per connection can enforce all of a client's deadlines. Below TLS it reads
//! as much as there is with one system call, where rustls would ask for 4 KiB at a time. It holds back what can
//! leave with something else (`net/sending.rs`). And it closes gently: what the client still sends is read and
//! dropped for a moment, because closing a socket with unread data resets the connection and takes the answer
//! just sent with it.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::timeouts::ConnectionActivity;
use super::write_coalescer::{MoreToFollow, WriteCoalescer};
use crate::net::buffer_pool;

/// A client's socket.
pub struct DownstreamSocket {
    tcp: TcpStream,
    activity: Rc<ConnectionActivity>,
    reading: ReadMode,
    sending: WriteCoalescer,
    closing: CloseMode,
}

enum ReadMode {
    /// The reader above brings a buffer of a good size.
    Direct,
    /// Bytes that one system call brought beyond what the reader had room for.
    Ahead { bytes: Vec<u8>, taken: usize, opening: TlsDetection },
}

/// Whether the client has been seen to speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsDetection {
    Unseen,
    Tls,
}

enum CloseMode {
    /// Send FIN, then drain for a while.
    Gently(Option<Pin<Box<Sleep>>>),
    /// Send FIN and go on reading: one half of a tunnel ends.
    HalfOnly,
}

/// The reading error for a client that begins with HTTP where TLS is spoken.
#[derive(Debug)]
pub(super) struct PlainHttpOnTls;

impl fmt::Display for PlainHttpOnTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client spoke plain HTTP to a TLS port")
    }
}

impl Error for PlainHttpOnTls {}

impl DownstreamSocket {
    /// A socket that HTTP reads from directly.
    pub fn plain(tcp: TcpStream, activity: Rc<ConnectionActivity>) -> DownstreamSocket {
        let (reading, sending) = (ReadMode::Direct, WriteCoalescer::Immediate);
        DownstreamSocket { tcp, activity, reading, sending, closing: CloseMode::Gently(None) }
    }

    /// A socket that TLS reads from, in small pieces. What its handshake writes leaves when the client's next
    /// bytes are waited for.
    pub fn for_tls(tcp: TcpStream, activity: Rc<ConnectionActivity>) -> DownstreamSocket {
        let reading = ReadMode::Ahead { bytes: Vec::new(), taken: 0, opening: TlsDetection::Unseen };
        let sending = WriteCoalescer::Holding(Vec::new());
        DownstreamSocket { tcp, activity, reading, sending, closing: CloseMode::Gently(None) }
    }

    /// The handshake is complete. What it has written last may leave with the first answer.
    pub(super) fn handshake_done(&mut self) {
        self.sending.release();
    }

    /// What is written from now on is the last, and leaves together with the end.
    pub(super) fn hold_until_close(&mut self) {
        self.sending.hold();
    }

    /// Sends what a handshake said before it failed, if the client takes it at once or soon.
    pub(super) async fn flush_alert(mut self) {
        let _ = poll_fn(|cx| self.sending.poll_flush(&self.tcp, cx, MoreToFollow::Nothing)).await;
    }

    /// From now on, shutting down ends one direction only.
    pub fn into_tunnel_mode(&mut self) {
        self.closing = CloseMode::HalfOnly;
    }

    /// Ready when reading has a chance: bytes have come, or the end of them. Nothing may have been read ahead.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let readable = self.tcp.poll_read_ready(cx);
        if readable.is_pending() {
            self.flush_if_idle(cx);
        }
        readable
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.reading {
            ReadMode::Direct => Pin::new(&mut self.tcp).poll_read(cx, buf),
            ReadMode::Ahead { bytes, taken, .. } if !bytes.is_empty() => {
                take_ahead(bytes, taken, buf);
                Poll::Ready(Ok(()))
            }
            ReadMode::Ahead { bytes, opening, .. } => {
                let before = buf.filled().len();
                ready!(read_ahead(&mut self.tcp, cx, buf, bytes))?;
                if *opening == TlsDetection::Unseen {
                    detect_plain_http(&buf.filled()[before..])?;
                    *opening = TlsDetection::Tls;
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The connection has nothing to do until the client sends more. It may be waiting for what is held; but while
    /// an exchange is open, an answer is to come, and takes that along.
    pub(super) fn flush_if_idle(&mut self, cx: &mut Context<'_>) {
        if !self.activity.has_active_request() {
            // An error shows again at the next read.
            let _ = self.sending.poll_flush(&self.tcp, cx, MoreToFollow::Nothing);
        }
    }

    /// Whether bytes are kept here that one system call brought beyond what the reader had room for.
    pub(super) fn has_read_ahead(&self) -> bool {
        matches!(&self.reading, ReadMode::Ahead { bytes, .. } if !bytes.is_empty())
    }

    /// See [`ClientStream::note_beginning`](super::stream::DownstreamStream).
    pub(super) fn message_started(&self) {
        self.activity.bytes_arrived();
    }

    fn poll_lingering_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let CloseMode::Gently(patience) = &mut self.closing else { return Poll::Ready(Ok(())) };
        let patience = patience.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        if patience.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut buffer = buffer_pool::acquire();
        loop {
            let mut discarded = ReadBuf::new(&mut buffer);
            match ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut discarded)) {
                Ok(()) if !discarded.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncRead for DownstreamSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = this.poll_arrived(cx, buf);
        if read.is_pending() && matches!(this.sending, WriteCoalescer::Holding(_)) {
            this.flush_if_idle(cx);
        }
        ready!(read)?;
        if buf.filled().len() > before {
            this.activity.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DownstreamSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.sending.poll_write(&mut this.tcp, cx, buf);
        this.activity.write_attempted(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Most messages are in one piece, for which `send` is the cheaper system call.
        if let [whole] = bufs {
            return self.poll_write(cx, whole);
        }
        let WriteCoalescer::Immediate = self.sending else {
            return self.poll_write(cx, bufs.iter().find(|buf| !buf.is_empty()).map_or(&[], |buf| buf));
        };
        let this = self.get_mut();
        let written = Pin::new(&mut this.tcp).poll_write_vectored(cx, bufs);
        this.activity.write_attempted(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !matches!(this.closing, CloseMode::Gently(Some(_))) {
            let sent = this.sending.poll_flush(&this.tcp, cx, MoreToFollow::End);
            this.activity.write_attempted(sent.is_pending());
            ready!(sent)?;
            ready!(Pin::new(&mut this.tcp).poll_shutdown(cx))?;
        }
        this.poll_lingering_close(cx)
    }
}

/// One system call; what does not fit into `buf` is kept in `ahead`.
fn read_ahead(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    ahead: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    let mut lent = buffer_pool::acquire();
    let mut arrived = ReadBuf::new(&mut lent);
    ready!(Pin::new(tcp).poll_read(cx, &mut arrived))?;
    let arrived = arrived.filled();
    let (now, later) = arrived.split_at(arrived.len().min(buf.remaining()));
    buf.put_slice(now);
    ahead.extend_from_slice(later);
    Poll::Ready(Ok(()))
}

/// Every TLS connection begins with a handshake record (type 22), every HTTP request with a letter. To be
/// seen here, before rustls answers with an alert that no HTTP client could read.
fn detect_plain_http(first_bytes: &[u8]) -> io::Result<()> {
    match first_bytes.first() {
        Some(byte) if byte.is_ascii_alphabetic() => Err(io::Error::new(io::ErrorKind::InvalidData, PlainHttpOnTls)),
        _ => Ok(()),
    }
}

/// Hands out what was read ahead, and its memory back when that is done.
fn take_ahead(ahead: &mut Vec<u8>, taken: &mut usize, buf: &mut ReadBuf<'_>) {
    let rest = &ahead[*taken..];
    let count = rest.len().min(buf.remaining());
    buf.put_slice(&rest[..count]);
    *taken += count;
    if *taken == ahead.len() {
        (*ahead, *taken) = (Vec::new(), 0);
    }
}

/// How long a closed connection may still send into the void. nginx's `lingering_timeout` is 5 s; a
/// client that reads its answer at all does so well within this.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A socket that has been greeted with tickets, and the client's end.
    async fn greeted() -> (DownstreamSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = DownstreamSocket::for_tls(tcp, Rc::new(ConnectionActivity::http1()));
        socket.write_all(b"tickets ").await.unwrap();
        socket.handshake_done();
        (socket, client)
    }

    async fn wait_for_the_client(socket: &mut DownstreamSocket) {
        poll_fn(|cx| {
            socket.flush_if_idle(cx);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn what_a_handshake_said_last_leaves_when_a_request_is_waited_for() {
        let (mut socket, mut client) = greeted().await;
        wait_for_the_client(&mut socket).await;
        let mut arrived = [0; 8];
        client.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"tickets ");
    }

    #[tokio::test]
    async fn what_a_handshake_said_last_leaves_with_an_answer_that_is_to_come() {
        let (mut socket, mut client) = greeted().await;
        socket.activity.request_started();
        wait_for_the_client(&mut socket).await;
        socket.write_all(b"answer").await.unwrap();
        let mut arrived = [0; 20];
        // One packet, so one read.
        let length = client.read(&mut arrived).await.unwrap();
        assert_eq!(&arrived[..length], b"tickets answer");
    }

    #[tokio::test]
    async fn what_was_held_is_not_lost_when_the_connection_ends() {
        let (mut socket, mut client) = greeted().await;
        socket.hold_until_close();
        socket.write_all(b"goodbye").await.unwrap();
        let mut arrived = Vec::new();
        let (ended, read) = tokio::join!(socket.shutdown(), async {
            let read = client.read_to_end(&mut arrived).await;
            drop(client);
            read
        });
        ended.unwrap();
        read.unwrap();
        assert_eq!(arrived, b"tickets goodbye");
    }
}
