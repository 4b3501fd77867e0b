//! Sends a response in segments of one byte.

use std::io;

use crate::support::origin::{OriginConnection, Script};

pub fn slow_response(response: Vec<u8>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        loop {
            connection.read_request()?;
            for byte in &response {
                connection.send([*byte])?;
            }
        }
    }
}
