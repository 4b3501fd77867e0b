//! Bytes waiting to be written, and body framing.
//!
//! The buffer holds text, followed by at most one large body frame. Small frames are copied behind the text, so
//! that frames that arrive together are sent together: with one system call and in as few TLS records as possible.
//! Large frames are not copied.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use hyper::body::Frame;
use tokio::io::AsyncWrite;

use super::response_head::{LARGE, ResponseFraming, write_field};
use crate::http1::fields::is_declared_trailer;

/// Head and body bytes waiting to be written.
pub(super) struct WriteBuffer {
    /// Heads, chunk sizes and small frames.
    text: Vec<u8>,
    /// Bytes of the text that have been written.
    position: usize,
    /// A frame of [`LARGE`] bytes or more, written after the text.
    large: Bytes,
    /// The end of the chunk of the large frame, and of the body if it is the last.
    suffix: &'static [u8],
    framing: ResponseFraming,
}

/// The body does not match its `Content-Length`. The connection must be closed, so that the client detects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LengthMismatch;

impl WriteBuffer {
    pub(super) fn new() -> WriteBuffer {
        WriteBuffer {
            text: Vec::new(),
            position: 0,
            large: Bytes::new(),
            suffix: b"",
            framing: ResponseFraming::Ended,
        }
    }

    /// Returns the buffer that heads are written to.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Sets the framing of the body that follows the head.
    pub(super) fn begin_body(&mut self, framing: ResponseFraming) {
        self.framing = framing;
    }

    /// Returns whether the whole body has been buffered or written.
    pub(super) fn has_ended(&self) -> bool {
        self.framing == ResponseFraming::Ended
    }

    /// Returns whether the waiting bytes are the last of the body, without a large frame.
    pub(super) fn is_last_and_small(&self) -> bool {
        self.has_ended() && self.large.is_empty()
    }

    /// Returns whether another frame may be buffered before something is written.
    pub(super) fn wants_more(&self) -> bool {
        !self.has_ended() && self.large.is_empty() && self.suffix.is_empty() && self.text.len() < MAX_BUFFERED
    }

