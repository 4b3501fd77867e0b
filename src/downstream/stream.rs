//! Client byte stream, plain or TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::socket::DownstreamSocket;

/// Client byte stream, plain or TLS; HTTP and tunnels read from it and write to it.
pub enum DownstreamStream {
    Plain(DownstreamSocket),
    Tls(TlsServerStream),
}

/// Server side of a TLS connection that avoids empty reads.
pub struct TlsServerStream {
    stream: Box<TlsStream<DownstreamSocket>>,
    /// The last read returned `Pending`, or everything that rustls had decrypted. More can come only from the
    /// socket.
    is_drained: bool,
}

impl From<Box<TlsStream<DownstreamSocket>>> for DownstreamStream {
    fn from(stream: Box<TlsStream<DownstreamSocket>>) -> DownstreamStream {
        DownstreamStream::Tls(TlsServerStream { stream, is_drained: false })
    }
}

impl DownstreamStream {
    /// Ready when a read can return bytes, the end of the stream, or an error. Cheap while nothing has arrived.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            DownstreamStream::Plain(socket) => socket.poll_readable(cx),
            DownstreamStream::Tls(tls) => tls.poll_readable(cx),
        }
    }

    /// Holds further writes until the connection closes, so that they share a packet with the FIN.
    pub(super) fn hold_until_close(&mut self) {
        match self {
            DownstreamStream::Plain(socket) => socket.hold_until_close(),
            DownstreamStream::Tls(tls) => tls.stream.get_mut().0.hold_until_close(),
        }
    }

    /// Returns whether rustls has unsent records: an alert, a key update, or data that the socket did not accept.
    pub(super) fn wants_write(&self) -> bool {
        match self {
            DownstreamStream::Plain(_) => false,
            DownstreamStream::Tls(tls) => tls.stream.get_ref().1.wants_write(),
        }
    }

    /// Starts the header timeout for a pipelined message: its bytes were read together with an earlier message.
    pub(super) fn message_started(&self) {
        match self {
            DownstreamStream::Plain(socket) => socket.message_started(),
            DownstreamStream::Tls(tls) => tls.stream.get_ref().0.message_started(),
        }
    }

    /// Makes shutdown close one direction only.
    pub fn set_tunnel_mode(&mut self) {
        match self {
            DownstreamStream::Plain(socket) => socket.set_tunnel_mode(),
            DownstreamStream::Tls(tls) => tls.stream.get_mut().0.set_tunnel_mode(),
        }
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            DownstreamStream::Plain(socket) => {
                let $stream = Pin::new(socket);
                $call
            }
            DownstreamStream::Tls(tls) => {
                let $stream = Pin::new(&mut *tls.stream);
                $call
            }
        }
    };
}

impl TlsServerStream {
    /// HTTP polls several times in each exchange for a client disconnect. While nothing has arrived, the readiness
    /// of the socket decides, without a call into rustls.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_drained {
            return Poll::Ready(Ok(()));
        }
        self.stream.get_mut().0.poll_readable(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_readable(cx))?;
        let before = buf.filled().len();
        let read = Pin::new(&mut *self.stream).poll_read(cx, buf);
        let (socket, session) = self.stream.get_mut();
        // rustls wants to read when it has returned everything and the client has not sent close_notify.
        let is_complete = buf.filled().len() > before && session.wants_read() && !socket.has_read_ahead();
        self.is_drained = read.is_pending() || is_complete;
        if read.is_pending() {
            socket.flush_if_idle(cx);
        }
        read
    }
}

impl AsyncRead for DownstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            DownstreamStream::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            DownstreamStream::Tls(tls) => tls.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for DownstreamStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.hold_until_close();
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;
    use std::rc::Rc;
    use std::sync::Arc;

    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::{PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::{TlsAcceptor, TlsConnector, client};

    use super::*;
    use crate::downstream::timeouts::ConnectionActivity;

    /// A stream after its handshake, and the client's side of it.
    pub(crate) async fn connected() -> (DownstreamStream, client::TlsStream<TcpStream>) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["gitlab.test".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (theirs, accepted) = tokio::join!(connecting, listener.accept());
        let ours = DownstreamSocket::for_tls(accepted.unwrap().0, Rc::new(ConnectionActivity::http1()));
        let (acceptor, connector) = (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
        let name = ServerName::try_from("gitlab.test").unwrap();
        let (ours, theirs) = tokio::join!(acceptor.accept(ours), connector.connect(name, theirs.unwrap()));
        let mut ours = Box::new(ours.unwrap());
        ours.get_mut().0.handshake_done();
        (ours.into(), theirs.unwrap())
    }

    #[tokio::test]
    async fn close_notify_after_the_last_bytes_ends_the_stream_of_an_open_socket() {
        let (mut ours, mut theirs) = connected().await;
        let mut packet = Vec::new();
        let session = theirs.get_mut().1;
        session.writer().write_all(b"the last").unwrap();
        session.send_close_notify();
        while session.wants_write() {
            session.write_tls(&mut packet).unwrap();
        }
        theirs.get_mut().0.write_all(&packet).await.unwrap();
        let mut bytes = [0; 64];
        assert_eq!(ours.read(&mut bytes).await.unwrap(), 8);
        let end = tokio::time::timeout(std::time::Duration::from_secs(10), ours.read(&mut bytes)).await;
        assert_eq!(end.expect("the stream ends").unwrap(), 0);
    }

    #[tokio::test]
    async fn bytes_buffered_by_rustls_are_read_without_the_socket() {
        let (mut ours, mut theirs) = connected().await;
        theirs.write_all(&[b'x'; 40_000]).await.unwrap();
        theirs.flush().await.unwrap();
        let (mut bytes, mut count) = ([0; 100], 0);
        while count < 40_000 {
            std::future::poll_fn(|cx| ours.poll_readable(cx)).await.unwrap();
            count += ours.read(&mut bytes).await.unwrap();
        }
    }
}
