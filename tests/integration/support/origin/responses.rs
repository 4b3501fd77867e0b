//! Well-behaved answers of an application.

use std::fmt::Write;
use std::io;

use super::{OriginConnection, Request, Script};

/// Answers each request with what `answer` makes of it, on as many connections as there are.
pub fn responds(response: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        loop {
            let request = connection.read_request()?;
            connection.send(response(&request))?;
        }
    }
}

/// Agrees to any upgrade and sends back what comes.
pub fn upgrades_and_echoes() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> {
        let request = connection.read_request()?;
        connection.send(switching_protocols(request.head.value("upgrade").unwrap_or("nothing"), ""))?;
        connection.echo()
    }
}

/// 200 with a body.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    response_bytes("200 OK", &[], body)
}

/// An answer with a status line such as `404 Not Found`, and with `Content-Length`.
pub fn response_bytes(status: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// 101 to the protocol that was asked for, with the bytes that follow it in the same write.
pub fn switching_protocols(token: &str, first_bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: {token}\r\n\r\n");
    [head.as_bytes(), first_bytes.as_ref()].concat()
}
