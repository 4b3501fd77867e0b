//! Connections that rest between two requests.
//!
//! The one that rested shortest is used first: it is the least likely to have been closed meanwhile,
//! and the others can grow old and go when there is less to do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Http1ClientConnection;

pub(crate) struct IdlePool {
    resting: RefCell<VecDeque<IdleConnection>>,
    idle_timeout: Duration,
    most: usize,
}

struct IdleConnection {
    connection: Box<Http1ClientConnection>,
    since: Instant,
}

impl IdlePool {
    pub(crate) fn new(idle_timeout: Duration, most: usize) -> IdlePool {
        IdlePool { resting: RefCell::default(), idle_timeout, most }
    }

    /// A connection that can still be used, as far as one can know.
    pub(crate) fn take(&self) -> Option<Box<Http1ClientConnection>> {
        let mut resting = self.resting.borrow_mut();
        while let Some(IdleConnection { mut connection, since }) = resting.pop_back() {
            if since.elapsed() >= self.idle_timeout {
                // All others have rested longer.
                resting.clear();
                return None;
            }
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }

    /// Lays a connection to rest, unless it is spent or there are enough.
    pub(super) fn put(&self, mut connection: Box<Http1ClientConnection>) {
        let mut resting = self.resting.borrow_mut();
        if resting.len() < self.most && connection.prepare_idle() {
            resting.push_back(IdleConnection { connection, since: Instant::now() });
        }
    }

    pub(crate) fn close_expired(&self) {
        let mut resting = self.resting.borrow_mut();
        while resting.front().is_some_and(|oldest| oldest.since.elapsed() >= self.idle_timeout) {
            resting.pop_front();
        }
    }
}
