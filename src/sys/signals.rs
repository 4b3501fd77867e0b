//! Unix signals and their actions.
//!
//! Signals have their meaning in nginx, because existing scripts send them, with one exception: TERM and INT,
//! which stop nginx immediately, start a graceful shutdown as QUIT does. A second signal stops immediately.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives the signals that the server handles.
pub(crate) struct SignalListener {
    term: Signal,
    quit: Signal,
    interrupt: Signal,
    reopen: Signal,
    hangup: Signal,
}

/// What a signal requests.
pub(crate) enum SignalAction {
    /// Shut down gracefully; immediately on the second signal.
    Stop,
    /// Reopen log files after rotation.
    ReopenLogs,
    /// Reload certificates and check ACME renewals.
    Reload,
}

impl SignalListener {
    /// Registers the signal handlers.
    ///
    /// # Errors
    /// A handler cannot be registered.
    pub(crate) fn new() -> io::Result<SignalListener> {
        Ok(SignalListener {
            term: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    ///
    /// # Cancel safety
    /// Cancel safe: no signal is lost.
    pub(crate) async fn next(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.term.recv() => SignalAction::Stop,
            _ = self.quit.recv() => SignalAction::Stop,
            _ = self.interrupt.recv() => SignalAction::Stop,
            _ = self.reopen.recv() => SignalAction::ReopenLogs,
            _ = self.hangup.recv() => SignalAction::Reload,
        }
    }
}
