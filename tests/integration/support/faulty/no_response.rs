//! Reads a request and sends nothing until the proxy closes the connection.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn no_response() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.wait_for_close()
    }
}
