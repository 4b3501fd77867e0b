//! Requests as the application needs them: what is wanted, and how the body comes.

use std::io;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// So many bytes.
    Bytes(u64),
    /// A count of the body, which ought to be so many bytes.
    Count { expected: u64, framing: BodyFraming },
    /// A WebSocket that echoes.
    Echo,
    /// A WebSocket whose messages go to all such ones.
    Broadcast,
    /// Something that the application does not have.
    Unknown,
}

/// How the end of a request's body is told (RFC 9112 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
}

/// Whether the proxy wants the connection to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    KeepAlive,
    Close,
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) wanted: Wanted,
    pub(super) afterwards: Afterwards,
    /// Bytes of the head.
    pub(super) length: usize,
}

impl Head {
    /// The head at the start of `bytes`; `None` while it is incomplete.
    ///
    /// # Errors
    /// The bytes are not an HTTP/1 request.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(length) = parsed else { return Ok(None) };
        let mut framing = BodyFraming::Length(0);
        // HTTP/1.0 ends after one answer; nginx speaks it to GitLab's health pages.
        let mut afterwards = if request.version == Some(0) { Afterwards::Close } else { Afterwards::KeepAlive };
        for header in request.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                framing = BodyFraming::Length(number(header.value));
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                framing = BodyFraming::Chunked;
            } else if header.name.eq_ignore_ascii_case("connection") && header.value.eq_ignore_ascii_case(b"close")
            {
                afterwards = Afterwards::Close;
            }
        }
        let wanted = Wanted::by(request.method.unwrap_or_default(), request.path.unwrap_or_default(), framing);
        Ok(Some(Self { wanted, afterwards, length }))
    }
}

impl Wanted {
    fn by(method: &str, target: &str, framing: BodyFraming) -> Self {
        match (method, target) {
            ("GET", super::ECHO_PATH) => Self::Echo,
            ("GET", super::BROADCAST_PATH) => Self::Broadcast,
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

/// The decimal number in `text`; a wrong one is 0 and shows as a wrong answer.
fn number(text: &[u8]) -> u64 {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}
