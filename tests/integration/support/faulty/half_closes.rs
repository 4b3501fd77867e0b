//! Accepts an upgrade, sends `bytes`, says that it is done, and takes what comes until the other side is
//! done too.

use std::io;
use std::sync::mpsc::Sender;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

/// Reports what it took, if it got to the end of it.
pub fn half_closes_after(bytes: &'static [u8], report: Sender<Vec<u8>>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", bytes))?;
        connection.wire.finish()?;
        report.send(connection.wire.read_to_end()?).map_err(io::Error::other)
    }
}
