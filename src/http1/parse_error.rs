//! HTTP/1 parse errors.

use std::fmt;

/// Error returned when an HTTP/1 message cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http1ParseError {
    Head(httparse::Error),
    /// More than 64 KiB.
    HeadTooLarge,
    Status,
    Method,
    Target,
    Header,
    /// `Content-Length` is not a number, or has several values.
    Length,
    /// The coding is not `chunked`, or the message is HTTP/1.0.
    TransferEncoding,
    Chunk,
    /// Malformed, or more than 16 KiB.
    Trailers,
}

impl fmt::Display for Http1ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Http1ParseError::Head(error) => write!(f, "invalid HTTP/1 message head: {error}"),
            Http1ParseError::HeadTooLarge => f.write_str("message head larger than 64 KiB"),
            Http1ParseError::Status => f.write_str("invalid status code"),
            Http1ParseError::Method => f.write_str("invalid method"),
            Http1ParseError::Target => f.write_str("invalid request target"),
            Http1ParseError::Header => f.write_str("invalid header name or value"),
            Http1ParseError::Length => f.write_str("invalid or conflicting Content-Length"),
            Http1ParseError::TransferEncoding => {
                f.write_str("Transfer-Encoding other than chunked, or in an HTTP/1.0 message")
            }
            Http1ParseError::Trailers => f.write_str("trailers malformed or larger than 16 KiB"),
            Http1ParseError::Chunk => f.write_str("malformed chunk in the body"),
        }
    }
}
