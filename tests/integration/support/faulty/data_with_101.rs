//! Sends the 101 response and `first` in one write, then echoes.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn data_with_101(first: Vec<u8>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", &first))?;
        connection.echo()
    }
}
