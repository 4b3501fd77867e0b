//! What is noted of an exchange whose log has a format of the administrator's.

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

/// The notes of one exchange.
pub struct CustomRecord {
    line: CustomLine,
    begun: Instant,
    /// Bytes of the heads as HTTP/1.1 writes them.
    request_head: usize,
    answer_head: usize,
    upstream: Option<UpstreamRecord>,
}

/// How asking the application went.
struct UpstreamRecord {
    address: String,
    asked: Instant,
    /// Tells how many bytes of the request's body went to it so far.
    uploaded: Box<dyn Fn() -> u64>,
    connected_in: Option<Duration>,
    head: Option<UpstreamHeadRecord>,
}

/// The head of its answer, or of ours in its place.
struct UpstreamHeadRecord {
    status: StatusCode,
    after: Duration,
    length: usize,
}

/// What the end of an exchange tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExchangeEnd {
    pub(super) status: u16,
    /// Bytes of the body that went to the client.
    pub(super) sent: u64,
    /// Bytes of the body before its compression; 0 if it was not compressed.
    pub(super) uncompressed: u64,
    /// Bytes that came from the client through a tunnel.
    pub(super) received: u64,
}

/// A request that could not be read: only its sender is known.
struct UnparsedRequest(IpAddr);

impl CustomRecord {
    pub(super) fn begin(
        format: Rc<CustomLogFormat>,
        facts: &impl VariableSource<RequestVariable>,
        head: &request::Parts,
    ) -> CustomRecord {
        let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
        let first_line = head.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
        CustomRecord {
            line: CustomLine::begin(format, facts),
            begun: Instant::now(),
            request_head: first_line + length(&head.headers),
            answer_head: 0,
            upstream: None,
        }
    }

    /// The application is about to be asked.
    pub fn upstream_started(&mut self, address: &UpstreamAddress, uploaded: Box<dyn Fn() -> u64>) {
        self.upstream = Some(UpstreamRecord {
            address: address.to_string(),
            asked: Instant::now(),
            uploaded,
            connected_in: None,
            head: None,
        });
    }

    /// How long it took to get a connection to it; zero for one that was there already.
    pub fn upstream_connected(&mut self, took: Option<Duration>) {
        if let Some(upstream) = &mut self.upstream {
            upstream.connected_in = took;
        }
    }

    /// It has answered.
    pub fn upstream_responded(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.line.upstream_responded(headers);
        self.upstream_head(status, length(headers) + STATUS_LINE);
    }

    /// It has not, and is answered for.
    pub fn upstream_failed(&mut self, status: StatusCode) {
        self.upstream_head(status, 0);
    }

    pub(super) fn response_started(&mut self, headers: &HeaderMap) {
        self.line.response_started(headers);
        self.answer_head = length(headers) + STATUS_LINE + DATE;
    }

    /// Appends the line.
    pub(super) fn write(&mut self, end: ExchangeEnd, out: &mut Vec<u8>) {
        let CustomRecord { line, begun, request_head, answer_head, upstream } = self;
        let uploaded = upstream.as_ref().map_or(0, |upstream| (upstream.uploaded)()) + end.received;
        let number = |out: &mut Vec<u8>, number: u64| write(out, format_args!("{number}"));
        line.finish(
            |outcome, out| match outcome {
                NamedResponseVariable::Status => number(out, end.status.into()),
                NamedResponseVariable::BodyBytesSent => number(out, end.sent),
                NamedResponseVariable::BytesSent => number(out, end.sent + *answer_head as u64),
                NamedResponseVariable::RequestLength => number(out, *request_head as u64 + uploaded),
                NamedResponseVariable::RequestTime => seconds(out, begun.elapsed()),
                NamedResponseVariable::GzipRatio if end.uncompressed > 0 => {
                    gzip_ratio::append(out, end.uncompressed, end.sent);
                    VariablePresence::Present
                }
                // Nothing is cached here.
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
            upstream.head = Some(UpstreamHeadRecord { status, after: upstream.asked.elapsed(), length });
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
                self.connected_in.map_or(VariablePresence::Absent, |took| seconds(out, took))
            }
            // An answer of ours has no head of theirs.
            NamedResponseVariable::UpstreamHeaderTime => {
                let head = head.filter(|head| head.length > 0);
                head.map_or(VariablePresence::Absent, |head| seconds(out, head.after))
            }
            NamedResponseVariable::UpstreamResponseTime => seconds(out, self.asked.elapsed()),
            NamedResponseVariable::UpstreamResponseLength => write(out, format_args!("{}", self.body_length(end))),
            NamedResponseVariable::UpstreamBytesReceived => {
                let head = head.map_or(0, |head| head.length) as u64;
                write(out, format_args!("{}", head + self.body_length(end)))
            }
            _ => VariablePresence::Absent,
        }
    }

    /// Bytes of its body; a body of ours in its place does not count.
    fn body_length(&self, end: ExchangeEnd) -> u64 {
        let answered = if end.uncompressed > 0 { end.uncompressed } else { end.sent };
        if self.head.as_ref().is_some_and(|head| head.length > 0) { answered } else { 0 }
    }
}

/// Appends the line of a request that was refused before it could be read.
pub(super) fn write_unreadable(format: &Rc<CustomLogFormat>, peer: IpAddr, status: StatusCode, out: &mut Vec<u8>) {
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
            // What nginx maps is empty rather than absent.
            RequestVariable::Named(NamedRequestVariable::FilteredHttpReferer) => VariablePresence::Present,
            _ => VariablePresence::Absent,
        }
    }
}

/// What headers take as lines, with the empty one at their end.
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

/// `HTTP/1.1 200 OK`, give or take the reason.
const STATUS_LINE: usize = 17;

/// The header that is added to every answer.
const DATE: usize = 37;
