//! Where the body of a message ends on an HTTP/1 connection (RFC 9112 sections 6 and 7).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use httparse::Status;
use hyper::body::{Frame, SizeHint};

use super::parse_error::Http1ParseError;

/// What is still to come of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyDecoder {
    Ended,
    Length(u64),
    Chunked(ChunkState),
    UntilClose,
}

/// The stream has ended within a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnexpectedEof;

/// What comes next of a body in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChunkState {
    Size,
    Data(u64),
    /// The line break after a chunk's data.
    Break,
    Trailers,
}

impl BodyDecoder {
    pub(crate) fn of_length(length: u64) -> BodyDecoder {
        if length == 0 { BodyDecoder::Ended } else { BodyDecoder::Length(length) }
    }

    pub(crate) fn chunked() -> BodyDecoder {
        BodyDecoder::Chunked(ChunkState::Size)
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self == BodyDecoder::Ended
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            BodyDecoder::Ended => SizeHint::with_exact(0),
            BodyDecoder::Length(left) => SizeHint::with_exact(*left),
            BodyDecoder::Chunked(_) | BodyDecoder::UntilClose => SizeHint::default(),
        }
    }

    /// Makes the next frame of the bytes that came; `None` when more must come, or when the body has ended.
    pub(crate) fn next(&mut self, unread: &mut Bytes) -> Result<Option<Frame<Bytes>>, Http1ParseError> {
        match self {
            BodyDecoder::Ended => Ok(None),
            BodyDecoder::UntilClose => Ok(take(unread, u64::MAX).map(Frame::data)),
            BodyDecoder::Length(left) => {
                let data = take(unread, *left);
                *left -= data.as_ref().map_or(0, length);
                if *left == 0 {
                    *self = BodyDecoder::Ended;
                }
                Ok(data.map(Frame::data))
            }
            BodyDecoder::Chunked(_) => self.next_of_chunks(unread),
        }
    }

    /// The stream has ended; whether the body has, too.
    pub(crate) fn end_of_stream(&mut self) -> Result<(), UnexpectedEof> {
        match self {
            BodyDecoder::Ended => Ok(()),
            BodyDecoder::UntilClose => {
                *self = BodyDecoder::Ended;
                Ok(())
            }
            BodyDecoder::Length(_) | BodyDecoder::Chunked(_) => Err(UnexpectedEof),
        }
    }

    fn next_of_chunks(&mut self, unread: &mut Bytes) -> Result<Option<Frame<Bytes>>, Http1ParseError> {
        while let BodyDecoder::Chunked(chunk) = self {
            match chunk {
                ChunkState::Size => match split_size(unread)? {
                    None => return Ok(None),
                    Some(0) => *chunk = ChunkState::Trailers,
                    Some(size) => *chunk = ChunkState::Data(size),
                },
                ChunkState::Data(left) => {
                    let Some(data) = take(unread, *left) else { return Ok(None) };
                    *left -= length(&data);
                    if *left == 0 {
                        *chunk = ChunkState::Break;
                    }
                    return Ok(Some(Frame::data(data)));
                }
                ChunkState::Break => match unread.as_ref() {
                    [] | [b'\r'] => return Ok(None),
                    [b'\r', b'\n', ..] => {
                        let _ = unread.split_to(2);
                        *chunk = ChunkState::Size;
                    }
                    _ => return Err(Http1ParseError::Chunk),
                },
                ChunkState::Trailers => {
                    let Some(trailers) = split_trailers(unread)? else { return Ok(None) };
                    *self = BodyDecoder::Ended;
                    return Ok((!trailers.is_empty()).then(|| Frame::trailers(trailers)));
                }
            }
        }
        Ok(None)
    }
}

fn take(unread: &mut Bytes, most: u64) -> Option<Bytes> {
    if unread.is_empty() {
        return None;
    }
    let count = usize::try_from(most).map_or(unread.len(), |most| most.min(unread.len()));
    Some(unread.split_to(count))
}

fn length(data: &Bytes) -> u64 {
    data.len() as u64
}

