//! HTTP/1.1 as a client: one request at a time, every answer checked.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::Client;
use super::connection::{Dialer, Plain, Secure, connect_plain};
use super::fault::Fault;
use crate::meter::Seat;

/// An HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Http1<S> {
    stream: S,
    head: Vec<u8>,
}

/// What an answer must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) length: Length,
}

/// What the length of an answer's body must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    Exactly(u64),
    /// The proxy wrote the body and may say what it likes.
    Free,
}

/// What the server does with the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    KeepAlive,
    Close,
}

/// The parts of an answer's head that are checked.
#[derive(Debug)]
struct Head {
    status: u16,
    length: Option<u64>,
    persistence: Persistence,
    websocket_accept: Option<Vec<u8>>,
}

/// Sends the same request over TLS, again and again.
pub(crate) struct KeepAlive {
    pub(crate) dialer: Dialer,
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Sends the same request without TLS, again and again.
pub(crate) struct PlainKeepAlive {
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

impl<S: AsyncBufRead + AsyncWrite + Unpin> Http1<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, head: Vec::new() }
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// The connection breaks or the answer is not the expected one.
    pub(crate) async fn ask(
        &mut self,
        request: &[u8],
        expected: Expected,
        seat: &Seat,
    ) -> Result<Persistence, Fault> {
        self.send(request).await?;
        self.receive(expected, seat).await
    }

    /// Sends bytes, all the way to the socket.
    ///
    /// # Errors
    /// The connection breaks.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads one answer; each piece of its body counts as moved.
    ///
    /// # Errors
    /// The connection breaks or the answer is not the expected one.
    pub(crate) async fn receive(&mut self, expected: Expected, seat: &Seat) -> Result<Persistence, Fault> {
        let head = self.read_head().await?;
        head.expect_status(expected.status)?;
        let length = head.length.ok_or(Fault::Wrong("the answer does not tell its length"))?;
        if let Length::Exactly(right) = expected.length
            && right != length
        {
            return Err(Fault::Length { expected: right, got: length });
        }
        self.drain(length, seat).await?;
        Ok(head.persistence)
    }

    /// Asks for the WebSocket protocol and hands over the raw stream.
    ///
    /// # Errors
    /// The connection breaks, or the server does not switch as RFC 6455 section 4.1 wants.
    pub(crate) async fn upgrade(mut self, request: &[u8], accept: &str) -> Result<S, Fault> {
        self.send(request).await?;
        let head = self.read_head().await?;
        head.expect_status(101)?;
        if head.websocket_accept.as_deref() != Some(accept.as_bytes()) {
            return Err(Fault::Wrong("the answer to the WebSocket key is wrong or missing"));
        }
        Ok(self.stream)
    }

    /// Waits until the server ends the connection; how it does so is its own business.
    pub(crate) async fn closed(mut self) {
        while let Ok(rest) = self.stream.fill_buf().await {
            let length = rest.len();
            if length == 0 {
                return;
            }
            self.stream.consume(length);
        }
    }

    async fn read_head(&mut self) -> Result<Head, Fault> {
        self.head.clear();
        loop {
            let arrived = self.stream.fill_buf().await?;
            let (before, now) = (self.head.len(), arrived.len());
            if now == 0 {
                return Err(Fault::Closed);
            }
            self.head.extend_from_slice(arrived);
            if let Some((head, length)) = Head::parse(&self.head)? {
                self.stream.consume(length - before);
                return Ok(head);
            }
            if self.head.len() > LONGEST_HEAD {
                return Err(Fault::Wrong("the answer's head does not end"));
            }
            self.stream.consume(now);
        }
    }

    async fn drain(&mut self, length: u64, seat: &Seat) -> Result<(), Fault> {
        let mut left = length;
        while left > 0 {
            let arrived = self.stream.fill_buf().await?.len();
            if arrived == 0 {
                return Err(Fault::Length { expected: length, got: length - left });
            }
            let taken = arrived.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.stream.consume(taken);
            seat.moved(taken);
            left -= taken as u64;
        }
        Ok(())
    }
}

impl Head {
    /// The head at the start of `bytes` and its length, once it is complete.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(parsed) = response.parse(bytes) else {
            return Err(Fault::Wrong("the answer is not HTTP/1.1"));
        };
        let httparse::Status::Complete(length) = parsed else {
            return Ok(None);
        };
        let status = response.code.ok_or(Fault::Wrong("the answer has no status"))?;
        let mut head = Self { status, length: None, persistence: Persistence::KeepAlive, websocket_accept: None };
        for header in response.headers {
            head.note(header)?;
        }
        Ok(Some((head, length)))
    }

    fn note(&mut self, header: &httparse::Header<'_>) -> Result<(), Fault> {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = str::from_utf8(header.value).unwrap_or_default();
            self.length = Some(text.parse().map_err(|_| Fault::Wrong("the content-length is not a number"))?);
        } else if header.name.eq_ignore_ascii_case("connection") && header.value.eq_ignore_ascii_case(b"close") {
            self.persistence = Persistence::Close;
        } else if header.name.eq_ignore_ascii_case("sec-websocket-accept") {
            self.websocket_accept = Some(header.value.to_vec());
        }
        Ok(())
    }

    fn expect_status(&self, expected: u16) -> Result<(), Fault> {
        if self.status == expected { Ok(()) } else { Err(Fault::Status { expected, got: self.status }) }
    }
}

impl Client for KeepAlive {
    type Connection = Http1<Secure>;

    async fn open(&self) -> Result<Http1<Secure>, Fault> {
        Ok(Http1::new(self.dialer.connect().await?))
    }

    async fn run(&self, mut connection: Self::Connection, seat: &Rc<Seat>) -> Result<(), Fault> {
        repeat(&mut connection, &self.request, self.expected, seat).await
    }
}

impl Client for PlainKeepAlive {
    type Connection = Http1<Plain>;

    async fn open(&self) -> Result<Http1<Plain>, Fault> {
        Ok(Http1::new(connect_plain(self.address, BUFFER).await?))
    }

    async fn run(&self, mut connection: Self::Connection, seat: &Rc<Seat>) -> Result<(), Fault> {
        repeat(&mut connection, &self.request, self.expected, seat).await
    }
}

/// Asks until the server says that the connection ends, which nginx does after 1,000 requests
/// unless told otherwise; that is no error.
async fn repeat<S: AsyncBufRead + AsyncWrite + Unpin>(
    connection: &mut Http1<S>,
    request: &[u8],
    expected: Expected,
    seat: &Seat,
) -> Result<(), Fault> {
    loop {
        let started = Instant::now();
        let persistence = connection.ask(request, expected, seat).await?;
        seat.completed(started);
        if persistence == Persistence::Close {
            return Ok(());
        }
    }
}

/// Bytes to read at once where answers are small.
pub(crate) const BUFFER: usize = 16 * 1024;

const LONGEST_HEAD: usize = 64 * 1024;
