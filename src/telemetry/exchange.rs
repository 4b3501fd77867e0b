//! The record of one exchange, from the request's head to the last byte of the answer.
//!
//! It travels with the exchange: with the request while the application is asked, then with the answer's
//! body or the tunnel. Whoever holds it last drops it, and that drop writes the one line.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use super::access_log::{Outcome, RequestSummary, TunnelEnd, write_line};
use super::log_writer::WorkerLog;

/// One exchange that is under way.
pub struct Exchange(Box<Record>);

struct Record {
    peer: IpAddr,
    request: RequestSummary,
    log: Rc<WorkerLog>,
    clock: Rc<LogClock>,
    progress: Progress,
    sent: u64,
}

enum Progress {
    /// No answer has begun. If it ends here, the client went away.
    Asked,
    Answered {
        status: u16,
    },
    Tunnel {
        since: Instant,
        received: u64,
    },
}

/// The time as the log writes it, formatted once a second.
#[derive(Default)]
pub struct LogClock(RefCell<(i64, String)>);

impl Exchange {
    pub fn open(peer: IpAddr, request: RequestSummary, log: Rc<WorkerLog>, clock: Rc<LogClock>) -> Exchange {
        Exchange(Box::new(Record { peer, request, log, clock, progress: Progress::Asked, sent: 0 }))
    }

    /// The head of the answer is on its way.
    pub fn answered(&mut self, status: http::StatusCode) {
        self.0.progress = Progress::Answered { status: status.as_u16() };
    }

    /// The exchange has become a tunnel.
    pub fn switched(&mut self) {
        self.0.request.detach();
        self.0.progress = Progress::Tunnel { since: Instant::now(), received: 0 };
    }

    /// Bytes of the body, or of the tunnel, went to the client.
    pub fn sent(&mut self, bytes: u64) {
        self.0.sent += bytes;
    }

    /// Bytes of the tunnel came from the client.
    pub fn received(&mut self, bytes: u64) {
        if let Progress::Tunnel { received, .. } = &mut self.0.progress {
            *received += bytes;
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, tunnel) = match self.progress {
            Progress::Asked => (CLIENT_WENT_AWAY, None),
            Progress::Answered { status } => (status, None),
            Progress::Tunnel { since, received } => (101, Some(TunnelEnd { lasted: since.elapsed(), received })),
        };
        let outcome = Outcome { status, sent: self.sent, tunnel };
        self.log.line(|out| self.clock.with(|time| write_line(out, self.peer, time, &self.request, outcome)));
    }
}

impl LogClock {
    fn with(&self, use_time: impl FnOnce(&str)) {
        let now = chrono::Utc::now();
        let mut cached = self.0.borrow_mut();
        if cached.0 != now.timestamp() || cached.1.is_empty() {
            let local = now.with_timezone(&chrono::Local);
            *cached = (now.timestamp(), local.format("%d/%b/%Y:%H:%M:%S %z").to_string());
        }
        use_time(&cached.1);
    }
}

/// What nginx logs when the client closed before the answer began.
const CLIENT_WENT_AWAY: u16 = 499;
