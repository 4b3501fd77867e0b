//! The wish to end a connection without an answer.

use std::error::Error;
use std::fmt;

/// What a service says instead of an answer: nothing is sent, and the connection ends. In HTTP/2 only the stream
/// does, by a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort;

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is to be no answer")
    }
}

impl Error for Abort {}
