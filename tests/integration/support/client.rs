//! HTTP/1 client that sends exact bytes and fails the test on an invalid response.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::TIMEOUT;
use super::message::{Head, Message};
use super::socket::{Duplex, connect};
use super::tls::Tls;
use super::wire::{Sender, Wire};

/// A client connection to the proxy, for requests to one host.
pub struct Client {
    wire: Wire,
    host: String,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionEnd {
    /// The peer closed the connection: FIN, preceded by `close_notify` under TLS.
    Closed,
    /// The connection was reset, or closed without `close_notify` under TLS.
    Aborted,
}

impl Client {
    pub fn new(socket: Arc<dyn Duplex>, host: &str) -> Client {
        Client { wire: Wire::new(socket), host: host.to_owned() }
    }

    /// Connects without TLS. `host` is the `Host` header of [`Client::get`].
    pub fn plain(address: SocketAddr, host: &str) -> Client {
        Client::new(Arc::new(connect(address).unwrap()), host)
    }

    /// Connects with TLS. `host` is the `Host` header of [`Client::get`].
    #[track_caller]
    pub fn tls(address: SocketAddr, tls: &Tls, host: &str) -> Client {
        Client::new(Arc::new(tls.connect(address).unwrap()), host)
    }

    #[track_caller]
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).unwrap();
    }

    /// Sends bytes and returns whether that succeeded, for peers that may have closed the connection.
    pub fn try_send(&self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.send(bytes).is_ok()
    }

    /// Sends a request line, `Host` and header lines (without line ends), and no body.
    #[track_caller]
    pub fn request(&self, request_line: &str, fields: &[&str]) {
        self.send(self.request_bytes(request_line, fields));
    }

    /// Returns the bytes that [`Client::request`] sends.
    pub fn request_bytes(&self, request_line: &str, fields: &[&str]) -> Vec<u8> {
        let mut lines = vec![request_line.to_owned(), format!("Host: {}", self.host)];
        lines.extend(fields.iter().map(|field| (*field).to_owned()));
        (lines.join("\r\n") + "\r\n\r\n").into_bytes()
    }

    /// Sends a GET request and reads the response.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Message {
        self.get_with(target, &[])
    }

    /// Sends a GET request with additional header lines and reads the response.
    #[track_caller]
    pub fn get_with(&mut self, target: &str, fields: &[&str]) -> Message {
        self.request(&format!("GET {target} HTTP/1.1"), fields);
        self.response()
    }

    /// Sends a POST request with `Content-Length` and reads the response.
    #[track_caller]
    pub fn post(&mut self, target: &str, body: &[u8]) -> Message {
        let length = format!("Content-Length: {}", body.len());
        self.send([&self.request_bytes(&format!("POST {target} HTTP/1.1"), &[&length]), body].concat());
        self.response()
    }

    /// Requests an upgrade to `token` and reads the head of the response.
    #[track_caller]
    pub fn upgrade(&mut self, target: &str, token: &str) -> Head {
        self.send(self.upgrade_bytes(target, token));
        self.head()
    }

    /// Returns the bytes that [`Client::upgrade`] sends.
    pub fn upgrade_bytes(&self, target: &str, token: &str) -> Vec<u8> {
        let upgrade = format!("Upgrade: {token}");
        self.request_bytes(&format!("GET {target} HTTP/1.1"), &["Connection: Upgrade", &upgrade])
    }

    /// Reads a complete response to any method except HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Message {
        self.response_to("GET")
    }

    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Message {
        self.wire.read_response(method).unwrap()
    }

    /// Reads a response that may be missing or truncated.
    pub fn try_response(&mut self) -> std::io::Result<Message> {
        self.wire.read_response("GET")
    }

    #[track_caller]
    pub fn head(&mut self) -> Head {
        self.wire.read_head().unwrap()
    }

    #[track_caller]
    pub fn chunk(&mut self) -> Vec<u8> {
        self.wire.read_chunk().unwrap()
    }

    #[track_caller]
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        self.wire.read_exactly(count).unwrap()
    }

    /// Returns the connection for reads that the client has no method for.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    pub fn sender(&self) -> Sender {
        self.wire.sender()
    }

    /// Closes the sending direction: FIN, preceded by `close_notify` under TLS.
    #[track_caller]
    pub fn finish(&self) {
        self.wire.finish().unwrap();
    }

    /// Closes the connection with a reset.
    #[track_caller]
    pub fn reset(self) {
        self.wire.set_reset_on_close().unwrap();
    }

    /// Reads until the connection ends. Returns the remaining bytes and how the connection ended.
    #[track_caller]
    pub fn read_until_close(&mut self) -> (Vec<u8>, ConnectionEnd) {
        let mut rest = Vec::new();
        loop {
            match self.wire.read_some() {
                Ok(piece) if piece.is_empty() => return (rest, ConnectionEnd::Closed),
                Ok(piece) => rest.extend(piece),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    panic!("the connection is still open; received so far: {:?}", String::from_utf8_lossy(&rest))
                }
                Err(_) => return (rest, ConnectionEnd::Aborted),
            }
        }
    }

    /// Fails unless the proxy closes the connection without sending another byte.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let (rest, _) = self.read_until_close();
        assert!(rest.is_empty(), "unexpected bytes: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Fails if data arrives or the connection ends within `time`.
    #[track_caller]
    pub fn expect_no_data(&mut self, time: Duration) {
        self.wire.set_receive_timeout(time).unwrap();
        match self.wire.read_some() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("expected no data within {time:?}, received {other:?}"),
        }
        self.wire.set_receive_timeout(TIMEOUT).unwrap();
    }
}
