//! The record of one exchange, from the request's head to the last byte of the answer.
//!
//! It travels with the exchange: with the request while the application is asked, then with the answer's
//! body or the tunnel. Whoever holds it last drops it, and that drop writes the one line.

pub mod clock;
pub mod custom_line;
pub mod custom_record;
pub mod escape;
pub mod gzip_ratio;
pub mod line;
pub mod redaction;
pub mod writer;

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Local};
use http::{HeaderMap, Method, StatusCode, request};

use super::metrics::RequestGuard;
use crate::model::log_format::CustomLogFormat;
use crate::model::template::VariableSource;
use crate::model::variable::RequestVariable;
use clock::TIME_LOCAL;
use custom_record::{CustomRecord, ExchangeEnd};
use line::{RequestSummary, TunnelLine, TunnelSummary};
use writer::LogBuffer;

/// One exchange that is under way.
pub struct ExchangeRecord(Box<RecordState>);

/// A tunnel that is open.
pub struct TunnelRecord {
    line: PendingTunnelLine,
    log: AccessLog,
    since: Instant,
    sent: u64,
    received: u64,
}

/// The log of a host.
#[derive(Clone)]
pub struct AccessLog {
    pub log: Rc<LogBuffer>,
    pub clock: Rc<LogClock>,
    pub form: LineFormat,
}

/// The form of its lines.
#[derive(Clone)]
pub enum LineFormat {
    Package,
    Custom(Rc<CustomLogFormat>),
}

struct RecordState {
    line: ExchangeLine,
    log: AccessLog,
    progress: ResponseProgress,
    wanted: RequestedPart,
    sent: u64,
    /// Bytes of the body before its compression; 0 if it was not compressed.
    uncompressed: u64,
    /// There if a status page tells it.
    tally: Option<RequestGuard>,
}

/// What the line needs to know.
#[expect(clippy::large_enum_variant, reason = "it is in the record's box; another one would cost each request")]
enum ExchangeLine {
    Package {
        peer: IpAddr,
        request: RequestSummary,
    },
    Custom(Box<CustomRecord>),
    /// Nothing: the line is the tunnel's.
    Gone,
}

/// The same for a tunnel, which keeps as little as it can.
enum PendingTunnelLine {
    Package(TunnelLine),
    Custom(Box<CustomRecord>),
    Gone,
}

/// What the client wants of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestedPart {
    Everything,
    Head,
}

enum ResponseProgress {
    /// No answer has begun. If it ends here, the client went away.
    Requested,
    Responded {
        status: u16,
    },
}

/// The time as the log writes it, formatted once a second.
#[derive(Default)]
pub struct LogClock(RefCell<(u64, String)>);

impl ExchangeRecord {
    pub fn open(
        peer: IpAddr,
        head: &request::Parts,
        facts: &impl VariableSource<RequestVariable>,
        log: AccessLog,
    ) -> ExchangeRecord {
        let line = match &log.form {
            LineFormat::Package => ExchangeLine::Package { peer, request: RequestSummary::of(head) },
            LineFormat::Custom(format) => {
                ExchangeLine::Custom(Box::new(CustomRecord::begin(format.clone(), facts, head)))
            }
        };
        let wanted = if head.method == Method::HEAD { RequestedPart::Head } else { RequestedPart::Everything };
        ExchangeRecord(Box::new(RecordState {
            line,
            log,
            progress: ResponseProgress::Requested,
            wanted,
            sent: 0,
            uncompressed: 0,
            tally: None,
        }))
    }

    /// What is noted beyond the usual; `None` if the log has the usual format.
    pub fn custom_record(&mut self) -> Option<&mut CustomRecord> {
        match &mut self.0.line {
            ExchangeLine::Custom(notes) => Some(notes),
            ExchangeLine::Package { .. } | ExchangeLine::Gone => None,
        }
    }

    /// Whether the client wants no body.
    pub fn is_head(&self) -> bool {
        self.0.wanted == RequestedPart::Head
    }

