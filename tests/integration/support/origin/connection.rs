//! One connection of an application, as its script sees it: whatever is read is recorded.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::OriginState;
use crate::support::message::{Fields, Head, Message};
use crate::support::signal::TestSignalReceiver;
use crate::support::socket::Duplex;
use crate::support::wire::{Sender, Wire};

/// A connection to the application.
pub struct OriginConnection {
    pub wire: Wire,
    number: usize,
    state: Arc<OriginState>,
}

/// A complete request, and the connection it came on (the first is 0).
#[derive(Debug, Clone)]
pub struct Request {
    pub connection: usize,
    pub head: Head,
    pub body: Vec<u8>,
    pub trailers: Fields,
}

impl Request {
    /// The request target as text.
    pub fn target(&self) -> String {
        String::from_utf8_lossy(self.head.target()).into_owned()
    }
}

impl OriginConnection {
    pub(super) fn new(socket: Arc<dyn Duplex>, number: usize, state: Arc<OriginState>) -> OriginConnection {
        OriginConnection { wire: Wire::new(socket), number, state }
    }

    /// Which connection of the application this is; the first is 0.
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

    /// Reads the body that belongs to a head that was read before.
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

    /// Makes the end of this connection, which comes with the end of the script, a reset.
    pub fn reset_on_close(&self) -> io::Result<()> {
        self.wire.set_reset_on_close()
    }

    /// Waits for the test's cue; the script ends if the test is over first.
    pub fn wait_for(&self, signal: &TestSignalReceiver) -> io::Result<()> {
        while !self.state.closing.load(Ordering::SeqCst) {
            if signal.arrives_within(POLL_INTERVAL) {
                return Ok(());
            }
        }
        Err(io::Error::other("the test is over"))
    }

    /// Waits until the peer closes, however long that takes; what it sends meanwhile is dropped.
    pub fn wait_for_close(&mut self) -> io::Result<()> {
        self.wire.set_receive_timeout(MAX_WAIT)?;
        while !self.wire.read_some()?.is_empty() {}
        Ok(())
    }

    /// Sends back whatever comes, until the peer finishes.
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

/// Time between two looks at whether the test is over.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Longer than any test; the end of the origin ends the wait as well.
const MAX_WAIT: Duration = Duration::from_secs(120);
