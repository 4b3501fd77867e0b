//! Read buffer that releases its memory when idle.
//!
//! An idle connection owns no buffer. The read size doubles while reads fill it and halves while they do not. A
//! large message therefore needs few system calls, and a small one little memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::net::buffer_pool;

/// Unparsed bytes of a connection; owns no memory while idle.
pub(crate) struct ReadBuffer {
    unread: Bytes,
    spare: BytesMut,
    /// Maximum bytes of the next read.
    read_size: usize,
    initial_size: usize,
}

impl ReadBuffer {
    /// Returns an empty buffer. `initial_size` is the number of bytes of the first read, enough for a usual
    /// message.
    pub(crate) fn new(initial_size: usize) -> ReadBuffer {
        ReadBuffer { unread: Bytes::new(), spare: BytesMut::new(), read_size: initial_size, initial_size }
    }

    /// Returns the unparsed bytes. A parser splits off the bytes it consumes.
    pub(crate) fn unread(&mut self) -> &mut Bytes {
        &mut self.unread
    }

    /// Returns whether no unparsed byte is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// Reads once. Returns the number of bytes, 0 at the end of the stream.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let count = if self.read_size == self.initial_size {
            ready!(self.poll_read_pooled(stream, cx))?
        } else {
            ready!(self.poll_read_in_place(stream, cx))?
        };
        if count >= self.read_size {
            self.read_size = (self.read_size * 2).min(MAX_READ_SIZE);
        } else if count < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(self.initial_size);
            // The remaining capacity would outlive the large message.
            self.spare = BytesMut::new();
        }
        Poll::Ready(Ok(count))
    }

    /// Reads through a pooled buffer and copies the bytes into an allocation of their size. Nothing is
    /// allocated while no bytes arrive: an upstream may take a minute to respond.
    fn poll_read_pooled<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut pooled = buffer_pool::acquire();
        let mut arrived = ReadBuf::new(&mut pooled[..self.initial_size]);
        ready!(Pin::new(stream).poll_read(cx, &mut arrived))?;
        let fresh = arrived.filled();
        let unread = std::mem::take(&mut self.unread);
        self.unread = if unread.is_empty() { Bytes::copy_from_slice(fresh) } else { joined(unread, fresh) };
        Poll::Ready(Ok(fresh.len()))
    }

    /// Reads a large message directly into the buffer.
    fn poll_read_in_place<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.spare.reserve(self.read_size);
        let count = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.spare))?;
        let fresh = self.spare.split();
        let unread = std::mem::take(&mut self.unread);
        self.unread = if unread.is_empty() { fresh.freeze() } else { joined(unread, &fresh) };
        Poll::Ready(Ok(count))
    }

    /// Releases unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.spare = BytesMut::new();
    }

    /// Releases all memory until the next message.
    pub(crate) fn release(&mut self) {
        *self = ReadBuffer::new(self.initial_size);
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.unread.len() + self.spare.capacity()
    }

    /// Returns the unparsed bytes, for the protocol that follows an upgrade.
    pub(crate) fn into_unread(self) -> Bytes {
        self.unread
    }
}

/// Appends to an incomplete head or chunk size line. The bytes have no other owner while the element is
/// incomplete, so they grow in place: a head that arrives byte by byte is not copied for each byte.
fn joined(first: Bytes, second: &[u8]) -> Bytes {
    let mut whole = first.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    whole.extend_from_slice(second);
    whole.freeze()
}

/// Maximum bytes of one read, which is about what a message occupies while its recipient is slow.
const MAX_READ_SIZE: usize = 128 * 1024;
