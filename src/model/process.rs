//! Process-wide settings.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::tls::TicketKeySource;

/// Settings of the process as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessSettings {
    /// Threads that serve; each has its own listening sockets, pools and buffers.
    pub workers: NonZeroUsize,
    /// The account to serve as after sockets, keys and logs are open; `None` keeps the one that
    /// started the program.
    pub user: Option<String>,
    /// How long a stop waits for requests and tunnels before it cuts them.
    pub shutdown_timeout: Duration,
    /// Verbosity of the program's own log, on standard error.
    pub log_level: LogLevel,
    pub ticket_keys: TicketKeySource,
}

/// Verbosity of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    Off,
    Stdout,
    File(PathBuf),
}
