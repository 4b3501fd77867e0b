//! Values collected for a custom log format.

use std::io::Write;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, request};

use super::custom_line::CustomLine;
use super::gzip_ratio;
use crate::model::log_format::CustomLogFormat;
use crate::model::template::{VariablePresence, VariableSource};
use crate::model::upstream::UpstreamAddress;
use crate::model::variable::{NamedRequestVariable, NamedResponseVariable, RequestVariable};

/// Values collected for a custom log format.
pub struct CustomRecord {
    line: CustomLine,
    started: Instant,
    /// Length of the request head in HTTP/1.1 notation, in bytes.
    request_head: usize,
    /// Length of the response head in HTTP/1.1 notation, in bytes.
    response_head: usize,
    upstream: Option<UpstreamRecord>,
}

/// Upstream address, timing and byte counts.
struct UpstreamRecord {
    address: String,
    started: Instant,
    /// Returns the bytes of the request body that were sent to the upstream so far.
    uploaded: Box<dyn Fn() -> u64>,
    /// `None` without a connection; zero for a reused one.
    connect_time: Option<Duration>,
    head: Option<UpstreamHeadRecord>,
}

/// Status, time and size of the upstream response head, or of the local response in its place.
struct UpstreamHeadRecord {
    status: StatusCode,
    /// Time since the start of the upstream request.
    time: Duration,
    /// Length in HTTP/1.1 notation, in bytes; 0 for a local response.
    length: usize,
}

/// Final status and byte counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExchangeEnd {
    pub(super) status: u16,
    /// Bytes of the response body that were sent to the client.
    pub(super) sent: u64,
    /// Bytes of the response body before compression; 0 if it was not compressed.
    pub(super) uncompressed: u64,
    /// Bytes that the client sent through a tunnel.
    pub(super) received: u64,
}

/// Variable source for a request that failed to parse: only the address of its client is known.
struct UnparsedRequest(IpAddr);

impl CustomRecord {
    /// Starts the record and renders the variables of the request.
    pub(super) fn begin(
        format: Rc<CustomLogFormat>,
        variables: &impl VariableSource<RequestVariable>,
        head: &request::Parts,
    ) -> CustomRecord {
        let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
        let first_line = head.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
        CustomRecord {
            line: CustomLine::begin(format, variables),
            started: Instant::now(),
            request_head: first_line + length(&head.headers),
            response_head: 0,
            upstream: None,
        }
    }

    /// Records the start of a request to an upstream. `uploaded` returns the body bytes sent to it so far.
    pub fn upstream_started(&mut self, address: &UpstreamAddress, uploaded: Box<dyn Fn() -> u64>) {
        self.upstream = Some(UpstreamRecord {
            address: address.to_string(),
            started: Instant::now(),
            uploaded,
            connect_time: None,
            head: None,
        });
    }

    /// Records the time to connect to the upstream; zero for a reused connection.
    pub fn upstream_connected(&mut self, time: Option<Duration>) {
        if let Some(upstream) = &mut self.upstream {
            upstream.connect_time = time;
        }
    }

    /// Records the head of the upstream's response.
    pub fn upstream_responded(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.line.upstream_responded(headers);
        self.upstream_head(status, length(headers) + STATUS_LINE);
    }

    /// Records the status of the local response that replaces a missing upstream response.
    pub fn upstream_failed(&mut self, status: StatusCode) {
        self.upstream_head(status, 0);
    }

    /// Records the head of the response to the client.
    pub(super) fn response_started(&mut self, headers: &HeaderMap) {
        self.line.response_started(headers);
        self.response_head = length(headers) + STATUS_LINE + DATE;
    }

    /// Appends the line to `out`.
    pub(super) fn write(&mut self, end: ExchangeEnd, out: &mut Vec<u8>) {
        let CustomRecord { line, started, request_head, response_head, upstream } = self;
        let uploaded = upstream.as_ref().map_or(0, |upstream| (upstream.uploaded)()) + end.received;
        let number = |out: &mut Vec<u8>, number: u64| write(out, format_args!("{number}"));
        line.finish(
            |outcome, out| match outcome {
                NamedResponseVariable::Status => number(out, end.status.into()),
                NamedResponseVariable::BodyBytesSent => number(out, end.sent),
                NamedResponseVariable::BytesSent => number(out, end.sent + *response_head as u64),
                NamedResponseVariable::RequestLength => number(out, *request_head as u64 + uploaded),
                NamedResponseVariable::RequestTime => seconds(out, started.elapsed()),
                NamedResponseVariable::GzipRatio if end.uncompressed > 0 => {
                    gzip_ratio::append(out, end.uncompressed, end.sent);
                    VariablePresence::Present
                }
                // Gatepost has no cache.
                NamedResponseVariable::GzipRatio | NamedResponseVariable::UpstreamCacheStatus => {
                    VariablePresence::Absent
                }
                NamedResponseVariable::UpstreamBytesSent if upstream.is_some() => {
                    number(out, *request_head as u64 + uploaded)
                }
                _ => upstream
                    .as_ref()
                    .map_or(VariablePresence::Absent, |upstream| upstream.append(outcome, end, out)),
            },
            out,
        );
    }

