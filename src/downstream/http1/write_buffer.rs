//! What waits to be written to a client: text, and at most one large piece of a body behind it.
//!
//! Small pieces are copied behind each other, so that what comes together leaves together, in one system call and
//! in as few TLS records as possible. Large ones stay where they are.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use hyper::body::Frame;
use tokio::io::AsyncWrite;

use super::response_head::{LARGE, ResponseFraming, write_field};
use crate::http1::fields::is_declared_trailer;

/// What waits to be written, and how its body goes on.
pub(super) struct WriteBuffer {
    text: Vec<u8>,
    /// How much of the text has been written.
    position: usize,
    large: Bytes,
    /// What ends the chunk of the large piece.
    ending: &'static [u8],
    framing: ResponseFraming,
}

/// The content does not keep to what its head has said of it, and the client must see that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LengthMismatch;

impl WriteBuffer {
    pub(super) fn new() -> WriteBuffer {
        WriteBuffer {
            text: Vec::new(),
            position: 0,
            large: Bytes::new(),
            ending: b"",
            framing: ResponseFraming::Ended,
        }
    }

    /// Where heads are written.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// What follows the head is framed so.
    pub(super) fn begin_body(&mut self, framing: ResponseFraming) {
        self.framing = framing;
    }

    /// Whether the body has been staged to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.framing == ResponseFraming::Ended
    }

    /// Whether nothing comes behind what waits, and that is little.
    pub(super) fn is_last_and_small(&self) -> bool {
        self.has_ended() && self.large.is_empty()
    }

    /// Whether more of the body is to come, and may be staged before something is written.
    pub(super) fn wants_more(&self) -> bool {
        !self.has_ended() && self.large.is_empty() && self.ending.is_empty() && self.text.len() < MAX_TEXT
    }

    pub(super) fn push_frame(&mut self, frame: Frame<Bytes>) -> Result<(), LengthMismatch> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return self.finish(&frame.into_trailers().unwrap_or_default()),
        };
        if data.is_empty() {
            return Ok(());
        }
        let mut ending: &[u8] = b"";
        match &mut self.framing {
            ResponseFraming::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(LengthMismatch)?;
                if *left == 0 {
                    self.framing = ResponseFraming::Ended;
                }
            }
            ResponseFraming::Chunked(_) => {
                // Memory takes everything.
                let _ = write!(self.text, "{:x}\r\n", data.len());
                ending = b"\r\n";
            }
            ResponseFraming::UntilClose => {}
            ResponseFraming::Ended => return Err(LengthMismatch),
        }
        if data.len() < LARGE {
            self.text.extend_from_slice(&data);
            self.text.extend_from_slice(ending);
        } else {
            (self.large, self.ending) = (data, ending);
        }
        Ok(())
    }

    /// Nothing more comes but these trailers; and not even those behind a large piece, because more is asked for
    /// only when that has been written.
    pub(super) fn finish(&mut self, trailers: &HeaderMap) -> Result<(), LengthMismatch> {
        match std::mem::replace(&mut self.framing, ResponseFraming::Ended) {
            ResponseFraming::Length(_) => Err(LengthMismatch),
            ResponseFraming::Ended | ResponseFraming::UntilClose => Ok(()),
            ResponseFraming::Chunked(_) if !self.large.is_empty() => {
                self.ending = b"\r\n0\r\n\r\n";
                Ok(())
            }
            ResponseFraming::Chunked(announced) => {
                self.text.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    if is_declared_trailer(announced.as_ref(), name) {
                        write_field(&mut self.text, name, value);
                    }
                }
                self.text.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    /// Ready when everything has been written, though TLS may still hold some of it.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let text = &self.text[self.position..];
            let count = if self.large.is_empty() && self.ending.is_empty() {
                // One piece, for which `send` is cheaper than `writev`.
                ready!(Pin::new(&mut *stream).poll_write(cx, text))?
            } else {
                let slices = [IoSlice::new(text), IoSlice::new(&self.large), IoSlice::new(self.ending)];
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the memory back until the next answer.
    pub(super) fn release(&mut self) {
        self.text = Vec::new();
    }

    fn is_empty(&self) -> bool {
        self.position == self.text.len() && self.large.is_empty() && self.ending.is_empty()
    }

    fn advance(&mut self, count: usize) {
        let of_text = count.min(self.text.len() - self.position);
        self.position += of_text;
        let of_large = (count - of_text).min(self.large.len());
        self.large.advance(of_large);
        self.ending = self.ending.get(count - of_text - of_large..).unwrap_or_default();
        if self.large.is_empty() {
            self.large = Bytes::new();
        }
        if self.is_empty() {
            self.text.clear();
            self.position = 0;
        }
    }
}

/// Bytes that are gathered before they are written.
const MAX_TEXT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What goes out of these frames and the end, through a stream that takes few bytes at a time.
    async fn written(framing: ResponseFraming, frames: Vec<Frame<Bytes>>) -> Result<Vec<u8>, LengthMismatch> {
        let (mut ours, mut theirs) = tokio::io::duplex(1000);
        let mut outbox = WriteBuffer::new();
        outbox.text().extend_from_slice(b"head ");
        outbox.begin_body(framing);
        let mut frames = frames.into_iter();
        let send = async move {
            while !outbox.has_ended() {
                while outbox.wants_more() {
                    match frames.next() {
                        Some(frame) => outbox.push_frame(frame)?,
                        None => outbox.finish(&HeaderMap::new())?,
                    }
                }
                std::future::poll_fn(|cx| outbox.poll_write(&mut ours, cx)).await.unwrap();
            }
            Ok(())
        };
        let mut all = Vec::new();
        let (sent, received) = tokio::join!(send, tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut all));
        received.unwrap();
        sent.map(|()| all)
    }

    fn data(bytes: &[u8]) -> Frame<Bytes> {
        Frame::data(Bytes::copy_from_slice(bytes))
    }

    #[tokio::test]
    async fn pieces_of_all_sizes_leave_in_their_order() {
        let large = vec![b'x'; LARGE + 5];
        let frames = || vec![data(b"a"), data(b""), data(&large), data(b"bc")];
        let plain = [b"head a", large.as_slice(), b"bc"].concat();
        assert_eq!(written(ResponseFraming::Length(3 + large.len() as u64), frames()).await.unwrap(), plain);
        assert_eq!(written(ResponseFraming::UntilClose, frames()).await.unwrap(), plain);
        let size = format!("{:x}", large.len());
        let text = [b"head 1\r\na\r\n", size.as_bytes(), b"\r\n", &large, b"\r\n2\r\nbc\r\n0\r\n\r\n"].concat();
        assert_eq!(written(ResponseFraming::Chunked(None), frames()).await.unwrap(), text);
    }

    #[tokio::test]
    async fn a_write_that_stops_anywhere_leaves_everything_in_its_order() {
        let whole = [b"4000\r\n", [b'x'; LARGE].as_slice(), b"\r\n5\r\nsmall\r\n0\r\n\r\n"].concat();
        for room in LARGE - 2..whole.len() {
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let mut outbox = WriteBuffer::new();
            outbox.begin_body(ResponseFraming::Chunked(None));
            let mut frames = vec![data(b"small"), data(&[b'x'; LARGE])];
            let mut received = vec![0; whole.len()];
            let send = std::future::poll_fn(|cx| {
                while outbox.wants_more() {
                    match frames.pop() {
                        Some(frame) => outbox.push_frame(frame).unwrap(),
                        None => outbox.finish(&HeaderMap::new()).unwrap(),
                    }
                }
                ready!(outbox.poll_write(&mut ours, cx)).unwrap();
                if outbox.has_ended() {
                    Poll::Ready(())
                } else {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            });
            let read = tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut received);
            tokio::join!(send, read).1.unwrap();
            assert!(received == whole, "with room for {room}");
        }
    }

    #[tokio::test]
    async fn the_end_may_be_known_with_the_last_large_piece() {
        let mut outbox = WriteBuffer::new();
        outbox.begin_body(ResponseFraming::Chunked(None));
        outbox.push_frame(data(&[b'x'; LARGE])).unwrap();
        outbox.finish(&HeaderMap::new()).unwrap();
        let (mut ours, mut theirs) = tokio::io::duplex(2 * LARGE);
        std::future::poll_fn(|cx| outbox.poll_write(&mut ours, cx)).await.unwrap();
        drop(ours);
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut all).await.unwrap();
        assert!(all.ends_with(b"x\r\n0\r\n\r\n"));
        assert_eq!(all.len(), "4000\r\n".len() + LARGE + "\r\n0\r\n\r\n".len());
    }

    #[tokio::test]
    async fn only_announced_trailers_leave() {
        let announced = ResponseFraming::Chunked(Some(HeaderValue::from_static("X-Sum")));
        let trailers = HeaderMap::from_iter([
            (http::HeaderName::from_static("x-sum"), HeaderValue::from_static("7")),
            (http::HeaderName::from_static("x-other"), HeaderValue::from_static("8")),
        ]);
        let all = written(announced, vec![Frame::trailers(trailers)]).await.unwrap();
        assert_eq!(all, b"head 0\r\nX-Sum: 7\r\n\r\n");
    }

    #[tokio::test]
    async fn content_of_another_length_is_noticed() {
        assert_eq!(written(ResponseFraming::Length(3), vec![data(b"ab")]).await, Err(LengthMismatch));
        assert_eq!(written(ResponseFraming::Length(3), vec![data(b"abcd")]).await, Err(LengthMismatch));
    }
}
