//! Client TCP socket: activity, read-ahead, coalesced writes, lingering close.
//!
//! Four additions to a plain socket:
//! - It records when bytes arrive and when a write blocks, so that one timer for each connection can enforce all
//!   client timeouts ([`ConnectionActivity`]).
//! - Below TLS one system call reads as much as has arrived, where rustls would read 4 KiB at a time.
//! - It holds bytes that can share a packet with later ones ([`WriteCoalescer`]).
//! - It closes with a lingering close: input is read and discarded for up to 2 s. Closing a socket with unread data
//!   would reset the connection, and the reset can overtake the response.

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

/// Client TCP socket with activity tracking and lingering close.
pub struct DownstreamSocket {
    tcp: TcpStream,
    activity: Rc<ConnectionActivity>,
    read_mode: ReadMode,
    coalescer: WriteCoalescer,
    close_mode: CloseMode,
}

/// Direct reads, or read-ahead below TLS.
enum ReadMode {
    /// The caller reads with a large buffer of its own.
    Direct,
    /// Keeps the bytes of one system call that did not fit into the caller's buffer; `taken` of them have been
    /// read.
    ReadAhead { bytes: Vec<u8>, taken: usize, detection: TlsDetection },
}

/// Whether the first bytes were seen to be TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsDetection {
    Pending,
    Tls,
}

/// Lingering close, or half-close for a tunnel.
enum CloseMode {
    /// Sends FIN, then reads and discards input until the timer expires. The timer starts with the FIN.
    Lingering(Option<Pin<Box<Sleep>>>),
    /// Sends FIN only: the other direction of a tunnel stays open.
    HalfClose,
}

/// I/O error for a client that sends plain HTTP to a TLS port.
#[derive(Debug)]
pub(super) struct PlainHttpOnTls;

impl fmt::Display for PlainHttpOnTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain HTTP sent to a TLS port")
    }
}

impl Error for PlainHttpOnTls {}

impl DownstreamSocket {
    /// Creates a socket that HTTP reads from directly.
    pub fn plain(tcp: TcpStream, activity: Rc<ConnectionActivity>) -> DownstreamSocket {
        let (read_mode, coalescer) = (ReadMode::Direct, WriteCoalescer::Immediate);
        DownstreamSocket { tcp, activity, read_mode, coalescer, close_mode: CloseMode::Lingering(None) }
    }

    /// Creates a socket with read-ahead and held handshake writes. They are sent when the handshake waits for the
    /// client.
    pub fn for_tls(tcp: TcpStream, activity: Rc<ConnectionActivity>) -> DownstreamSocket {
        let read_mode = ReadMode::ReadAhead { bytes: Vec::new(), taken: 0, detection: TlsDetection::Pending };
        let coalescer = WriteCoalescer::Holding(Vec::new());
        DownstreamSocket { tcp, activity, read_mode, coalescer, close_mode: CloseMode::Lingering(None) }
    }

    /// Releases held writes with the first response: the handshake is complete.
    pub(super) fn handshake_done(&mut self) {
        self.coalescer.release();
    }

    /// Holds further writes until the connection closes, so that they share a packet with the FIN.
    pub(super) fn hold_until_close(&mut self) {
        self.coalescer.hold();
    }

    /// Sends the alert of a failed handshake. Write errors are ignored.
    pub(super) async fn flush_alert(mut self) {
        let _ = poll_fn(|cx| self.coalescer.poll_flush(&self.tcp, cx, MoreToFollow::Nothing)).await;
    }

    /// Makes shutdown close one direction only.
    pub fn set_tunnel_mode(&mut self) {
        self.close_mode = CloseMode::HalfClose;
    }

