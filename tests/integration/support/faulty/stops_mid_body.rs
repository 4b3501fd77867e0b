//! Breaks off an answer that it has begun: the connection ends in an orderly way, the message does not.

use std::io;

use crate::support::origin::{Conversation, Script};

/// Sends 10 of the 1000 bytes it announced.
pub fn stops_mid_body() -> impl Script {
    stops_after("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789")
}

/// Sends one chunk and no last one.
pub fn stops_between_chunks() -> impl Script {
    stops_after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n")
}

/// Sends half a head.
pub fn stops_mid_head() -> impl Script {
    stops_after("HTTP/1.1 200 OK\r\nContent-Le")
}

fn stops_after(beginning: &'static str) -> impl Script {
    move |app: &mut Conversation| -> io::Result<()> {
        app.read_request()?;
        app.send(beginning)
    }
}
