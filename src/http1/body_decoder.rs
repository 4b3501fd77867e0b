//! Message body framing and chunked decoding (RFC 9112 sections 6 and 7).

use bytes::Bytes;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use httparse::Status;
use hyper::body::{Frame, SizeHint};

use super::parse_error::Http1ParseError;

/// Decodes a message body: fixed length, chunked, or until the connection closes.
///
/// The decoder owns no buffer. [`BodyDecoder::next`] takes bytes from the read buffer of the connection and
/// leaves the bytes of the next message in it.
///
/// ```
/// use bytes::Bytes;
/// use gatepost::http1::body_decoder::BodyDecoder;
///
/// let mut decoder = BodyDecoder::chunked();
/// let mut unread = Bytes::from_static(b"4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\nGET / HTTP/1.1");
///
/// let data = decoder.next(&mut unread).expect("a chunk").expect("complete").into_data();
/// assert_eq!(data.ok().as_deref(), Some(&b"body"[..]));
/// let trailers = decoder.next(&mut unread).expect("trailers").expect("complete").into_trailers();
/// assert_eq!(trailers.expect("trailers")["x-sum"], "7");
/// assert!(decoder.has_ended());
/// assert_eq!(unread, "GET / HTTP/1.1");
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum BodyDecoder {
    /// The body is complete.
    Ended,
    /// This many bytes are left (`Content-Length`).
    Length(u64),
    /// Chunked transfer coding (RFC 9112 section 7.1).
    Chunked(ChunkState),
    /// The body ends with the connection (RFC 9112 section 6.3). Only responses use it.
    UntilClose,
}

/// Error returned when the connection ended inside a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnexpectedEof;

/// Position within a chunked body.
#[derive(Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// Before or in the line with the size of a chunk.
    Size,
    /// In the data of a chunk, with this many bytes left.
    Data(u64),
    /// Before the CR LF after the data of a chunk.
    DataEnd,
    /// In the trailer section.
    Trailers,
}

impl BodyDecoder {
    /// Decodes a body of `length` bytes.
    pub fn with_length(length: u64) -> BodyDecoder {
        if length == 0 { BodyDecoder::Ended } else { BodyDecoder::Length(length) }
    }

    /// Decodes a body with chunked transfer coding.
    pub fn chunked() -> BodyDecoder {
        BodyDecoder::Chunked(ChunkState::Size)
    }

    /// Returns whether the body is complete.
    pub fn has_ended(&self) -> bool {
        *self == BodyDecoder::Ended
    }

    /// Returns the number of bytes left, if it is known.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            BodyDecoder::Ended => SizeHint::with_exact(0),
            BodyDecoder::Length(left) => SizeHint::with_exact(*left),
            BodyDecoder::Chunked(_) | BodyDecoder::UntilClose => SizeHint::default(),
        }
    }

    /// Decodes the next data or trailer frame from `unread` and removes its bytes. Returns `None` if more bytes
    /// are needed, or if the body has ended; [`BodyDecoder::has_ended`] distinguishes the two.
    ///
    /// # Errors
    /// A chunk or the trailer section is malformed or too large. The connection must not be reused.
    pub fn next(&mut self, unread: &mut Bytes) -> Result<Option<Frame<Bytes>>, Http1ParseError> {
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
            BodyDecoder::Chunked(_) => self.next_chunked(unread),
        }
    }

    /// Reports the end of the connection. A body that ends with the connection is then complete.
    ///
    /// # Errors
    /// The connection ended inside a body of known length or a chunked body.
    pub fn end_of_stream(&mut self) -> Result<(), UnexpectedEof> {
        match self {
            BodyDecoder::Ended => Ok(()),
            BodyDecoder::UntilClose => {
                *self = BodyDecoder::Ended;
                Ok(())
            }
            BodyDecoder::Length(_) | BodyDecoder::Chunked(_) => Err(UnexpectedEof),
        }
    }

    fn next_chunked(&mut self, unread: &mut Bytes) -> Result<Option<Frame<Bytes>>, Http1ParseError> {
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
                        *chunk = ChunkState::DataEnd;
                    }
                    return Ok(Some(Frame::data(data)));
                }
                ChunkState::DataEnd => match unread.as_ref() {
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

fn take(unread: &mut Bytes, max: u64) -> Option<Bytes> {
    if unread.is_empty() {
        return None;
    }
    let count = usize::try_from(max).map_or(unread.len(), |max| max.min(unread.len()));
    Some(unread.split_to(count))
}

fn length(data: &Bytes) -> u64 {
    data.len() as u64
}

fn split_size(unread: &mut Bytes) -> Result<Option<u64>, Http1ParseError> {
    // httparse parses a size line without digits as 0, which would end the body.
    if unread.first().is_some_and(|first| !first.is_ascii_hexdigit()) {
        return Err(Http1ParseError::Chunk);
    }
    match httparse::parse_chunk_size(unread).map_err(|_| Http1ParseError::Chunk)? {
        Status::Complete((line, size)) => {
            let line = unread.split_to(line);
            // httparse accepts any bytes after the digits. A recipient that accepts a bare LF as the end of the
            // line would decode another body: request smuggling. RFC 9112 section 7.1.1 permits no control
            // character there except tab.
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
            Status::Partial if unread.len() < MAX_TRAILER_BYTES => return Ok(None),
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

/// Maximum bytes of a size line: digits, and chunk extensions, which are ignored.
const MAX_SIZE_LINE: usize = 4 * 1024;

/// Maximum number of trailers.
const MAX_TRAILERS: usize = 64;

/// Maximum bytes of the trailer section.
const MAX_TRAILER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a text that arrives in pieces of one size. Returns the body, the trailers, and whether the body
    /// has ended.
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
    fn chunks_are_decoded_for_every_segmentation() {
        let text = b"4\r\nbody\r\n00a;ext=\"1\"\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\n";
        for piece in 1..=text.len() {
            let (body, trailers, ended) = decoded(BodyDecoder::chunked(), text, piece).unwrap();
            assert_eq!((body.as_slice(), ended), (&b"body0123456789"[..], true), "in pieces of {piece}");
            assert_eq!(trailers["x-sum"], "7");
        }
    }

    #[test]
    fn a_body_of_known_length_leaves_the_next_message() {
        let mut unread = Bytes::from_static(b"bodyHTTP/1.1");
        let mut decoder = BodyDecoder::with_length(4);
        assert_eq!(decoder.next(&mut unread).unwrap().unwrap().into_data().unwrap(), "body");
        assert!(decoder.has_ended());
        assert!(decoder.next(&mut unread).unwrap().is_none());
        assert_eq!(unread, "HTTP/1.1");
    }

    #[test]
    fn malformed_chunks_are_rejected() {
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
    fn only_an_until_close_body_may_end_with_the_connection() {
        assert!(BodyDecoder::UntilClose.end_of_stream().is_ok());
        assert!(BodyDecoder::Ended.end_of_stream().is_ok());
        assert!(BodyDecoder::with_length(1).end_of_stream().is_err());
        assert!(BodyDecoder::chunked().end_of_stream().is_err());
    }
}
