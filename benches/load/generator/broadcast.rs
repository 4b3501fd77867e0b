//! Broadcasts: the application sends each message to all sockets, and all must have it before the
//! next one is asked for.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use super::Client;
use super::connection::Secure;
use super::fault::Fault;
use super::websocket::Endpoint;
use crate::meter::Seat;

/// Sockets that wait for the same messages. Whoever is last to get one asks for the next.
pub(crate) struct Audience {
    endpoint: Endpoint,
    size: usize,
    present: Cell<usize>,
    heard: Cell<usize>,
    asked: Cell<Instant>,
}

impl Audience {
    /// An audience of `size` sockets; the first message is sent when all are open. One that breaks
    /// later stops all, and is counted as failed.
    pub(crate) fn new(endpoint: Endpoint, size: usize) -> Self {
        Self { endpoint, size, present: Cell::new(0), heard: Cell::new(0), asked: Cell::new(Instant::now()) }
    }

    async fn ask(&self, socket: &mut Secure) -> Result<(), Fault> {
        self.heard.set(0);
        self.asked.set(Instant::now());
        self.endpoint.send(socket).await
    }
}

impl Client for Audience {
    type Connection = Secure;

    async fn open(&self) -> Result<Secure, Fault> {
        self.endpoint.open().await
    }

    async fn run(&self, mut socket: Secure, seat: &Rc<Seat>) -> Result<(), Fault> {
        self.present.set(self.present.get() + 1);
        if self.present.get() == self.size {
            self.ask(&mut socket).await?;
        }
        let mut message = Vec::new();
        loop {
            self.endpoint.receive(&mut socket, &mut message).await?;
            seat.completed(self.asked.get());
            self.heard.set(self.heard.get() + 1);
            if self.heard.get() == self.size {
                self.ask(&mut socket).await?;
            }
        }
    }
}
