//! WebSocket clients (RFC 6455): echo, paced echo, open and close, idle.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval_at};

use super::client::Client;
use super::connection::{Connector, TlsConnection};
use super::error::ClientError;
use super::http1::Http1;
use crate::environment::HOST;
use crate::frame::{ACCEPT, KEY, Opcode, client_frame, server_frame};
use crate::meter::ClientCounter;

/// Opens WebSockets at one path and exchanges one fixed message.
pub(crate) struct Endpoint {
    connector: Connector,
    upgrade: Vec<u8>,
    message: Vec<u8>,
    echo: Vec<u8>,
}

/// Sends the next message directly after each echo.
pub(crate) struct Echo(pub(crate) Endpoint);

/// Sends messages at a fixed rate.
pub(crate) struct Paced {
    endpoint: Endpoint,
    period: Duration,
    /// The delay between the first messages of consecutive sockets.
    stagger: Duration,
    started: Cell<u32>,
}

/// Repeatedly opens a socket, exchanges one message and closes.
pub(crate) struct Open(pub(crate) Endpoint);

/// Opens a socket, exchanges one message and stays idle.
pub(crate) struct Idle(pub(crate) Endpoint);

impl Endpoint {
    /// Creates an endpoint at `path` with messages of `length` bytes.
    pub(crate) fn new(connector: Connector, path: &str, length: usize) -> Self {
        let payload: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Origin: https://{HOST}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        Self {
            connector,
            upgrade: upgrade.into_bytes(),
            message: client_frame(Opcode::Text, &payload),
            echo: server_frame(Opcode::Text, &payload),
        }
    }

    /// Connects, completes the TLS handshake and upgrades.
    ///
    /// # Errors
    /// One of these steps fails.
    pub(crate) async fn open(&self) -> Result<TlsConnection, ClientError> {
        Http1::new(self.connector.connect().await?).upgrade(&self.upgrade, ACCEPT).await
    }

    /// Sends the message.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) async fn send(&self, socket: &mut TlsConnection) -> Result<(), ClientError> {
        socket.write_all(&self.message).await?;
        Ok(socket.flush().await?)
    }

    /// Reads the echo of the message into `received`.
    ///
    /// # Errors
    /// Reading fails, or the bytes differ from the expected frame.
    pub(crate) async fn receive(
        &self,
        socket: &mut TlsConnection,
        received: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        received.resize(self.echo.len(), 0);
        socket.read_exact(received).await?;
        if *received == self.echo {
            Ok(())
        } else {
            Err(ClientError::Protocol("the echo differs from the message"))
        }
    }

    async fn exchange(&self, socket: &mut TlsConnection, received: &mut Vec<u8>) -> Result<(), ClientError> {
        self.send(socket).await?;
        self.receive(socket, received).await
    }
}

impl Client for Echo {
    type Connection = TlsConnection;

    async fn open(&self) -> Result<TlsConnection, ClientError> {
        self.0.open().await
    }

    async fn run(&self, mut socket: TlsConnection, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        let mut received = Vec::new();
        loop {
            let started = Instant::now();
            self.0.exchange(&mut socket, &mut received).await?;
            counter.completed(started);
        }
    }
}

impl Paced {
    /// Creates a load of `sockets` sockets, each sending once per `period`, evenly staggered.
    pub(crate) fn new(endpoint: Endpoint, period: Duration, sockets: usize) -> Self {
        let stagger = period / u32::try_from(sockets).unwrap_or(u32::MAX).max(1);
        Self { endpoint, period, stagger, started: Cell::new(0) }
    }

    /// Returns the time of the first message of the next socket.
    fn next_start(&self) -> Instant {
        let before = self.started.get();
        self.started.set(before.wrapping_add(1));
        Instant::now() + (self.stagger * before).min(self.period)
    }
}

impl Client for Paced {
    type Connection = TlsConnection;

    async fn open(&self) -> Result<TlsConnection, ClientError> {
        self.endpoint.open().await
    }

    /// Measures from the scheduled time of a message. The latency thus includes the delay caused by earlier
    /// messages (no coordinated omission).
    async fn run(&self, mut socket: TlsConnection, counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        let mut received = Vec::new();
        let mut ticks = interval_at(self.next_start().into(), self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let due = ticks.tick().await.into_std();
            self.endpoint.exchange(&mut socket, &mut received).await?;
            counter.completed(due);
        }
    }
}

impl Client for Open {
    type Connection = ();

    async fn open(&self) -> Result<(), ClientError> {
        Ok(())
    }

    async fn run(&self, (): (), counter: &Rc<ClientCounter>) -> Result<(), ClientError> {
        let started = Instant::now();
        let mut socket = self.0.open().await?;
        self.0.exchange(&mut socket, &mut Vec::new()).await?;
        counter.completed(started);
        socket.write_all(&client_frame(Opcode::Close, &[])).await?;
        socket.flush().await?;
        Http1::new(socket).wait_for_close().await;
        Ok(())
    }
}

impl Client for Idle {
    type Connection = TlsConnection;

    async fn open(&self) -> Result<TlsConnection, ClientError> {
        let mut socket = self.0.open().await?;
        self.0.exchange(&mut socket, &mut Vec::new()).await?;
        Ok(socket)
    }

    async fn run(&self, mut socket: TlsConnection, _seat: &Rc<ClientCounter>) -> Result<(), ClientError> {
        let mut byte = [0; 1];
        let _ = socket.read(&mut byte).await?;
        Err(ClientError::Protocol("an idle tunnel was closed or received data"))
    }
}
