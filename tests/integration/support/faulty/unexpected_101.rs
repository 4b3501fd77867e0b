//! Answers 101 to a request that asked for no upgrade, followed by bytes that must reach nobody.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn unexpected_101() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", "bytes of a tunnel that nobody asked for"))?;
        connection.wait_for_close()
    }
}
