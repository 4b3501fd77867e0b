//! Service error that closes the connection without a response.

use std::error::Error;
use std::fmt;

/// Service error: close the HTTP/1 connection, or reset the HTTP/2 stream, without a response (nginx `return 444`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort;

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection closed without a response")
    }
}

impl Error for Abort {}
