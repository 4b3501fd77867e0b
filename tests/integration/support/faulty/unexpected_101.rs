//! Answers 101 to a request that asked for no upgrade, followed by bytes that must reach nobody.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn unexpected_101() -> impl Script {
    |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send(switching_protocols("websocket", "bytes of a tunnel that nobody asked for"))?;
        app.wait_for_close()
    }
}
