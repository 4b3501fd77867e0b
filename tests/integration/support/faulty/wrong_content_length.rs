//! Responses with a wrong `Content-Length`.
//!
//! The bytes after the declared length must never be parsed as another response.

use std::io;

use crate::support::origin::{OriginConnection, Script};

/// Sends more bytes than `Content-Length`; the surplus looks like a second response.
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

/// Sends two different `Content-Length` fields.
pub fn two_content_lengths() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\ntruefalse")?;
        connection.wait_for_close()
    }
}
