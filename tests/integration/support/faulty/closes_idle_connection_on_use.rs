//! Closes a kept-alive connection in the moment it is used again: the first request of the first
//! connection is answered, the second one on it meets a close. Other connections work.

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
