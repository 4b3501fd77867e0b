//! Parses request heads into the response to send and the body framing.

use std::io;

/// The WebSocket path of Mattermost; GitLab's nginx configures a separate `location` for it.
pub(crate) const ECHO_PATH: &str = "/api/v4/websocket";

/// Path of the broadcast WebSocket.
pub(crate) const BROADCAST_PATH: &str = "/api/v4/websocket?broadcast";

/// The response a request selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A body of this many bytes.
    Bytes(u64),
    /// 200 if the request body has `expected` bytes, else 422.
    Count { expected: u64, framing: BodyFraming },
    /// A WebSocket that echoes each message.
    Echo,
    /// A WebSocket that sends each message to all broadcast WebSockets.
    Broadcast,
    /// 404.
    Unknown,
}

/// Framing of a request body (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
}

/// Whether the connection stays open after the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    KeepAlive,
    Close,
}

/// A parsed request head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) kind: RequestKind,
    pub(super) persistence: Persistence,
    /// Length of the head in bytes.
    pub(super) length: usize,
}

impl Head {
    /// Parses the head at the start of `bytes`. Returns `None` if it is incomplete.
    ///
    /// # Errors
    /// The bytes are not an HTTP/1 request.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let mut framing = BodyFraming::Length(0);
        // HTTP/1.0 closes after one response. nginx uses it for GitLab's health checks.
        let mut persistence = if request.version == Some(0) { Persistence::Close } else { Persistence::KeepAlive };
        for header in request.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                framing = BodyFraming::Length(number(header.value));
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                framing = BodyFraming::Chunked;
            } else if header.name.eq_ignore_ascii_case("connection") && header.value.eq_ignore_ascii_case(b"close")
            {
                persistence = Persistence::Close;
            }
        }
        let kind =
            RequestKind::select(request.method.unwrap_or_default(), request.path.unwrap_or_default(), framing);
        Ok(Some(Self { kind, persistence, length }))
    }
}

impl RequestKind {
    fn select(method: &str, target: &str, framing: BodyFraming) -> Self {
        match (method, target) {
            ("GET", ECHO_PATH) => Self::Echo,
            ("GET", BROADCAST_PATH) => Self::Broadcast,
            ("GET", target) => match target.strip_prefix("/bytes/") {
                Some(count) => Self::Bytes(number(count.as_bytes())),
                None => Self::Unknown,
            },
            ("POST", target) => match target.split_once("?size=") {
                Some((_, size)) => Self::Count { expected: number(size.as_bytes()), framing },
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// Parses a decimal number. Invalid text yields 0, which the generator detects as a wrong response.
fn number(text: &[u8]) -> u64 {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}