    /// Ready when the socket is readable: bytes, the end of the stream, or an error. Bytes that were read ahead are
    /// not considered, so there must be none.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let readable = self.tcp.poll_read_ready(cx);
        if readable.is_pending() {
            self.flush_if_idle(cx);
        }
        readable
    }

    /// Reads by the read mode.
    fn poll_arrived(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.read_mode {
            ReadMode::Direct => Pin::new(&mut self.tcp).poll_read(cx, buf),
            ReadMode::ReadAhead { bytes, taken, .. } if !bytes.is_empty() => {
                take_ahead(bytes, taken, buf);
                Poll::Ready(Ok(()))
            }
            ReadMode::ReadAhead { bytes, detection, .. } => {
                let before = buf.filled().len();
                ready!(read_ahead(&mut self.tcp, cx, buf, bytes))?;
                if *detection == TlsDetection::Pending {
                    detect_plain_http(&buf.filled()[before..])?;
                    *detection = TlsDetection::Tls;
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Flushes held writes when no response is in progress. The client may need them before it sends more. A
    /// response in progress will take them along.
    pub(super) fn flush_if_idle(&mut self, cx: &mut Context<'_>) {
        if !self.activity.has_active_request() {
            // The next read reports an error again.
            let _ = self.coalescer.poll_flush(&self.tcp, cx, MoreToFollow::Nothing);
        }
    }

    /// Returns whether bytes were read ahead and not yet taken by the caller.
    pub(super) fn has_read_ahead(&self) -> bool {
        matches!(&self.read_mode, ReadMode::ReadAhead { bytes, .. } if !bytes.is_empty())
    }

    /// Starts the header timeout for a pipelined message: its bytes were read together with an earlier message.
    pub(super) fn message_started(&self) {
        self.activity.bytes_arrived();
    }

    /// Reads and discards input until the client closes, or until the linger timeout.
    fn poll_lingering_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let CloseMode::Lingering(timeout) = &mut self.close_mode else { return Poll::Ready(Ok(())) };
        let timeout = timeout.get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        if timeout.as_mut().poll(cx).is_ready() {
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
        if read.is_pending() && matches!(this.coalescer, WriteCoalescer::Holding(_)) {
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
        let written = this.coalescer.poll_write(&mut this.tcp, cx, buf);
        this.activity.write_attempted(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // Most messages are one slice, for which `send` is the cheaper system call.
        if let [whole] = bufs {
            return self.poll_write(cx, whole);
        }
        let WriteCoalescer::Immediate = self.coalescer else {
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
        if !matches!(this.close_mode, CloseMode::Lingering(Some(_))) {
            let sent = this.coalescer.poll_flush(&this.tcp, cx, MoreToFollow::Fin);
            this.activity.write_attempted(sent.is_pending());
            ready!(sent)?;
            ready!(Pin::new(&mut this.tcp).poll_shutdown(cx))?;
        }
        this.poll_lingering_close(cx)
    }
}

/// Reads with one system call; keeps in `ahead` what does not fit into `buf`.
fn read_ahead(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    ahead: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    let mut pooled = buffer_pool::acquire();
    let mut arrived = ReadBuf::new(&mut pooled);
    ready!(Pin::new(tcp).poll_read(cx, &mut arrived))?;
    let arrived = arrived.filled();
    let (now, later) = arrived.split_at(arrived.len().min(buf.remaining()));
    buf.put_slice(now);
    ahead.extend_from_slice(later);
    Poll::Ready(Ok(()))
}

/// Rejects plain HTTP on a TLS port. Every TLS connection starts with a handshake record (type 22), every HTTP
/// request with a letter. This must be detected before rustls sends an alert, which no HTTP client can read.
fn detect_plain_http(first_bytes: &[u8]) -> io::Result<()> {
    match first_bytes.first() {
        Some(byte) if byte.is_ascii_alphabetic() => Err(io::Error::new(io::ErrorKind::InvalidData, PlainHttpOnTls)),
        _ => Ok(()),
    }
}

/// Copies bytes that were read ahead into `buf`; releases their memory when all of them are taken.
fn take_ahead(ahead: &mut Vec<u8>, taken: &mut usize, buf: &mut ReadBuf<'_>) {
    let rest = &ahead[*taken..];
    let count = rest.len().min(buf.remaining());
    buf.put_slice(&rest[..count]);
    *taken += count;
    if *taken == ahead.len() {
        (*ahead, *taken) = (Vec::new(), 0);
    }
}

/// Time for which input is read and discarded after the FIN. nginx's `lingering_timeout` is 5 s; a client that
/// reads its response does so well within 2 s.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A socket whose handshake has just written its tickets, and the client's socket.
    async fn after_handshake() -> (DownstreamSocket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let mut socket = DownstreamSocket::for_tls(tcp, Rc::new(ConnectionActivity::http1()));
        socket.write_all(b"tickets ").await.unwrap();
        socket.handshake_done();
        (socket, client)
    }

    async fn wait_for_client(socket: &mut DownstreamSocket) {
        poll_fn(|cx| {
            socket.flush_if_idle(cx);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn held_tickets_are_sent_when_no_response_is_in_progress() {
        let (mut socket, mut client) = after_handshake().await;
        wait_for_client(&mut socket).await;
        let mut arrived = [0; 8];
        client.read_exact(&mut arrived).await.unwrap();
        assert_eq!(&arrived, b"tickets ");
    }

    #[tokio::test]
    async fn held_tickets_share_a_packet_with_a_response_in_progress() {
        let (mut socket, mut client) = after_handshake().await;
        socket.activity.request_started();
        wait_for_client(&mut socket).await;
        socket.write_all(b"response").await.unwrap();
        let mut arrived = [0; 32];
        // One packet, so one read.
        let length = client.read(&mut arrived).await.unwrap();
        assert_eq!(&arrived[..length], b"tickets response");
    }

    #[tokio::test]
    async fn held_bytes_are_sent_before_the_connection_closes() {
        let (mut socket, mut client) = after_handshake().await;
        socket.hold_until_close();
        socket.write_all(b"last bytes").await.unwrap();
        let mut arrived = Vec::new();
        let (closed, read) = tokio::join!(socket.shutdown(), async {
            let read = client.read_to_end(&mut arrived).await;
            drop(client);
            read
        });
        closed.unwrap();
        read.unwrap();
        assert_eq!(arrived, b"tickets last bytes");
    }
}
