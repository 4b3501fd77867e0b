//! A client's byte stream after the handshake: plain, or TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::client_socket::ClientSocket;

/// What HTTP and tunnels read from and write to.
pub enum ClientStream {
    Plain(ClientSocket),
    Tls(TlsEnd),
}

/// Our end of a TLS connection.
pub struct TlsEnd {
    stream: Box<TlsStream<ClientSocket>>,
    /// The last attempt to read found nothing, so only the socket can bring more.
    is_empty: bool,
}

impl From<Box<TlsStream<ClientSocket>>> for ClientStream {
    fn from(stream: Box<TlsStream<ClientSocket>>) -> ClientStream {
        ClientStream::Tls(TlsEnd { stream, is_empty: false })
    }
}

impl ClientStream {
    /// From now on, shutting down ends one direction only.
    pub fn become_tunnel(&mut self) {
        match self {
            ClientStream::Plain(socket) => socket.become_tunnel(),
            ClientStream::Tls(end) => end.stream.get_mut().0.become_tunnel(),
        }
    }
}

macro_rules! delegate {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            ClientStream::Plain(socket) => {
                let $stream = Pin::new(socket);
                $call
            }
            ClientStream::Tls(end) => {
                let $stream = Pin::new(&mut *end.stream);
                $call
            }
        }
    };
}

impl TlsEnd {
    /// HTTP asks several times per exchange whether the client has gone. While nothing has come, the socket can
    /// tell without a way through rustls.
    fn poll_arrived(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_empty {
            ready!(self.stream.get_ref().0.poll_readable(cx))?;
        }
        let read = Pin::new(&mut *self.stream).poll_read(cx, buf);
        self.is_empty = read.is_pending();
        read
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.poll_arrived(cx, buf);
        if read.is_pending() {
            self.stream.get_mut().0.before_waiting(cx);
        }
        read
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientStream::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            ClientStream::Tls(end) => end.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientStream {
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
        if let ClientStream::Tls(end) = &mut *self {
            end.stream.get_mut().0.say_goodbye();
        }
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}
