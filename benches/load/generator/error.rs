//! Errors of the generator's clients.

use std::{fmt, io};

/// Why an operation of a client failed.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// Connecting, reading or writing failed.
    Connection(&'static str, io::Error),
    /// The connection was closed before the response.
    Closed,
    /// Unexpected response status.
    Status { expected: u16, got: u16 },
    /// Unexpected body length.
    Length { expected: u64, got: u64 },
    /// The response is invalid or not the expected one.
    Protocol(&'static str),
    /// HTTP/2 error.
    Http2(h2::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(step, error) => write!(f, "{step}: {error}"),
            Self::Closed => f.write_str("connection closed before the response"),
            Self::Status { expected, got } => write!(f, "unexpected status {got} instead of {expected}"),
            Self::Length { expected, got } => write!(f, "body of {got} bytes instead of {expected}"),
            Self::Protocol(what) => f.write_str(what),
            Self::Http2(error) => write!(f, "HTTP/2: {error}"),
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Connection("connection error", error)
    }
}

impl From<h2::Error> for ClientError {
    fn from(error: h2::Error) -> Self {
        Self::Http2(error)
    }
}
