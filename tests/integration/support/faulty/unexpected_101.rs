//! Sends 101 and data to a request without upgrade. The data must not be forwarded.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn unexpected_101() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", "bytes of an unexpected tunnel"))?;
        connection.wait_for_close()
    }
}
