//! Accepts an upgrade, sends `bytes`, says that it is done, and reads on until the other side is done.

use std::io;

use crate::support::origin::{Conversation, Script, switching};

pub fn half_closes_after(bytes: &'static [u8]) -> impl Script {
    move |app: &mut Conversation| -> io::Result<()> {
        app.read_request()?;
        app.send(switching("websocket", bytes))?;
        app.wire.finish()?;
        app.wait_for_close()
    }
}
