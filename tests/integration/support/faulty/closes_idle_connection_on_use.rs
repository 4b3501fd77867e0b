//! Closes an idle connection when it is reused.
//!
//! The first request on the first connection gets a response; the second one is read and the connection is
//! closed. Other connections work.

use std::io;

use crate::support::origin::{OriginConnection, Script, ok};

pub fn closes_idle_connection_on_use() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(ok("first on its connection"))?;
        loop {
            connection.read_head()?;
            if connection.number() == 0 {
                return Ok(());
            }
            connection.send(ok("again"))?;
        }
    }
}
