//! Speaks first: the 101 and `first` leave in one write; then it echoes.

use std::io;

use crate::support::origin::{Conversation, Script, switching};

pub fn sends_bytes_with_the_101(first: Vec<u8>) -> impl Script {
    move |app: &mut Conversation| -> io::Result<()> {
        app.read_request()?;
        app.send(switching("websocket", &first))?;
        app.echo()
    }
}
