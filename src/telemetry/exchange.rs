//! The record of one exchange, from the request's head to the last byte of the answer.
//!
//! It travels with the exchange: with the request while the application is asked, then with the answer's
//! body or the tunnel. Whoever holds it last drops it, and that drop writes the one line.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Instant;

use super::access_log::{Outcome, RequestSummary, TunnelEnd, TunnelLine, write_line};
use super::counters::OpenRequest;
use super::log_writer::WorkerLog;

/// One exchange that is under way.
pub struct Exchange(Box<Record>);

/// A tunnel that is open.
pub struct TunnelRecord {
    line: TunnelLine,
    log: DatedLog,
    since: Instant,
    sent: u64,
    received: u64,
}

/// A log, and the time to write into it.
#[derive(Clone)]
pub struct DatedLog {
    pub log: Rc<WorkerLog>,
    pub clock: Rc<LogClock>,
}

struct Record {
    peer: IpAddr,
    request: RequestSummary,
    log: DatedLog,
    progress: Progress,
    sent: u64,
    /// There if a status page tells it.
    tally: Option<OpenRequest>,
}

enum Progress {
    /// No answer has begun. If it ends here, the client went away.
    Asked,
    Answered {
        status: u16,
    },
    /// The tunnel has a record of its own.
    BecameTunnel,
}

/// The time as the log writes it, formatted once a second.
#[derive(Default)]
pub struct LogClock(RefCell<(i64, String)>);

impl Exchange {
    pub fn open(peer: IpAddr, request: RequestSummary, log: DatedLog) -> Exchange {
        Exchange(Box::new(Record { peer, request, log, progress: Progress::Asked, sent: 0, tally: None }))
    }

    /// Whether the client wants no body.
    pub fn is_head(&self) -> bool {
        self.0.request.method == http::Method::HEAD
    }

    /// Counted from here to its end.
    pub fn counted(mut self, tally: Option<OpenRequest>) -> Exchange {
        self.0.tally = tally;
        self
    }

    /// The head of the answer is on its way.
    pub fn answered(&mut self, status: http::StatusCode) {
        self.0.progress = Progress::Answered { status: status.as_u16() };
        if let Some(tally) = &self.0.tally {
            tally.answered(status);
        }
    }

    /// Bytes of the body went to the client.
    pub fn sent(&mut self, bytes: u64) {
        self.0.sent += bytes;
        if let Some(tally) = &self.0.tally {
            tally.sent(bytes);
        }
    }

    /// The exchange goes on as a tunnel, and its line is the tunnel's.
    pub fn into_tunnel(mut self) -> TunnelRecord {
        let record = &mut self.0;
        record.progress = Progress::BecameTunnel;
        if let Some(tally) = record.tally.take() {
            tally.answered(http::StatusCode::SWITCHING_PROTOCOLS);
        }
        let line = TunnelLine::prepare(record.peer, &record.request);
        TunnelRecord { line, log: record.log.clone(), since: Instant::now(), sent: 0, received: 0 }
    }
}

impl TunnelRecord {
    /// Bytes went to the client.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Bytes came from the client.
    pub fn received(&mut self, bytes: u64) {
        self.received += bytes;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let status = match self.progress {
            Progress::Asked => CLIENT_WENT_AWAY,
            Progress::Answered { status } => status,
            Progress::BecameTunnel => return,
        };
        let outcome = Outcome { status, sent: self.sent };
        self.log.line(|out, time| write_line(out, self.peer, time, &self.request, outcome));
    }
}

impl Drop for TunnelRecord {
    fn drop(&mut self) {
        let end = TunnelEnd { lasted: self.since.elapsed(), sent: self.sent, received: self.received };
        self.log.line(|out, time| self.line.write(out, time, end));
    }
}

impl DatedLog {
    /// Lets `write` append a line that carries the time.
    pub fn line(&self, write: impl FnOnce(&mut Vec<u8>, &str)) {
        self.log.line(|out| self.clock.with(|time| write(out, time)));
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
