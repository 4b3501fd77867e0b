//! Takes the request and says nothing until the proxy gives up.

use std::io;

use crate::support::origin::{Conversation, Script};

pub fn never_answers() -> impl Script {
    |app: &mut Conversation| -> io::Result<()> {
        app.read_request()?;
        app.wait_for_close()
    }
}
