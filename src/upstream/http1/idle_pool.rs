//! Connections that rest between two requests.
//!
//! The one that rested shortest is used first: it is the least likely to have been closed meanwhile,
//! and the others can grow old and go when there is less to do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;

pub(crate) struct Pool {
    resting: RefCell<VecDeque<Resting>>,
    idle_timeout: Duration,
    most: usize,
}

struct Resting {
    connection: Box<Connection>,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(idle_timeout: Duration, most: usize) -> Pool {
        Pool { resting: RefCell::default(), idle_timeout, most }
    }

    /// A connection that can still be used, as far as one can know.
    pub(crate) fn take(&self) -> Option<Box<Connection>> {
        let mut resting = self.resting.borrow_mut();
        while let Some(Resting { mut connection, since }) = resting.pop_back() {
            if since.elapsed() >= self.idle_timeout {
                // All others have rested longer.
                resting.clear();
                return None;
            }
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Lays a connection to rest, unless it is spent or there are enough.
    pub(super) fn put(&self, mut connection: Box<Connection>) {
        let mut resting = self.resting.borrow_mut();
        if resting.len() < self.most && connection.can_rest() {
            resting.push_back(Resting { connection, since: Instant::now() });
        }
    }

    pub(crate) fn prune(&self) {
        let mut resting = self.resting.borrow_mut();
        while resting.front().is_some_and(|oldest| oldest.since.elapsed() >= self.idle_timeout) {
            resting.pop_front();
        }
    }
}
