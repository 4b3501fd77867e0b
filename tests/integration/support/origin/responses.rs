//! Scripts and responses of a well-behaved upstream.

use std::fmt::Write;
use std::io;

use super::{OriginConnection, Request, Script};

/// Responds to every request with the result of `response`, on any number of connections.
pub fn responds(response: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        loop {
            let request = connection.read_request()?;
            connection.send(response(&request))?;
        }
    }
}

/// Accepts any upgrade, then echoes.
pub fn upgrades_and_echoes() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        let request = connection.read_request()?;
        connection.send(switching_protocols(request.head.value("upgrade").unwrap_or("nothing"), ""))?;
        connection.echo()
    }
}

/// Returns a 200 response with a body.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    response_bytes("200 OK", &[], body)
}

/// Returns a response with a status line such as `404 Not Found`, and with `Content-Length`.
pub fn response_bytes(status: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Returns a 101 response to the requested protocol, followed by `first_bytes`.
pub fn switching_protocols(token: &str, first_bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {token}\r\n\r\n");
    [head.as_bytes(), first_bytes.as_ref()].concat()
}
