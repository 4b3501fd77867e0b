//! What can be wrong with a message of HTTP/1.

use std::fmt;

/// What cannot be understood of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http1ParseError {
    Head(httparse::Error),
    HeadTooLarge,
    Status,
    Method,
    Target,
    Header,
    Length,
    TransferEncoding,
    Chunk,
    Trailers,
}

impl fmt::Display for Http1ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Http1ParseError::Head(error) => write!(f, "its head is no HTTP/1: {error}"),
            Http1ParseError::HeadTooLarge => f.write_str("its head is larger than 64 KiB"),
            Http1ParseError::Status => f.write_str("its status is none"),
            Http1ParseError::Method => f.write_str("its method is none"),
            Http1ParseError::Target => f.write_str("its target is none"),
            Http1ParseError::Header => f.write_str("a header has a name or a value that is not allowed"),
            Http1ParseError::Length => f.write_str("its Content-Length is no number, or two"),
            Http1ParseError::TransferEncoding => {
                f.write_str("its Transfer-Encoding is not chunked, or it is a message of HTTP/1.0")
            }
            Http1ParseError::Trailers => f.write_str("its trailers are malformed, or larger than 16 KiB"),
            Http1ParseError::Chunk => f.write_str("a chunk of its body is malformed"),
        }
    }
}
