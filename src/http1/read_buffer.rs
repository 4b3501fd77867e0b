//! Bytes that came on a connection and have not been made sense of yet.
//!
//! A connection on which nothing comes owns no buffer. One that is read grows its buffer while
//! the reads fill it, and shrinks it when they do not, so that a large message costs few system calls and a
//! small one little memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::net::buffer_pool;

/// What was read, and room for more.
pub(crate) struct ReadBuffer {
    unread: Bytes,
    room: BytesMut,
    /// How much the next read asks for.
    appetite: usize,
    smallest: usize,
}

impl ReadBuffer {
    /// `smallest`: bytes that the first read asks for, enough for a usual message.
    pub(crate) fn new(smallest: usize) -> ReadBuffer {
        ReadBuffer { unread: Bytes::new(), room: BytesMut::new(), appetite: smallest, smallest }
    }

    /// What has come and waits. Whoever makes sense of some of it splits it off.
    pub(crate) fn unread(&mut self) -> &mut Bytes {
        &mut self.unread
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// Reads once. The number of bytes is zero at the end of the stream.
    pub(crate) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let count = if self.appetite == self.smallest {
            ready!(self.poll_read_pooled(stream, cx))?
        } else {
            ready!(self.poll_read_in_place(stream, cx))?
        };
        if count >= self.appetite {
            self.appetite = (self.appetite * 2).min(LARGEST_READ);
        } else if count < self.appetite / 4 {
            self.appetite = (self.appetite / 2).max(self.smallest);
            // What is left of the last room would outlive the large message.
            self.room = BytesMut::new();
        }
        Poll::Ready(Ok(count))
    }

    /// A usual message is read into a buffer that is lent, and given as much memory as it has bytes. While nothing
    /// comes, none is asked for: applications think, and some let requests wait for a minute.
    fn poll_read_pooled<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut lent = buffer_pool::acquire();
        let mut arrived = ReadBuf::new(&mut lent[..self.smallest]);
        ready!(Pin::new(stream).poll_read(cx, &mut arrived))?;
        let fresh = arrived.filled();
        let unread = std::mem::take(&mut self.unread);
        self.unread = if unread.is_empty() { Bytes::copy_from_slice(fresh) } else { joined(unread, fresh) };
        Poll::Ready(Ok(fresh.len()))
    }

    /// A large message is read to where it stays.
    fn poll_read_in_place<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.room.reserve(self.appetite);
        let count = ready!(poll_read_buf(Pin::new(stream), cx, &mut self.room))?;
        let fresh = self.room.split();
        let unread = std::mem::take(&mut self.unread);
        self.unread = if unread.is_empty() { fresh.freeze() } else { joined(unread, &fresh) };
        Poll::Ready(Ok(count))
    }

    /// Keeps no room while nothing comes.
    pub(crate) fn shrink(&mut self) {
        self.room = BytesMut::new();
    }

    /// Gives the memory back until the next message.
    pub(crate) fn release(&mut self) {
        *self = ReadBuffer::new(self.smallest);
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.unread.len() + self.room.capacity()
    }

    pub(crate) fn into_unread(self) -> Bytes {
        self.unread
    }
}

/// A head, or the line before a chunk, that came in parts. Nobody else holds it as long as it is incomplete; so it
/// grows where it is, and a head in single bytes is not copied anew for each.
fn joined(first: Bytes, second: &[u8]) -> Bytes {
    let mut whole = first.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    whole.extend_from_slice(second);
    whole.freeze()
}

/// What a slow recipient can make a message hold, about.
const LARGEST_READ: usize = 128 * 1024;