    fn upstream_head(&mut self, status: StatusCode, length: usize) {
        if let Some(upstream) = &mut self.upstream {
            upstream.head = Some(UpstreamHeadRecord { status, time: upstream.started.elapsed(), length });
        }
    }
}

impl UpstreamRecord {
    fn append(&self, outcome: NamedResponseVariable, end: ExchangeEnd, out: &mut Vec<u8>) -> VariablePresence {
        let head = self.head.as_ref();
        match outcome {
            NamedResponseVariable::UpstreamAddr => write(out, format_args!("{}", self.address)),
            NamedResponseVariable::UpstreamStatus => {
                head.map_or(VariablePresence::Absent, |head| write(out, format_args!("{}", head.status.as_u16())))
            }
            NamedResponseVariable::UpstreamConnectTime => {
                self.connect_time.map_or(VariablePresence::Absent, |time| seconds(out, time))
            }
            // A local response has no upstream head.
            NamedResponseVariable::UpstreamHeaderTime => {
                let head = head.filter(|head| head.length > 0);
                head.map_or(VariablePresence::Absent, |head| seconds(out, head.time))
            }
            NamedResponseVariable::UpstreamResponseTime => seconds(out, self.started.elapsed()),
            NamedResponseVariable::UpstreamResponseLength => write(out, format_args!("{}", self.body_length(end))),
            NamedResponseVariable::UpstreamBytesReceived => {
                let head = head.map_or(0, |head| head.length) as u64;
                write(out, format_args!("{}", head + self.body_length(end)))
            }
            _ => VariablePresence::Absent,
        }
    }

    /// Returns the bytes of the upstream's response body; 0 for a local response in its place.
    fn body_length(&self, end: ExchangeEnd) -> u64 {
        let received = if end.uncompressed > 0 { end.uncompressed } else { end.sent };
        if self.head.as_ref().is_some_and(|head| head.length > 0) { received } else { 0 }
    }
}

/// Appends the line of a request that failed to parse.
pub(super) fn write_unparsed(format: &Rc<CustomLogFormat>, peer: IpAddr, status: StatusCode, out: &mut Vec<u8>) {
    CustomLine::begin(format.clone(), &UnparsedRequest(peer)).finish(
        |outcome, out| match outcome {
            NamedResponseVariable::Status => write(out, format_args!("{}", status.as_u16())),
            NamedResponseVariable::BodyBytesSent => write(out, format_args!("0")),
            _ => VariablePresence::Absent,
        },
        out,
    );
}

impl VariableSource<RequestVariable> for UnparsedRequest {
    fn write(&self, variable: &RequestVariable, out: &mut Vec<u8>) -> VariablePresence {
        match variable {
            RequestVariable::Named(NamedRequestVariable::RemoteAddr | NamedRequestVariable::RealipRemoteAddr) => {
                write(out, format_args!("{}", self.0))
            }
            // The bundled nginx sets this variable with `map`, so it is empty rather than absent.
            RequestVariable::Named(NamedRequestVariable::FilteredHttpReferer) => VariablePresence::Present,
            _ => VariablePresence::Absent,
        }
    }
}

/// Returns the length of the header section in HTTP/1.1 notation, with the empty line at its end.
fn length(headers: &HeaderMap) -> usize {
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    lines.sum::<usize>() + "\r\n".len()
}

fn seconds(out: &mut Vec<u8>, time: Duration) -> VariablePresence {
    write(out, format_args!("{:.3}", time.as_secs_f64()))
}

fn write(out: &mut Vec<u8>, value: std::fmt::Arguments<'_>) -> VariablePresence {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(value);
    VariablePresence::Present
}

/// Length of `HTTP/1.1 200 OK` with its line end. Longer reason phrases are not counted.
const STATUS_LINE: usize = 17;

/// Length of the `Date` header line that is added to each response.
const DATE: usize = 37;
