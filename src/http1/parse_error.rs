//! What can be wrong with a message of HTTP/1.

use std::fmt;

/// What cannot be understood of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
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

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Head(error) => write!(f, "its head is no HTTP/1: {error}"),
            Unreadable::HeadTooLarge => f.write_str("its head is larger than 64 KiB"),
            Unreadable::Status => f.write_str("its status is none"),
            Unreadable::Method => f.write_str("its method is none"),
            Unreadable::Target => f.write_str("its target is none"),
            Unreadable::Header => f.write_str("a header has a name or a value that is not allowed"),
            Unreadable::Length => f.write_str("its Content-Length is no number, or two"),
            Unreadable::TransferEncoding => {
                f.write_str("its Transfer-Encoding is not chunked, or it is a message of HTTP/1.0")
            }
            Unreadable::Trailers => f.write_str("its trailers are malformed, or larger than 16 KiB"),
            Unreadable::Chunk => f.write_str("a chunk of its body is malformed"),
        }
    }
}
