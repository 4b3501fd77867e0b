//! The content of an answer, compressed on its way.
//!
//! Nothing is held back: when the content pauses, what the encoder has is flushed to the client. Nothing is
//! taken before the client has room for it, and a long content is compressed in slices, so that one answer
//! does not hold up the others of its worker.

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

/// A content and its encoder.
pub struct GzipBody<C> {
    content: C,
    encoder: GzEncoder<Writer<BytesMut>>,
    /// What has been taken from the content and not compressed yet.
    piece: Bytes,
    stage: GzipState,
    /// Bytes that have been compressed since others had a turn.
    at_a_stretch: usize,
    taken: u64,
}

/// The encoder has given up.
#[derive(Debug)]
pub struct GzipError(pub io::Error);

enum GzipState {
    /// The client has all that was compressed.
    Even,
    /// The encoder has bytes that the client lacks.
    Ahead,
    /// The content has ended. What is compressed goes out, and then the trailers, if there are any.
    Ended(Option<HeaderMap>),
}

impl<C> GzipBody<C>
where
    C: Body<Data = Bytes> + Unpin,
    C::Error: From<GzipError>,
{
    pub fn new(content: C, level: GzipLevel) -> GzipBody<C> {
        let encoder = GzEncoder::new(BytesMut::new().writer(), ZlibLevel::new(level.get().into()));
        GzipBody { content, encoder, piece: Bytes::new(), stage: GzipState::Even, at_a_stretch: 0, taken: 0 }
    }

    /// Bytes of the content so far, before their compression.
    pub fn bytes_read(&self) -> u64 {
        self.taken
    }

    pub fn is_end_stream(&self) -> bool {
        matches!(self.stage, GzipState::Ended(None)) && self.encoder.get_ref().get_ref().is_empty()
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        loop {
            let ready = self.encoder.get_ref().get_ref().len();
            match &mut self.stage {
                GzipState::Ended(trailers) if ready == 0 => {
                    return Poll::Ready(trailers.take().map(Frame::trailers).map(Ok));
                }
                GzipState::Ended(_) => return Poll::Ready(Some(Ok(self.compressed()))),
                _ if ready >= ENOUGH => return Poll::Ready(Some(Ok(self.compressed()))),
                _ if self.at_a_stretch >= STRETCH => {
                    cx.waker().wake_by_ref();
                    return self.yield_now();
                }
                _ => {}
            }
            let step = if self.piece.is_empty() { self.take(cx) } else { Poll::Ready(self.compress()) };
            match step {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                Poll::Pending => return self.flush(),
            }
        }
    }

    /// Takes the next piece of the content.
    fn take(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let taken = match Pin::new(&mut self.content).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => self.finish(None),
            Poll::Ready(Some(Err(failure))) => Err(failure),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    self.taken += data.len() as u64;
                    self.piece = data;
                    Ok(())
                }
                Err(frame) => self.finish(frame.into_trailers().ok()),
            },
        };
        Poll::Ready(taken)
    }

    fn compress(&mut self) -> Result<(), C::Error> {
        let slice = self.piece.split_to(self.piece.len().min(SLICE));
        self.at_a_stretch += slice.len();
        self.stage = GzipState::Ahead;
        self.encoder.write_all(&slice).map_err(|error| GzipError(error).into())
    }

    /// The content has nothing more for now.
    fn flush(&mut self) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        if let GzipState::Even = self.stage {
            return self.yield_now();
        }
        self.stage = GzipState::Even;
        let flushed = self.encoder.flush().map_err(|error| GzipError(error).into());
        Poll::Ready(Some(flushed.map(|()| self.compressed())))
    }

    /// It is for others to do something.
    fn yield_now<T>(&mut self) -> Poll<T> {
        self.at_a_stretch = 0;
        Poll::Pending
    }

    fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), C::Error> {
        self.stage = GzipState::Ended(trailers);
        self.encoder.try_finish().map_err(|error| GzipError(error).into())
    }

    fn compressed(&mut self) -> Frame<Bytes> {
        Frame::data(self.encoder.get_mut().get_mut().split().freeze())
    }
}

/// What is compressed in one go: well under a millisecond of work.
const SLICE: usize = 16 << 10;

/// What is compressed until others have a turn.
const STRETCH: usize = 64 << 10;

/// What is worth handing out while there is more to come.
const ENOUGH: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Read;
    use std::task::Waker;

    use flate2::read::GzDecoder;
    use http::HeaderValue;

    use super::*;

    /// A content that is there already.
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

    /// What came out of the encoder in the end.
    #[derive(Default)]
    struct Outcome {
        plain: Vec<u8>,
        trailers: Option<HeaderMap>,
        /// How often others had a turn.
        rests: usize,
        longest_frame: usize,
    }

    fn compressed(frames: impl IntoIterator<Item = Frame<Bytes>>) -> Outcome {
        let mut body = GzipBody::new(Frames(frames.into_iter().collect()), GzipLevel::PACKAGE);
        let mut outcome = Outcome::default();
        let mut compressed = Vec::new();
        loop {
            match body.poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => outcome.rests += 1,
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
    fn a_long_content_lets_others_have_their_turns() {
        let content = Bytes::from(vec![b'a'; 1 << 20]);
        let outcome = compressed([Frame::data(content.clone())]);
        assert_eq!(outcome.plain, content);
        assert!(outcome.rests >= 15, "only {} turns for others", outcome.rests);
    }

    #[test]
    fn what_does_not_shrink_goes_out_in_frames_of_bounded_size() {
        let noise = (0_u32..500_000).flat_map(|nth| (nth.wrapping_mul(2_654_435_761) ^ nth << 7).to_be_bytes());
        let content: Bytes = noise.collect::<Vec<u8>>().into();
        let outcome = compressed([Frame::data(content.clone())]);
        assert_eq!(outcome.plain, content);
        assert!(outcome.longest_frame <= 128 << 10, "{} bytes", outcome.longest_frame);
    }

    #[test]
    fn trailers_follow_the_last_byte() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        let outcome = compressed([Frame::data(Bytes::from("hello")), Frame::trailers(trailers.clone())]);
        assert_eq!(outcome.plain, b"hello");
        assert_eq!(outcome.trailers, Some(trailers));
    }

    #[test]
    fn an_empty_content_is_a_valid_one() {
        assert_eq!(compressed([]).plain, b"");
    }
}
