//! Reads a request, then resets the connection, like an upstream that crashes.
//!
//! No other fault ends with RST.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn accepts_then_resets() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.reset_on_close()
    }
}
