//! Declares a length that is not the length. What follows must never be read as another answer.

use std::io;

use crate::support::origin::{OriginConnection, Script};

/// Sends a body that goes on behind its `Content-Length`, with what looks like a second answer.
pub fn body_exceeds_length() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        loop {
            connection.read_request()?;
            connection.send(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrueHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse",
            )?;
        }
    }
}

/// Sends two lengths that differ.
pub fn two_content_lengths() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\ntruefalse")?;
        connection.wait_for_close()
    }
}
