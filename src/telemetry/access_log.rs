//! Access log record of one exchange; written when the exchange ends.
//!
//! The record moves with the exchange: with the request until the upstream responds, then with the response body
//! or the tunnel. Its last owner drops it, and the drop writes the line. So each exchange writes exactly one line,
//! however it ends.

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

/// Access log record of an exchange; logs when dropped.
pub struct ExchangeRecord(Box<RecordState>);

/// Access log record of a tunnel; logs when dropped.
pub struct TunnelRecord {
    line: PendingTunnelLine,
    log: AccessLog,
    opened: Instant,
    /// Bytes sent to the client.
    sent: u64,
    /// Bytes received from the client.
    received: u64,
}

/// Access log of a host on one worker.
#[derive(Clone)]
pub struct AccessLog {
    pub log: Rc<LogBuffer>,
    pub clock: Rc<LogClock>,
    pub form: LineFormat,
}

/// Format of the lines of a log.
#[derive(Clone)]
pub enum LineFormat {
    /// The format of the bundled nginx.
    Package,
    /// A format of the configuration (`access_log_format`, nginx `log_format`).
    Custom(Rc<CustomLogFormat>),
}

/// State of an exchange record.
struct RecordState {
    line: ExchangeLine,
    log: AccessLog,
    progress: ResponseProgress,
    requested: RequestedPart,
    /// Bytes of the response body that were sent to the client.
    sent: u64,
    /// Bytes of the response body before compression; 0 if it was not compressed.
    uncompressed: u64,
    /// `None` without a status host.
    request_guard: Option<RequestGuard>,
}

/// Values collected for the line of an exchange.
#[expect(clippy::large_enum_variant, reason = "the record is boxed; a second box would cost each request")]
enum ExchangeLine {
    Package {
        peer: IpAddr,
        request: RequestSummary,
    },
    Custom(Box<CustomRecord>),
    /// The values moved to the record of the tunnel, which writes the line.
    Moved,
}

/// Values collected for the line of a tunnel: as few as possible, because tunnels stay open for hours.
enum PendingTunnelLine {
    Package(TunnelLine),
    Custom(Box<CustomRecord>),
    Moved,
}

/// Whether the request was HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestedPart {
    Everything,
    Head,
}

/// Whether the response has started.
enum ResponseProgress {
    /// No response yet. An exchange that ends here was aborted by the client.
    Requested,
    Responded {
        status: u16,
    },
}

/// Timestamp formatted once a second.
#[derive(Default)]
pub struct LogClock(RefCell<(u64, String)>);

impl ExchangeRecord {
    /// Creates the record of a request. A custom format reads the values of `variables` immediately.
    pub fn open(
        peer: IpAddr,
        head: &request::Parts,
        variables: &impl VariableSource<RequestVariable>,
        log: AccessLog,
    ) -> ExchangeRecord {
        let line = match &log.form {
            LineFormat::Package => ExchangeLine::Package { peer, request: RequestSummary::from_head(head) },
            LineFormat::Custom(format) => {
                ExchangeLine::Custom(Box::new(CustomRecord::begin(format.clone(), variables, head)))
            }
        };
        let requested = if head.method == Method::HEAD { RequestedPart::Head } else { RequestedPart::Everything };
        ExchangeRecord(Box::new(RecordState {
            line,
            log,
            progress: ResponseProgress::Requested,
            requested,
            sent: 0,
            uncompressed: 0,
            request_guard: None,
        }))
    }

    /// Returns the values of a custom format; `None` if the log has the bundled format.
    pub fn custom_record(&mut self) -> Option<&mut CustomRecord> {
        match &mut self.0.line {
            ExchangeLine::Custom(record) => Some(record),
            ExchangeLine::Package { .. } | ExchangeLine::Moved => None,
        }
    }

    /// Returns whether the request was HEAD, so that the response has no body.
    pub fn is_head(&self) -> bool {
        self.0.requested == RequestedPart::Head
    }

