//! Takes the request and says nothing until the proxy gives up.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn no_response() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.wait_for_close()
    }
}
