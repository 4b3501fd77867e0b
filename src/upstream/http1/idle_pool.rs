//! Idle HTTP/1.1 connections, most recently used first.
//!
//! The upstream is least likely to have closed the connection that was used last. The others reach the idle timeout
//! and close when the load decreases.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Http1ClientConnection;

/// Idle connections to one upstream, last in first out.
pub(crate) struct IdlePool {
    idle: RefCell<VecDeque<IdleConnection>>,
    idle_timeout: Duration,
    /// Maximum number of idle connections.
    max_idle: usize,
}

/// An idle connection and when it became idle.
struct IdleConnection {
    connection: Box<Http1ClientConnection>,
    since: Instant,
}

impl IdlePool {
    pub(crate) fn new(idle_timeout: Duration, max_idle: usize) -> IdlePool {
        IdlePool { idle: RefCell::default(), idle_timeout, max_idle }
    }

    /// Removes and returns the most recently used connection that is still open; `None` if there is none. Closes
    /// connections that the upstream has closed or that have reached the idle timeout.
    pub(crate) fn take(&self) -> Option<Box<Http1ClientConnection>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(IdleConnection { mut connection, since }) = idle.pop_back() {
            if since.elapsed() >= self.idle_timeout {
                // All other connections have been idle for longer.
                idle.clear();
                return None;
            }
            if connection.is_reusable() {
                return Some(connection);
            }
        }
        None
    }

    /// Adds a connection, unless it is not reusable or the pool is full; then the connection closes.
    pub(super) fn put(&self, mut connection: Box<Http1ClientConnection>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.max_idle && connection.prepare_idle() {
            idle.push_back(IdleConnection { connection, since: Instant::now() });
        }
    }

    /// Closes connections past the keep-alive timeout.
    pub(crate) fn close_expired(&self) {
        let mut idle = self.idle.borrow_mut();
        while idle.front().is_some_and(|oldest| oldest.since.elapsed() >= self.idle_timeout) {
            idle.pop_front();
        }
    }
}
