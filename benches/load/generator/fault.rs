//! What can be wrong with an answer, or with getting one.

use std::{fmt, io};

/// One failed operation of a client.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection could not be made, or broke.
    Connection(&'static str, io::Error),
    /// The connection ended where an answer was due.
    Closed,
    /// The answer's status is not the expected one.
    Status { expected: u16, got: u16 },
    /// The answer's body has another length than expected.
    Length { expected: u64, got: u64 },
    /// The answer is not what its protocol allows, or not the right one.
    Wrong(&'static str),
    /// HTTP/2 itself failed.
    Http2(h2::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(step, error) => write!(f, "{step}: {error}"),
            Self::Closed => f.write_str("the connection ended before the answer"),
            Self::Status { expected, got } => write!(f, "status {got} where {expected} is right"),
            Self::Length { expected, got } => write!(f, "a body of {got} bytes where {expected} are right"),
            Self::Wrong(what) => f.write_str(what),
            Self::Http2(error) => write!(f, "HTTP/2: {error}"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Connection("the connection broke", error)
    }
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Http2(error)
    }
}
