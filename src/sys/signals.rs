//! Signals. They mean what they mean to nginx, because scripts send them already, with one difference: TERM
//! and INT, which end nginx at once, let requests and tunnels finish as QUIT does. A second one ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that the program listens to.
pub(crate) struct SignalListener {
    term: Signal,
    quit: Signal,
    interrupt: Signal,
    reopen: Signal,
    hangup: Signal,
}

/// What a signal asks for.
pub(crate) enum SignalAction {
    Stop,
    ReopenLogs,
    Renew,
}

impl SignalListener {
    pub(crate) fn new() -> io::Result<SignalListener> {
        Ok(SignalListener {
            term: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.term.recv() => SignalAction::Stop,
            _ = self.quit.recv() => SignalAction::Stop,
            _ = self.interrupt.recv() => SignalAction::Stop,
            _ = self.reopen.recv() => SignalAction::ReopenLogs,
            _ = self.hangup.recv() => SignalAction::Renew,
        }
    }
}
