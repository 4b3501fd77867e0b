//! Signals. They mean what they mean to nginx, because scripts send them already, with one difference: TERM
//! and INT, which end nginx at once, let requests and tunnels finish as QUIT does. A second one ends at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that the program listens to.
pub(crate) struct Signals {
    term: Signal,
    quit: Signal,
    interrupt: Signal,
    reopen: Signal,
    hangup: Signal,
}

/// What a signal asks for.
pub(crate) enum Wish {
    Stop,
    ReopenLogs,
    Renew,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
            reopen: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.term.recv() => Wish::Stop,
            _ = self.quit.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.reopen.recv() => Wish::ReopenLogs,
            _ = self.hangup.recv() => Wish::Renew,
        }
    }
}