    /// Counts the request as in flight until the record is dropped or becomes that of a tunnel.
    pub fn with_guard(mut self, guard: Option<RequestGuard>) -> ExchangeRecord {
        self.0.request_guard = guard;
        self
    }

    /// Records the head of the response, when it is passed on for sending.
    pub fn response_started(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.0.progress = ResponseProgress::Responded { status: status.as_u16() };
        if let Some(record) = self.custom_record() {
            record.response_started(headers);
        }
        if let Some(guard) = &self.0.request_guard {
            guard.response_started(status);
        }
    }

    /// Adds bytes of the response body that were sent to the client.
    pub fn add_sent(&mut self, bytes: u64) {
        self.0.sent += bytes;
        if let Some(guard) = &self.0.request_guard {
            guard.add_sent(bytes);
        }
    }

    /// Sets the length before compression of the body bytes sent so far.
    pub fn set_uncompressed(&mut self, bytes: u64) {
        self.0.uncompressed = bytes;
    }

    /// Turns the record into that of a tunnel, which writes the line. The request is no longer in flight.
    pub fn into_tunnel(mut self) -> TunnelRecord {
        let record = &mut self.0;
        record.request_guard = None;
        let line = match std::mem::replace(&mut record.line, ExchangeLine::Moved) {
            ExchangeLine::Package { peer, request } => {
                PendingTunnelLine::Package(TunnelLine::prepare(peer, &request))
            }
            ExchangeLine::Custom(values) => PendingTunnelLine::Custom(values),
            ExchangeLine::Moved => PendingTunnelLine::Moved,
        };
        TunnelRecord { line, log: record.log.clone(), opened: Instant::now(), sent: 0, received: 0 }
    }
}

impl TunnelRecord {
    /// Adds bytes that were sent to the client.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Adds bytes that were received from the client.
    pub fn received(&mut self, bytes: u64) {
        self.received += bytes;
    }
}

impl Drop for RecordState {
    fn drop(&mut self) {
        let status = match self.progress {
            ResponseProgress::Requested => CLIENT_CLOSED_REQUEST,
            ResponseProgress::Responded { status } => status,
        };
        let (sent, uncompressed) = (self.sent, self.uncompressed);
        match &mut self.line {
            ExchangeLine::Package { peer, request } => self.log.dated_line(|out, time| {
                line::write_line(out, *peer, time, request, line::ResponseSummary { status, sent, uncompressed });
            }),
            ExchangeLine::Custom(record) => {
                self.log.log.line(|out| record.write(ExchangeEnd { status, sent, uncompressed, received: 0 }, out))
            }
            ExchangeLine::Moved => {}
        }
    }
}

impl Drop for TunnelRecord {
    fn drop(&mut self) {
        let TunnelRecord { sent, received, .. } = *self;
        let duration = self.opened.elapsed();
        match &mut self.line {
            PendingTunnelLine::Package(line) => {
                self.log.dated_line(|out, time| line.write(out, time, TunnelSummary { duration, sent, received }));
            }
            PendingTunnelLine::Custom(record) => {
                let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
                self.log.log.line(|out| record.write(ExchangeEnd { status, sent, uncompressed: 0, received }, out));
            }
            PendingTunnelLine::Moved => {}
        }
    }
}

impl AccessLog {
    /// Writes the line of a request that failed to parse.
    pub fn log_unparsed(&self, peer: IpAddr, status: StatusCode) {
        match &self.form {
            LineFormat::Package => {
                self.dated_line(|out, time| line::write_unparsed_line(out, peer, time, status));
            }
            LineFormat::Custom(format) => {
                self.log.line(|out| custom_record::write_unparsed(format, peer, status, out))
            }
        }
    }

    /// Calls `write` with the buffer and the current timestamp; `write` appends a line.
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

/// Status that nginx logs for a client that disconnected before the response started.
const CLIENT_CLOSED_REQUEST: u16 = 499;
