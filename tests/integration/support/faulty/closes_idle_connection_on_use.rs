//! Closes a kept-alive connection in the moment it is used again: the first request of the first
//! connection is answered, the second one on it meets a close. Other connections work.

use std::io;

use crate::support::origin::{OriginConnection, Script, ok};

pub fn closes_idle_connection_on_use() -> impl Script {
    |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send(ok("first on its connection"))?;
        loop {
            app.read_head()?;
            if app.number() == 0 {
                return Ok(());
            }
            app.send(ok("again"))?;
        }
    }
}
