//! Answers 101 to a request that asked for no upgrade, followed by bytes that must reach nobody.

use std::io;

use crate::support::origin::{Conversation, Script, switching};

pub fn answers_101_unasked() -> impl Script {
    |app: &mut Conversation| -> io::Result<()> {
        app.read_request()?;
        app.send(switching("websocket", "bytes of a tunnel that nobody asked for"))?;
        app.wait_for_close()
    }
}
