//! The socket to an application, while HTTP is spoken on it.
//!
//! An application may answer before it has read a whole upload, and close. The rest of the upload then
//! fails to be written although a complete answer is waiting to be read, and hyper would report the
//! former. So a broken write is not an error here: what cannot be written is dropped, and the reading side
//! tells how the story ends, with an answer or with an error.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::UpstreamStream;

/// A connection to an application that outlives its writing side.
pub(super) struct UpstreamSocket {
    stream: UpstreamStream,
    writing: Writing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The application takes no more.
    Broken,
}

impl UpstreamSocket {
    pub(super) fn new(stream: UpstreamStream) -> UpstreamSocket {
        UpstreamSocket { stream, writing: Writing::Open }
    }

    fn is_broken(&self) -> bool {
        self.writing == Writing::Broken
    }

    pub(super) fn into_stream(self) -> UpstreamStream {
        self.stream
    }

    fn settle(&mut self, written: Poll<io::Result<usize>>, offered: usize) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match written {
            Poll::Ready(Err(error)) if matches!(error.kind(), BrokenPipe | ConnectionReset) => {
                self.writing = Writing::Broken;
                Poll::Ready(Ok(offered))
            }
            other => other,
        }
    }
}

impl AsyncRead for UpstreamSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for UpstreamSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_broken() {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.settle(written, buf.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // As for clients: `send` is cheaper than `writev`.
        if let [whole] = bufs {
            return self.poll_write(cx, whole);
        }
        let this = self.get_mut();
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        if this.is_broken() {
            return Poll::Ready(Ok(offered));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.settle(written, offered)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