    /// Buffers a frame with its framing.
    pub(super) fn push_frame(&mut self, frame: Frame<Bytes>) -> Result<(), LengthMismatch> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return self.finish(&frame.into_trailers().unwrap_or_default()),
        };
        if data.is_empty() {
            return Ok(());
        }
        let mut suffix: &[u8] = b"";
        match &mut self.framing {
            ResponseFraming::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(LengthMismatch)?;
                if *left == 0 {
                    self.framing = ResponseFraming::Ended;
                }
            }
            ResponseFraming::Chunked(_) => {
                // Writing to a vector cannot fail.
                let _ = write!(self.text, "{:x}\r\n", data.len());
                suffix = b"\r\n";
            }
            ResponseFraming::UntilClose => {}
            ResponseFraming::Ended => return Err(LengthMismatch),
        }
        if data.len() < LARGE {
            self.text.extend_from_slice(&data);
            self.text.extend_from_slice(suffix);
        } else {
            (self.large, self.suffix) = (data, suffix);
        }
        Ok(())
    }

    /// Finishes the body with trailers. After a large frame there are none: the next frame is requested only when
    /// the large one has been written.
    pub(super) fn finish(&mut self, trailers: &HeaderMap) -> Result<(), LengthMismatch> {
        match std::mem::replace(&mut self.framing, ResponseFraming::Ended) {
            ResponseFraming::Length(_) => Err(LengthMismatch),
            ResponseFraming::Ended | ResponseFraming::UntilClose => Ok(()),
            ResponseFraming::Chunked(_) if !self.large.is_empty() => {
                self.suffix = b"\r\n0\r\n\r\n";
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

    /// Ready when everything has been written to the stream; TLS may still hold some of it.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let text = &self.text[self.position..];
            let count = if self.large.is_empty() && self.suffix.is_empty() {
                // One slice, for which `send` is cheaper than `writev`.
                ready!(Pin::new(&mut *stream).poll_write(cx, text))?
            } else {
                let slices = [IoSlice::new(text), IoSlice::new(&self.large), IoSlice::new(self.suffix)];
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Releases the memory until the next response.
    pub(super) fn release(&mut self) {
        self.text = Vec::new();
    }

    fn is_empty(&self) -> bool {
        self.position == self.text.len() && self.large.is_empty() && self.suffix.is_empty()
    }

    fn advance(&mut self, count: usize) {
        let from_text = count.min(self.text.len() - self.position);
        self.position += from_text;
        let from_large = (count - from_text).min(self.large.len());
        self.large.advance(from_large);
        self.suffix = self.suffix.get(count - from_text - from_large..).unwrap_or_default();
        if self.large.is_empty() {
            self.large = Bytes::new();
        }
        if self.is_empty() {
            self.text.clear();
            self.position = 0;
        }
    }
}

/// Bytes that are buffered before they are written.
const MAX_BUFFERED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Returns the bytes written for these frames, through a stream that accepts few bytes at a time.
    async fn written(framing: ResponseFraming, frames: Vec<Frame<Bytes>>) -> Result<Vec<u8>, LengthMismatch> {
        let (mut near, mut far) = tokio::io::duplex(1000);
        let mut buffer = WriteBuffer::new();
        buffer.text().extend_from_slice(b"head ");
        buffer.begin_body(framing);
        let mut frames = frames.into_iter();
        let send = async move {
            while !buffer.has_ended() {
                while buffer.wants_more() {
                    match frames.next() {
                        Some(frame) => buffer.push_frame(frame)?,
                        None => buffer.finish(&HeaderMap::new())?,
                    }
                }
                std::future::poll_fn(|cx| buffer.poll_write(&mut near, cx)).await.unwrap();
            }
            Ok(())
        };
        let mut all = Vec::new();
        let (sent, received) = tokio::join!(send, tokio::io::AsyncReadExt::read_to_end(&mut far, &mut all));
        received.unwrap();
        sent.map(|()| all)
    }

    fn data(bytes: &[u8]) -> Frame<Bytes> {
        Frame::data(Bytes::copy_from_slice(bytes))
    }

    #[tokio::test]
    async fn frames_of_all_sizes_are_written_in_order() {
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
    async fn partial_writes_at_any_position_keep_the_order() {
        let whole = [b"4000\r\n", [b'x'; LARGE].as_slice(), b"\r\n5\r\nsmall\r\n0\r\n\r\n"].concat();
        for room in LARGE - 2..whole.len() {
            let (mut near, mut far) = tokio::io::duplex(room);
            let mut buffer = WriteBuffer::new();
            buffer.begin_body(ResponseFraming::Chunked(None));
            let mut frames = vec![data(b"small"), data(&[b'x'; LARGE])];
            let mut received = vec![0; whole.len()];
            let send = std::future::poll_fn(|cx| {
                while buffer.wants_more() {
                    match frames.pop() {
                        Some(frame) => buffer.push_frame(frame).unwrap(),
                        None => buffer.finish(&HeaderMap::new()).unwrap(),
                    }
                }
                ready!(buffer.poll_write(&mut near, cx)).unwrap();
                if buffer.has_ended() {
                    Poll::Ready(())
                } else {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            });
            let read = tokio::io::AsyncReadExt::read_exact(&mut far, &mut received);
            tokio::join!(send, read).1.unwrap();
            assert!(received == whole, "with room for {room}");
        }
    }

    #[tokio::test]
    async fn the_body_can_finish_with_the_last_large_frame() {
        let mut buffer = WriteBuffer::new();
        buffer.begin_body(ResponseFraming::Chunked(None));
        buffer.push_frame(data(&[b'x'; LARGE])).unwrap();
        buffer.finish(&HeaderMap::new()).unwrap();
        let (mut near, mut far) = tokio::io::duplex(2 * LARGE);
        std::future::poll_fn(|cx| buffer.poll_write(&mut near, cx)).await.unwrap();
        drop(near);
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut far, &mut all).await.unwrap();
        assert!(all.ends_with(b"x\r\n0\r\n\r\n"));
        assert_eq!(all.len(), "4000\r\n".len() + LARGE + "\r\n0\r\n\r\n".len());
    }

    #[tokio::test]
    async fn only_declared_trailers_are_written() {
        let announced = ResponseFraming::Chunked(Some(HeaderValue::from_static("X-Sum")));
        let trailers = HeaderMap::from_iter([
            (http::HeaderName::from_static("x-sum"), HeaderValue::from_static("7")),
            (http::HeaderName::from_static("x-other"), HeaderValue::from_static("8")),
        ]);
        let all = written(announced, vec![Frame::trailers(trailers)]).await.unwrap();
        assert_eq!(all, b"head 0\r\nX-Sum: 7\r\n\r\n");
    }

    #[tokio::test]
    async fn a_body_of_another_length_is_an_error() {
        assert_eq!(written(ResponseFraming::Length(3), vec![data(b"ab")]).await, Err(LengthMismatch));
        assert_eq!(written(ResponseFraming::Length(3), vec![data(b"abcd")]).await, Err(LengthMismatch));
    }
}
