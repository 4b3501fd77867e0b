//! Process-wide settings, log levels and access log targets.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::tls::TicketKeySource;

/// Process-wide settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSettings {
    /// Number of worker threads. Each has its own listening sockets, connection pools and buffers.
    pub workers: NonZeroUsize,
    /// User that the process switches to after sockets, keys and logs are open; `None` keeps the user that
    /// started it.
    pub user: Option<String>,
    /// How long a graceful shutdown waits for requests and tunnels before it aborts them.
    pub shutdown_timeout: Duration,
    /// Verbosity of the program log on standard error.
    pub log_level: LogLevel,
    pub ticket_keys: TicketKeySource,
}

/// Verbosity of the program log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Destination of an access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    Off,
    Stdout,
    File(PathBuf),
}
