//! One connection of a scripted upstream; everything read is recorded.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::OriginState;
use crate::support::message::{Fields, Head, Message};
use crate::support::signal::TestSignalReceiver;
use crate::support::socket::Duplex;
use crate::support::wire::{Sender, Wire};

/// A connection accepted by an upstream.
pub struct OriginConnection {
    pub wire: Wire,
    number: usize,
    state: Arc<OriginState>,
}

/// A complete request with the number of its connection; the first is 0.
#[derive(Debug, Clone)]
pub struct Request {
    pub connection: usize,
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

impl Request {
    /// Returns the request target as text.
    pub fn target(&self) -> String {
        String::from_utf8_lossy(self.head.target()).into_owned()
    }
}

impl OriginConnection {
    pub(super) fn new(socket: Arc<dyn Duplex>, number: usize, state: Arc<OriginState>) -> OriginConnection {
        OriginConnection { wire: Wire::new(socket), number, state }
    }

    /// Returns the number of this connection; the first is 0.
    pub fn number(&self) -> usize {
        self.number
    }

    pub fn read_head(&mut self) -> io::Result<Head> {
        let head = self.wire.read_head()?;
        self.state.heads.lock().unwrap().push(head.clone());
        Ok(head)
    }

    pub fn read_request(&mut self) -> io::Result<Request> {
        let head = self.read_head()?;
        self.read_rest_of(head)
    }

    /// Reads the body of a request whose head was read before.
    pub fn read_rest_of(&mut self, head: Head) -> io::Result<Request> {
        let framing = head.request_framing()?;
        let Message { head, body, trailers } = self.wire.read_body(head, framing)?;
        let request = Request { connection: self.number, head, body, trailers };
        self.state.requests.lock().unwrap().push(request.clone());
        Ok(request)
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(bytes)
    }

    pub fn sender(&self) -> Sender {
        self.wire.sender()
    }

    /// Makes the close at the end of the script a reset.
    pub fn reset_on_close(&self) -> io::Result<()> {
        self.wire.set_reset_on_close()
    }

    /// Waits for a [`TestSignal`](crate::support::signal::TestSignal); fails, which ends the script, once the
    /// origin is dropped.
    pub fn wait_for(&self, signal: &TestSignalReceiver) -> io::Result<()> {
        while !self.state.closing.load(Ordering::SeqCst) {
            if signal.arrives_within(POLL_INTERVAL) {
                return Ok(());
            }
        }
        Err(io::Error::other("the test is over"))
    }

    /// Waits until the peer closes the connection and discards what it sends.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        self.wire.set_receive_timeout(MAX_WAIT)?;
        while !self.wire.read_some()?.is_empty() {}
        Ok(())
    }

    /// Echoes all data until the peer closes its sending direction.
    pub fn echo(&mut self) -> io::Result<()> {
        self.wire.set_receive_timeout(MAX_WAIT)?;
        loop {
            let piece = self.wire.read_some()?;
            if piece.is_empty() {
                return self.wire.finish();
            }
            self.send(piece)?;
        }
    }
}

/// Interval between two checks whether the origin is dropped.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Longer than any test; dropping the origin ends the wait as well.
const MAX_WAIT: Duration = Duration::from_secs(120);
