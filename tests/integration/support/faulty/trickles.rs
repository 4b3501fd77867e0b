//! Sends an answer one byte per segment.

use std::io;

use crate::support::origin::{Conversation, Script};

pub fn trickles(answer: Vec<u8>) -> impl Script {
    move |app: &mut Conversation| -> io::Result<()> {
        loop {
            app.read_request()?;
            for byte in &answer {
                app.send([*byte])?;
            }
        }
    }
}
