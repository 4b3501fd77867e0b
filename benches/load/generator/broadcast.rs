//! Broadcast load: the upstream sends each message to all WebSockets.
//!
//! The next message is sent after all sockets have received the current one.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use super::client::Client;
use super::connection::TlsConnection;
use super::error::ClientError;
use super::websocket::Endpoint;
use crate::meter::ClientCounter;

/// WebSockets that receive the same messages. The last socket to receive one sends the next.
pub(crate) struct BroadcastGroup {
    endpoint: Endpoint,
    size: usize,
    connected: Cell<usize>,
    received: Cell<usize>,
    sent_at: Cell<Instant>,
}

impl BroadcastGroup {
    /// Creates a group of `size` sockets. The first message is sent when all are open. A socket that fails later
    /// stops the whole group and counts as a failure.
    pub(crate) fn new(endpoint: Endpoint, size: usize) -> Self {
        Self { endpoint, size, connected: Cell::new(0), received: Cell::new(0), sent_at: Cell::new(Instant::now()) }
    }

    async fn send_next(&self, socket: &mut TlsConnection) -> Result<(), ClientError> {
        self.received.set(0);
        self.sent_at.set(Instant::now());
        self.endpoint.send(socket).await
    }
}

impl Client for BroadcastGroup {
    type Connection = TlsConnection;

    async fn open(&self) -> Result<TlsConnection, ClientError> {
        self.endpoint.open().await
    }

    async fn run(&self, mut socket: TlsConnection, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        self.connected.set(self.connected.get() + 1);
        if self.connected.get() == self.size {
            self.send_next(&mut socket).await?;
        }
        let mut message = Vec::new();
        loop {
            self.endpoint.receive(&mut socket, &mut message).await?;
            counter.completed(self.sent_at.get());
            self.received.set(self.received.get() + 1);
            if self.received.get() == self.size {
                self.send_next(&mut socket).await?;
            }
        }
    }
}
