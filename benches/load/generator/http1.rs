//! HTTP/1.1 client: one request at a time, checks every response.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use super::client::Client;
use super::connection::{Connector, PlainConnection, TlsConnection, connect_plain};
use super::error::ClientError;
use crate::meter::ClientCounter;

/// An HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Http1<S> {
    stream: S,
    head: Vec<u8>,
}

/// The expected response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) length: Length,
}

/// The expected body length.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Length {
    Exactly(u64),
    /// Any length, for bodies that the proxy generates.
    Any,
}

/// Whether the server keeps the connection open after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    KeepAlive,
    Close,
}

/// The checked parts of a response head.
#[derive(Debug)]
struct Head {
    status: u16,
    length: Option<u64>,
    persistence: Persistence,
    websocket_accept: Option<Vec<u8>>,
}

/// Sends the same request repeatedly over TLS.
pub(crate) struct KeepAlive {
    pub(crate) connector: Connector,
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Sends the same request repeatedly without TLS.
pub(crate) struct PlainKeepAlive {
    pub(crate) address: SocketAddr,
    pub(crate) request: Vec<u8>,
    pub(crate) expected: Expected,
}

impl<S: AsyncBufRead + AsyncWrite + Unpin> Http1<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, head: Vec::new() }
    }

    /// Sends `request` and reads the whole response.
    ///
    /// # Errors
    /// The connection fails or the response is not the expected one.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        expected: Expected,
        counter: &ClientCounter,
    ) -> Result<Persistence, ClientError> {
        self.send(request).await?;
        self.receive(expected, counter).await
    }

    /// Writes bytes and flushes them to the socket.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Reads one response and records the bytes of its body.
    ///
    /// # Errors
    /// The connection fails or the response is not the expected one.
    pub(crate) async fn receive(
        &mut self,
        expected: Expected,
        counter: &ClientCounter,
    ) -> Result<Persistence, ClientError> {
        let head = self.read_head().await?;
        head.expect_status(expected.status)?;
        let length = head.length.ok_or(ClientError::Protocol("the response has no content-length"))?;
        if let Length::Exactly(expected) = expected.length
            && expected != length
        {
            return Err(ClientError::Length { expected, got: length });
        }
        self.drain(length, counter).await?;
        Ok(head.persistence)
    }

    /// Upgrades to WebSocket and returns the stream.
    ///
    /// # Errors
    /// The connection fails, or the response violates RFC 6455 section 4.1.
    pub(crate) async fn upgrade(mut self, request: &[u8], accept: &str) -> Result<S, ClientError> {
        self.send(request).await?;
        let head = self.read_head().await?;
        head.expect_status(101)?;
        if head.websocket_accept.as_deref() != Some(accept.as_bytes()) {
            return Err(ClientError::Protocol("Sec-WebSocket-Accept is wrong or missing"));
        }
        Ok(self.stream)
    }

    /// Reads until the server closes the connection, with or without an error.
    pub(crate) async fn wait_for_close(mut self) {
        while let Ok(rest) = self.stream.fill_buf().await {
            let length = rest.len();
            if length == 0 {
                return;
            }
            self.stream.consume(length);
        }
    }

    async fn read_head(&mut self) -> Result<Head, ClientError> {
        self.head.clear();
        loop {
            let input = self.stream.fill_buf().await?;
            let (before, added) = (self.head.len(), input.len());
            if added == 0 {
                return Err(ClientError::Closed);
            }
            self.head.extend_from_slice(input);
            if let Some((head, length)) = Head::parse(&self.head)? {
                self.stream.consume(length - before);
                return Ok(head);
            }
            if self.head.len() > MAX_HEAD {
                return Err(ClientError::Protocol("response head too large"));
            }
            self.stream.consume(added);
        }
    }

    async fn drain(&mut self, length: u64, counter: &ClientCounter) -> Result<(), ClientError> {
        let mut remaining = length;
        while remaining > 0 {
            let input = self.stream.fill_buf().await?.len();
            if input == 0 {
                return Err(ClientError::Length { expected: length, got: length - remaining });
            }
            let taken = input.min(usize::try_from(remaining).unwrap_or(usize::MAX));
            self.stream.consume(taken);
            counter.transferred(taken);
            remaining -= taken as u64;
        }
        Ok(())
    }
}

impl Head {
    /// Parses the head at the start of `bytes` and returns it with its length. Returns `None` if it is incomplete.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ClientError> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(parsed) = response.parse(bytes) else {
            return Err(ClientError::Protocol("the response is not HTTP/1.1"));
        };
        let httparse::Status::Complete(length) = parsed else {
            return Ok(None);
        };
        let status = response.code.ok_or(ClientError::Protocol("the response has no status"))?;
        let mut head = Self { status, length: None, persistence: Persistence::KeepAlive, websocket_accept: None };
        for header in response.headers {
            head.record_header(header)?;
        }
        Ok(Some((head, length)))
    }

    fn record_header(&mut self, header: &httparse::Header<'_>) -> Result<(), ClientError> {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = str::from_utf8(header.value).unwrap_or_default();
            self.length =
                Some(text.parse().map_err(|_| ClientError::Protocol("the content-length is not a number"))?);
        } else if header.name.eq_ignore_ascii_case("connection") && header.value.eq_ignore_ascii_case(b"close") {
            self.persistence = Persistence::Close;
        } else if header.name.eq_ignore_ascii_case("sec-websocket-accept") {
            self.websocket_accept = Some(header.value.to_vec());
        }
        Ok(())
    }

    fn expect_status(&self, expected: u16) -> Result<(), ClientError> {
        if self.status == expected { Ok(()) } else { Err(ClientError::Status { expected, got: self.status }) }
    }
}

impl Client for KeepAlive {
    type Connection = Http1<TlsConnection>;

    async fn open(&self) -> Result<Http1<TlsConnection>, ClientError> {
        Ok(Http1::new(self.connector.connect().await?))
    }

    async fn run(&self, mut connection: Self::Connection, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        repeat(&mut connection, &self.request, self.expected, counter).await
    }
}

impl Client for PlainKeepAlive {
    type Connection = Http1<PlainConnection>;

    async fn open(&self) -> Result<Http1<PlainConnection>, ClientError> {
        Ok(Http1::new(connect_plain(self.address, BUFFER).await?))
    }

    async fn run(&self, mut connection: Self::Connection, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        repeat(&mut connection, &self.request, self.expected, counter).await
    }
}

/// Repeats the request until a response has `Connection: close`. That is not an error: nginx closes after 1,000
/// requests by default (`keepalive_requests`).
async fn repeat<S: AsyncBufRead + AsyncWrite + Unpin>(
    connection: &mut Http1<S>,
    request: &[u8],
    expected: Expected,
    counter: &ClientCounter,
) -> Result<(), ClientError> {
    loop {
        let started = Instant::now();
        let persistence = connection.exchange(request, expected, counter).await?;
        counter.completed(started);
        if persistence == Persistence::Close {
            return Ok(());
        }
    }
}

/// Read buffer for small responses.
pub(crate) const BUFFER: usize = 16 * 1024;

const MAX_HEAD: usize = 64 * 1024;
