//! Gzip-compressed response body.
//!
//! When the content pauses, the encoder is flushed, so no byte is delayed. The content is read only when the client
//! accepts more bytes. Long content is compressed in slices with yields between them, so that one response does not
//! block the others of its worker.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::buf::Writer;
use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression as ZlibLevel;
use flate2::write::GzEncoder;
use http::HeaderMap;
use hyper::body::{Body, Frame};

use crate::model::compression::GzipLevel;

/// Compresses a body while it is streamed.
pub struct GzipBody<C> {
    content: C,
    encoder: GzEncoder<Writer<BytesMut>>,
    /// Content that has been read, but not compressed.
    chunk: Bytes,
    state: GzipState,
    /// Bytes compressed since the last yield.
    since_yield: usize,
    /// Bytes of content read, before compression.
    bytes_read: u64,
}

/// The encoder failed.
#[derive(Debug)]
pub struct GzipError(pub io::Error);

/// Encoder state.
enum GzipState {
    /// All compressed content has been flushed.
    Flushed,
    /// The encoder holds unflushed content.
    Buffered,
    /// The content has ended. The rest of the compressed bytes is sent, then the trailers, if any.
    Ended(Option<HeaderMap>),
}

impl<C> GzipBody<C>
where
    C: Body<Data = Bytes> + Unpin,
    C::Error: From<GzipError>,
{
    /// Creates the encoder of a body.
    pub fn new(content: C, level: GzipLevel) -> GzipBody<C> {
        let encoder = GzEncoder::new(BytesMut::new().writer(), ZlibLevel::new(level.get().into()));
        GzipBody { content, encoder, chunk: Bytes::new(), state: GzipState::Flushed, since_yield: 0, bytes_read: 0 }
    }

    /// Returns the number of content bytes read, before compression.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Returns whether nothing remains to be sent.
    pub fn is_end_stream(&self) -> bool {
        matches!(self.state, GzipState::Ended(None)) && self.encoder.get_ref().get_ref().is_empty()
    }

    /// Polls for the next compressed frame or the trailers; `None` at the end.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        loop {
            let ready = self.encoder.get_ref().get_ref().len();
            match &mut self.state {
                GzipState::Ended(trailers) if ready == 0 => {
                    return Poll::Ready(trailers.take().map(Frame::trailers).map(Ok));
                }
                GzipState::Ended(_) => return Poll::Ready(Some(Ok(self.take_compressed()))),
                _ if ready >= MIN_FRAME => return Poll::Ready(Some(Ok(self.take_compressed()))),
                _ if self.since_yield >= YIELD_INTERVAL => {
                    cx.waker().wake_by_ref();
                    return self.yield_now();
                }
                _ => {}
            }
            let step = if self.chunk.is_empty() { self.poll_read(cx) } else { Poll::Ready(self.compress()) };
            match step {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                Poll::Pending => return self.flush(),
            }
        }
    }

    /// Reads the next chunk of the content.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let result = match Pin::new(&mut self.content).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => self.finish(None),
            Poll::Ready(Some(Err(failure))) => Err(failure),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    self.bytes_read += data.len() as u64;
                    self.chunk = data;
                    Ok(())
                }
                Err(frame) => self.finish(frame.into_trailers().ok()),
            },
        };
        Poll::Ready(result)
    }

    /// Compresses one slice of the chunk.
    fn compress(&mut self) -> Result<(), C::Error> {
        let slice = self.chunk.split_to(self.chunk.len().min(SLICE_LEN));
        self.since_yield += slice.len();
        self.state = GzipState::Buffered;
        self.encoder.write_all(&slice).map_err(|error| GzipError(error).into())
    }

    /// Flushes the encoder because the content is pending.
    fn flush(&mut self) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        if let GzipState::Flushed = self.state {
            return self.yield_now();
        }
        self.state = GzipState::Flushed;
        let flushed = self.encoder.flush().map_err(|error| GzipError(error).into());
        Poll::Ready(Some(flushed.map(|()| self.take_compressed())))
    }

    /// Returns `Pending` and restarts the count of [`YIELD_INTERVAL`].
    fn yield_now<T>(&mut self) -> Poll<T> {
        self.since_yield = 0;
        Poll::Pending
    }

    /// Ends the compressed stream.
    fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), C::Error> {
        self.state = GzipState::Ended(trailers);
        self.encoder.try_finish().map_err(|error| GzipError(error).into())
    }

    /// Takes the compressed bytes as a frame.
    fn take_compressed(&mut self) -> Frame<Bytes> {
        Frame::data(self.encoder.get_mut().get_mut().split().freeze())
    }
}

/// Bytes that are compressed in one call: well under 1 ms of work.
const SLICE_LEN: usize = 16 << 10;

/// Bytes that are compressed between two yields to other tasks.
const YIELD_INTERVAL: usize = 64 << 10;

/// Smallest frame in bytes that is sent before the content pauses or ends.
const MIN_FRAME: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Read;
    use std::task::Waker;

    use flate2::read::GzDecoder;
    use http::HeaderValue;

    use super::*;

    /// A content whose frames are all available.
    struct Frames(VecDeque<Frame<Bytes>>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = GzipError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, GzipError>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }
    }

    /// The decompressed output of the encoder.
    #[derive(Default)]
    struct Outcome {
        plain: Vec<u8>,
        trailers: Option<HeaderMap>,
        yields: usize,
        longest_frame: usize,
    }

    fn compressed(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Outcome {
        let mut body = GzipBody::new(Frames(frames.into_iter().collect()), GzipLevel::PACKAGE);
        let mut outcome = Outcome::default();
        let mut compressed = Vec::new();
        loop {
            match body.poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => outcome.yields += 1,
                Poll::Ready(None) => break,
                Poll::Ready(Some(frame)) => match frame.unwrap().into_data() {
                    Ok(data) => {
                        outcome.longest_frame = outcome.longest_frame.max(data.len());
                        compressed.extend_from_slice(&data);
                    }
                    Err(frame) => outcome.trailers = frame.into_trailers().ok(),
                },
            }
        }
        assert!(body.is_end_stream());
        GzDecoder::new(&compressed[..]).read_to_end(&mut outcome.plain).unwrap();
        outcome
    }

    #[test]
    fn long_content_yields_to_other_tasks() {
        let content = Bytes::from(vec![b'a'; 1 << 20]);
        let outcome = compressed([Frame::data(content.clone())]);
        assert_eq!(outcome.plain, content);
        assert!(outcome.yields >= 15, "{} yields", outcome.yields);
    }

    #[test]
    fn incompressible_content_has_frames_of_bounded_size() {
        let noise = (0_u32..500_000).flat_map(|nth| (nth.wrapping_mul(2_654_435_761) ^ nth << 7).to_be_bytes());
        let content: Bytes = noise.collect::<Vec<u8>>().into();
        let outcome = compressed([Frame::data(content.clone())]);
        assert_eq!(outcome.plain, content);
        assert!(outcome.longest_frame <= 128 << 10, "{} bytes", outcome.longest_frame);
    }

    #[test]
    fn trailers_follow_the_compressed_content() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        let outcome = compressed([Frame::data(Bytes::from("hello")), Frame::trailers(trailers.clone())]);
        assert_eq!(outcome.plain, b"hello");
        assert_eq!(outcome.trailers, Some(trailers));
    }

    #[test]
    fn empty_content_is_a_valid_gzip_stream() {
        assert_eq!(compressed([]).plain, b"");
    }
}