fn split_size(unread: &mut Bytes) -> Result<Option<u64>, Http1ParseError> {
    // The parser takes a line without a single digit for a zero, which would end the body.
    if unread.first().is_some_and(|first| !first.is_ascii_hexdigit()) {
        return Err(Http1ParseError::Chunk);
    }
    match httparse::parse_chunk_size(unread).map_err(|_| Http1ParseError::Chunk)? {
        Status::Complete((line, size)) => {
            let line = unread.split_to(line);
            // The parser lets anything pass behind the digits. Who takes a bare LF for the end of the line would read
            // another body (RFC 9112 section 7.1.1 allows no control character there but a tab).
            let text = line.strip_suffix(b"\r\n").ok_or(Http1ParseError::Chunk)?;
            if text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                return Err(Http1ParseError::Chunk);
            }
            Ok(Some(size))
        }
        Status::Partial if unread.len() < MAX_SIZE_LINE => Ok(None),
        Status::Partial => Err(Http1ParseError::Chunk),
    }
}

fn split_trailers(unread: &mut Bytes) -> Result<Option<HeaderMap>, Http1ParseError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILERS];
    let (length, fields) =
        match httparse::parse_headers(unread, &mut fields).map_err(|_| Http1ParseError::Trailers)? {
            Status::Complete(parsed) => parsed,
            Status::Partial if unread.len() < LARGEST_TRAILERS => return Ok(None),
            Status::Partial => return Err(Http1ParseError::Trailers),
        };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Http1ParseError::Header)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Http1ParseError::Header)?;
        trailers.append(name, value);
    }
    let _ = unread.split_to(length);
    Ok(Some(trailers))
}

/// Digits, and extensions that nobody heeds.
const MAX_SIZE_LINE: usize = 4 * 1024;

const MAX_TRAILERS: usize = 64;

/// Bytes.
const LARGEST_TRAILERS: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that a decoder makes of bytes that come in pieces of one size.
    fn decoded(
        mut decoder: BodyDecoder,
        text: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, HeaderMap, bool), Http1ParseError> {
        let (mut body, mut trailers, mut unread) = (Vec::new(), HeaderMap::new(), Bytes::new());
        for piece in text.chunks(piece) {
            unread = Bytes::from([&unread, piece].concat());
            while let Some(frame) = decoder.next(&mut unread)? {
                match frame.into_data() {
                    Ok(data) => body.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
                }
            }
        }
        Ok((body, trailers, decoder.has_ended()))
    }

    #[test]
    fn chunks_are_put_together_however_they_arrive() {
        let text = b"4\r\nbody\r\n00a;ext=\"1\"\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\n";
        for piece in 1..=text.len() {
            let (body, trailers, ended) = decoded(BodyDecoder::chunked(), text, piece).unwrap();
            assert_eq!((body.as_slice(), ended), (&b"body0123456789"[..], true), "in pieces of {piece}");
            assert_eq!(trailers["x-sum"], "7");
        }
    }

    #[test]
    fn a_body_ends_after_its_length() {
        let mut unread = Bytes::from_static(b"bodyHTTP/1.1");
        let mut decoder = BodyDecoder::of_length(4);
        assert_eq!(decoder.next(&mut unread).unwrap().unwrap().into_data().unwrap(), "body");
        assert!(decoder.has_ended());
        assert!(decoder.next(&mut unread).unwrap().is_none());
        assert_eq!(unread, "HTTP/1.1");
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let texts = [
            &b"xyz\r\n"[..],
            b"\r\nbody",
            b";ext\r\n",
            b"-1\r\n",
            b"11111111111111111\r\n",
            b"4\nbody",
            b"4\r\nbodyX\r\n",
            b"0\r\nno header\r\n\r\n",
            b"4;a\nb\r\nbody",
            b"4;a\0\r\nbody",
        ];
        for text in texts {
            assert!(decoded(BodyDecoder::chunked(), text, text.len()).is_err(), "{}", text.escape_ascii());
        }
        let endless = [&b"4;"[..], &[b'x'; MAX_SIZE_LINE]].concat();
        assert!(decoded(BodyDecoder::chunked(), &endless, endless.len()).is_err());
    }

    #[test]
    fn only_a_body_without_a_stated_end_may_end_with_the_stream() {
        assert!(BodyDecoder::UntilClose.end_of_stream().is_ok());
        assert!(BodyDecoder::Ended.end_of_stream().is_ok());
        assert!(BodyDecoder::of_length(1).end_of_stream().is_err());
        assert!(BodyDecoder::chunked().end_of_stream().is_err());
    }
}
