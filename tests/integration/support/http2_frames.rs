//! Handwritten HTTP/2 frames, for requests that an HTTP/2 library rejects.

use std::net::SocketAddr;

use super::client::Client;
use super::tls::Tls;

/// A connection on which single frames are written.
pub struct Frames {
    client: Client,
}

/// Whether DATA frames follow the HEADERS frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Follows,
}

/// Result of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamOutcome {
    /// Response status; `None` if the status has no HPACK index.
    Status(Option<u16>),
    Reset,
    /// The connection was closed, or GOAWAY received.
    Closed,
}

/// A received frame.
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

    /// Sends a HEADERS frame with these fields; with [`Body::None`] it ends the stream.
    #[track_caller]
    pub fn request(&self, stream: u32, fields: &[(&str, &str)], body: Body) {
        let flags = match body {
            Body::None => END_HEADERS | END_STREAM,
            Body::Follows => END_HEADERS,
        };
        self.send(HEADERS, flags, stream, &encode(fields));
    }

    /// Raises the windows of the connection and of all streams to the maximum.
    #[track_caller]
    pub fn open_windows(&self) {
        self.send(SETTINGS, 0, 0, &[&[0, INITIAL_WINDOW_SIZE], &LARGEST_WINDOW.to_be_bytes()[..]].concat());
        self.send(WINDOW_UPDATE, 0, 0, &(LARGEST_WINDOW - DEFAULT_WINDOW).to_be_bytes());
    }

    /// Reads and discards frames until the connection ends.
    pub fn drain(&mut self) {
        while self.next().is_some() {}
    }

    /// Sends the last DATA frame of a body.
    #[track_caller]
    pub fn last_data(&self, stream: u32, data: &[u8]) {
        self.send(DATA, END_STREAM, stream, data);
    }

    /// Returns the result of a request: the first response or RST_STREAM on its stream, or the end of the
    /// connection.
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

    /// Returns whether a stream is reset before the response on another stream arrives.
    #[track_caller]
    pub fn is_reset_before(&mut self, stream: u32, served: u32) -> bool {
        loop {
            let frame = self.next().expect("the connection stays open");
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
    /// Returns whether the request was rejected in one of the ways of RFC 9113 section 8.1.1.
    pub fn is_rejection(self) -> bool {
        matches!(self, StreamOutcome::Status(Some(400)) | StreamOutcome::Reset | StreamOutcome::Closed)
    }
}

/// Encodes literal fields without indexing and without Huffman coding (RFC 7541 section 6.2.2).
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

/// Returns the response status if it is an index of the static table (RFC 7541 appendix A). `:status` is the
/// first field; a table size update may precede it.
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
