//! Speaks first: the 101 and `first` leave in one write; then it echoes.

use std::io;

use crate::support::origin::{OriginConnection, Script, switching_protocols};

pub fn data_with_101(first: Vec<u8>) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send(switching_protocols("websocket", &first))?;
        app.echo()
    }
}
