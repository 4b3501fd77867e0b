//! Sends an answer without end, as fast as it is taken.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn endless_response() -> impl Script {
    |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            app.send([b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat())?;
        }
    }
}
