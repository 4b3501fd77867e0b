//! Sends an incomplete response, then closes the connection with FIN.

use std::io;

use crate::support::origin::{OriginConnection, Script};

/// Sends 10 bytes of a body with `Content-Length: 1000`.
pub fn truncated_body() -> impl Script {
    sends_and_closes("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
}

/// Sends one chunk without the last chunk.
pub fn truncated_chunked_body() -> impl Script {
    sends_and_closes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
}

/// Sends an incomplete head.
pub fn truncated_head() -> impl Script {
    sends_and_closes("HTTP/1.1 200 OK\r\nContent-Le")
}

fn sends_and_closes(bytes: &'static str) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(bytes)
    }
}