    /// Counted from here to its end.
    pub fn with_guard(mut self, tally: Option<RequestGuard>) -> ExchangeRecord {
        self.0.tally = tally;
        self
    }

    /// The head of the answer is on its way.
    pub fn response_started(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.0.progress = ResponseProgress::Responded { status: status.as_u16() };
        if let Some(notes) = self.custom_record() {
            notes.response_started(headers);
        }
        if let Some(tally) = &self.0.tally {
            tally.response_finished(status);
        }
    }

    /// Bytes of the body went to the client.
    pub fn add_sent(&mut self, bytes: u64) {
        self.0.sent += bytes;
        if let Some(tally) = &self.0.tally {
            tally.sent(bytes);
        }
    }

    /// What went to the client so far stands for so many bytes.
    pub fn set_uncompressed(&mut self, bytes: u64) {
        self.0.uncompressed = bytes;
    }

    /// The exchange goes on as a tunnel, and its line is the tunnel's.
    pub fn into_tunnel(mut self) -> TunnelRecord {
        let record = &mut self.0;
        record.tally = None;
        let line = match std::mem::replace(&mut record.line, ExchangeLine::Gone) {
            ExchangeLine::Package { peer, request } => {
                PendingTunnelLine::Package(TunnelLine::prepare(peer, &request))
            }
            ExchangeLine::Custom(notes) => PendingTunnelLine::Custom(notes),
            ExchangeLine::Gone => PendingTunnelLine::Gone,
        };
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

impl Drop for RecordState {
    fn drop(&mut self) {
        let status = match self.progress {
            ResponseProgress::Requested => CLIENT_WENT_AWAY,
            ResponseProgress::Responded { status } => status,
        };
        let (sent, uncompressed) = (self.sent, self.uncompressed);
        match &mut self.line {
            ExchangeLine::Package { peer, request } => self.log.dated_line(|out, time| {
                line::write_line(out, *peer, time, request, line::ResponseSummary { status, sent, uncompressed });
            }),
            ExchangeLine::Custom(notes) => {
                self.log.log.line(|out| notes.write(ExchangeEnd { status, sent, uncompressed, received: 0 }, out))
            }
            ExchangeLine::Gone => {}
        }
    }
}

impl Drop for TunnelRecord {
    fn drop(&mut self) {
        let TunnelRecord { sent, received, .. } = *self;
        let lasted = self.since.elapsed();
        match &mut self.line {
            PendingTunnelLine::Package(line) => {
                self.log.dated_line(|out, time| line.write(out, time, TunnelSummary { lasted, sent, received }));
            }
            PendingTunnelLine::Custom(notes) => {
                let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
                self.log.log.line(|out| notes.write(ExchangeEnd { status, sent, uncompressed: 0, received }, out));
            }
            PendingTunnelLine::Gone => {}
        }
    }
}

impl AccessLog {
    /// Writes the line of a request that was refused before it could be read.
    pub fn unreadable(&self, peer: IpAddr, status: StatusCode) {
        match &self.form {
            LineFormat::Package => {
                self.dated_line(|out, time| line::write_unreadable_line(out, peer, time, status));
            }
            LineFormat::Custom(format) => {
                self.log.line(|out| custom_record::write_unreadable(format, peer, status, out))
            }
        }
    }

    /// Lets `write` append a line that carries the time.
    fn dated_line(&self, write: impl FnOnce(&mut Vec<u8>, &str)) {
        self.log.line(|out| self.clock.with(|time| write(out, time)));
    }
}

impl LogClock {
    fn with(&self, use_time: impl FnOnce(&str)) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut cached = self.0.borrow_mut();
        if cached.0 != second || cached.1.is_empty() {
            *cached = (second, DateTime::<Local>::from(now).format(TIME_LOCAL).to_string());
        }
        use_time(&cached.1);
    }
}

/// What nginx logs when the client closed before the answer began.
const CLIENT_WENT_AWAY: u16 = 499;
