//! Takes the request and says nothing until the proxy gives up.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn no_response() -> impl Script {
    |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.wait_for_close()
    }
}
