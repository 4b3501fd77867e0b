//! Sends an endless chunked response, as fast as it is read.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn endless_response() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            connection.send([b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat())?;
        }
    }
}
