//! HTTP/2 frame by frame, for requests that a proper client refuses to send.

use std::net::SocketAddr;

use super::client::Client;
use super::tls::Tls;

/// A connection on which frames are written by hand.
pub struct Frames {
    client: Client,
}

/// Whether data frames follow the fields of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Follows,
}

/// How a peer takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamOutcome {
    /// Answered. `None` if the status is not one that HPACK has an index for.
    Status(Option<u16>),
    Reset,
    /// The connection is given up.
    Closed,
}

/// A frame as it was received.
struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frames {
    /// Connects with ALPN `h2` and sends the preface with empty settings (RFC 9113 section 3.4).
    #[track_caller]
    pub fn connect(address: SocketAddr, host: &str) -> Frames {
        let client = Client::tls(address, &Tls::to(host).with_alpn(&["h2"]), host);
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let frames = Frames { client };
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    /// Sends the fields of a request on a stream, without a body if `ends` says so.
    #[track_caller]
    pub fn request(&self, stream: u32, fields: &[(&str, &str)], body: Body) {
        let flags = match body {
            Body::None => END_HEADERS | END_STREAM,
            Body::Follows => END_HEADERS,
        };
        self.send(HEADERS, flags, stream, &encode(fields));
    }

    /// Lets the peer send as much as it likes, on all streams.
    #[track_caller]
    pub fn open_windows(&self) {
        self.send(SETTINGS, 0, 0, &[&[0, INITIAL_WINDOW_SIZE], &LARGEST_WINDOW.to_be_bytes()[..]].concat());
        self.send(WINDOW_UPDATE, 0, 0, &(LARGEST_WINDOW - DEFAULT_WINDOW).to_be_bytes());
    }

    /// Reads what still comes until the connection ends.
    pub fn drain(&mut self) {
        while self.next().is_some() {}
    }

    /// Sends the last piece of a body.
    #[track_caller]
    pub fn last_data(&self, stream: u32, data: &[u8]) {
        self.send(DATA, END_STREAM, stream, data);
    }

    /// What the peer decided about a stream: the first frame that is its answer, a reset, or the end
    /// of the whole connection.
    #[track_caller]
    pub fn outcome(&mut self, stream: u32) -> StreamOutcome {
        loop {
            let Some(frame) = self.next() else { return StreamOutcome::Closed };
            match frame.kind {
                HEADERS if frame.stream == stream => return StreamOutcome::Status(indexed_status(&frame.payload)),
                RST_STREAM if frame.stream == stream => return StreamOutcome::Reset,
                GOAWAY => return StreamOutcome::Closed,
                _ => {}
            }
        }
    }

    /// Whether a stream is reset before another one is answered.
    #[track_caller]
    pub fn is_reset_before(&mut self, stream: u32, served: u32) -> bool {
        loop {
            let frame = self.next().expect("the connection goes on");
            match frame.kind {
                HEADERS if frame.stream == served => return false,
                RST_STREAM if frame.stream == stream => return true,
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<Frame> {
        let head = self.client.wire().read_exactly(9).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let payload = self.client.wire().read_exactly(usize::try_from(length).unwrap()).ok()?;
        Some(Frame { kind: head[3], stream, payload })
    }

    #[track_caller]
    fn send(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.client.send([&head, payload].concat());
    }
}

impl StreamOutcome {
    /// Whether the request was refused, in one of the ways that RFC 9113 section 8.1.1 allows.
    pub fn is_rejection(self) -> bool {
        matches!(self, StreamOutcome::Status(Some(400)) | StreamOutcome::Reset | StreamOutcome::Closed)
    }
}

/// Literal fields that enter no table and use no Huffman code (RFC 7541 section 6.2.2).
fn encode(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The status of an answer if it is the static table's (RFC 7541 appendix A), and comes first as it
/// must; a size update may precede it.
fn indexed_status(block: &[u8]) -> Option<u16> {
    let first = block.iter().find(|byte| **byte & 0xe0 != 0x20)?;
    let known = [(0x88, 200), (0x89, 204), (0x8a, 206), (0x8b, 304), (0x8c, 400), (0x8d, 404), (0x8e, 500)];
    known.iter().find(|(index, _)| index == first).map(|(_, status)| *status)
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const INITIAL_WINDOW_SIZE: u8 = 4;
const DEFAULT_WINDOW: u32 = 65_535;
const LARGEST_WINDOW: u32 = 0x7fff_ffff;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
