//! Sends an answer one byte per segment.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn slow_response(answer: Vec<u8>) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        loop {
            app.read_request()?;
            for byte in &answer {
                app.send([*byte])?;
            }
        }
    }
}
