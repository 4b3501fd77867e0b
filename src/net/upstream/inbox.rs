//! Bytes that came from an application and have not been made sense of yet.
//!
//! A connection that rests, or waits for an answer, owns no buffer. One that is read grows its buffer while
//! the reads fill it, and shrinks it when they do not, so that a large answer costs few system calls and a
//! small one little memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio_util::io::poll_read_buf;

use super::dial::UpstreamStream;

/// What was read, and room for more.
pub(super) struct Inbox {
    unread: Bytes,
    room: BytesMut,
    /// How much the next read asks for.
    appetite: usize,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        Inbox { unread: Bytes::new(), room: BytesMut::new(), appetite: SMALLEST_READ }
    }

    /// What has come and waits. Whoever makes sense of some of it splits it off.
    pub(super) fn unread(&mut self) -> &mut Bytes {
        &mut self.unread
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }

    /// Reads once. The number of bytes is zero at the end of the stream.
    pub(super) fn poll_fill(
        &mut self,
        stream: &mut UpstreamStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.room.reserve(self.appetite);
        let count = match poll_read_buf(Pin::new(stream), cx, &mut self.room) {
            Poll::Ready(count) => count?,
            Poll::Pending => {
                // Applications think, and some let requests wait for a minute: not with a buffer each.
                if self.appetite == SMALLEST_READ {
                    self.room = BytesMut::new();
                }
                return Poll::Pending;
            }
        };
        if count >= self.appetite {
            self.appetite = (self.appetite * 2).min(LARGEST_READ);
        } else if count < self.appetite / 4 {
            self.appetite = (self.appetite / 2).max(SMALLEST_READ);
        }
        let fresh = self.room.split();
        self.unread = if self.unread.is_empty() { fresh.freeze() } else { joined(&self.unread, &fresh) };
        Poll::Ready(Ok(count))
    }

    /// Gives the memory back until the next answer.
    pub(super) fn rest(&mut self) {
        *self = Inbox::new();
    }

    pub(super) fn into_unread(self) -> Bytes {
        self.unread
    }
}

/// A head, or the line before a chunk, that came in parts. Rare and short enough to be copied.
fn joined(first: &[u8], second: &[u8]) -> Bytes {
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(first);
    whole.extend_from_slice(second);
    whole.freeze()
}

/// A page of HTML with its head, mostly.
const SMALLEST_READ: usize = 8 * 1024;

/// What a slow client can make an answer hold, about.
const LARGEST_READ: usize = 128 * 1024;
