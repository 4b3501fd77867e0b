//! Speaks first: the 101 and `first` leave in one write; then it echoes.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn data_with_101(first: Vec<u8>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", &first))?;
        connection.echo()
    }
}
