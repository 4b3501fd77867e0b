//! Accepts an upgrade, sends `bytes`, half-closes, and reads to the end.

use std::io;
use std::sync::mpsc::Sender;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

/// Reports the received bytes if the peer closed its sending direction.
pub fn half_closes_after(bytes: &'static [u8], report: Sender<Vec<u8>>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", bytes))?;
        connection.wire.finish()?;
        report.send(connection.wire.read_to_end()?).map_err(io::Error::other)
    }
}
