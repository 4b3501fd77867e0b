//! WebSockets as a client (RFC 6455): echoes under load, at a pace, opening, and idle.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval};

use super::Client;
use super::connection::{Dialer, Secure};
use super::fault::Fault;
use super::http1::Http1;
use crate::frame::{ACCEPT, KEY, Opcode, frame_from_client, frame_from_server};
use crate::meter::Seat;
use crate::site::HOST;

/// Opens WebSockets at one path and exchanges one message with them.
pub(crate) struct Endpoint {
    dialer: Dialer,
    upgrade: Vec<u8>,
    message: Vec<u8>,
    echo: Vec<u8>,
}

/// Sends the next message as soon as the last one is back.
pub(crate) struct Echo(pub(crate) Endpoint);

/// Sends messages at a steady rate, whether or not the last one is back.
pub(crate) struct Paced {
    pub(crate) endpoint: Endpoint,
    pub(crate) period: Duration,
}

/// Opens a socket, exchanges one message, closes, and starts over.
pub(crate) struct Open(pub(crate) Endpoint);

/// Opens a socket, exchanges one message, and stays silent.
pub(crate) struct Idle(pub(crate) Endpoint);

impl Endpoint {
    /// Sockets at `path` with messages of `length` bytes.
    pub(crate) fn new(dialer: Dialer, path: &str, length: usize) -> Self {
        let payload: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Origin: https://{HOST}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        Self {
            dialer,
            upgrade: upgrade.into_bytes(),
            message: frame_from_client(Opcode::Text, &payload),
            echo: frame_from_server(Opcode::Text, &payload),
        }
    }

    /// Connects, completes the TLS handshake and switches protocols.
    ///
    /// # Errors
    /// Any of them fails.
    pub(crate) async fn open(&self) -> Result<Secure, Fault> {
        Http1::new(self.dialer.connect().await?).upgrade(&self.upgrade, ACCEPT).await
    }

    /// Sends the message.
    ///
    /// # Errors
    /// The connection breaks.
    pub(crate) async fn send(&self, socket: &mut Secure) -> Result<(), Fault> {
        socket.write_all(&self.message).await?;
        Ok(socket.flush().await?)
    }

    /// Waits for the message to come back, using `answer` as space.
    ///
    /// # Errors
    /// The connection breaks, or something else comes.
    pub(crate) async fn receive(&self, socket: &mut Secure, answer: &mut Vec<u8>) -> Result<(), Fault> {
        answer.resize(self.echo.len(), 0);
        socket.read_exact(answer).await?;
        if *answer == self.echo { Ok(()) } else { Err(Fault::Wrong("a message came back changed")) }
    }

    async fn exchange(&self, socket: &mut Secure, answer: &mut Vec<u8>) -> Result<(), Fault> {
        self.send(socket).await?;
        self.receive(socket, answer).await
    }
}

impl Client for Echo {
    type Connection = Secure;

    async fn open(&self) -> Result<Secure, Fault> {
        self.0.open().await
    }

    async fn run(&self, mut socket: Secure, seat: &Rc<Seat>) -> Result<(), Fault> {
        let mut answer = Vec::new();
        loop {
            let started = Instant::now();
            self.0.exchange(&mut socket, &mut answer).await?;
            seat.completed(started);
        }
    }
}

impl Client for Paced {
    type Connection = Secure;

    async fn open(&self) -> Result<Secure, Fault> {
        self.endpoint.open().await
    }

    /// Measures from the moment a message was due: a delay of one delays those behind it, and a
    /// person would wait for all of them.
    async fn run(&self, mut socket: Secure, seat: &Rc<Seat>) -> Result<(), Fault> {
        let mut answer = Vec::new();
        let mut ticks = interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let due = ticks.tick().await.into_std();
            self.endpoint.exchange(&mut socket, &mut answer).await?;
            seat.completed(due);
        }
    }
}

impl Client for Open {
    type Connection = ();

    async fn open(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn run(&self, (): (), seat: &Rc<Seat>) -> Result<(), Fault> {
        let started = Instant::now();
        let mut socket = self.0.open().await?;
        self.0.exchange(&mut socket, &mut Vec::new()).await?;
        seat.completed(started);
        socket.write_all(&frame_from_client(Opcode::Close, &[])).await?;
        socket.flush().await?;
        Http1::new(socket).closed().await;
        Ok(())
    }
}

impl Client for Idle {
    type Connection = Secure;

    async fn open(&self) -> Result<Secure, Fault> {
        let mut socket = self.0.open().await?;
        self.0.exchange(&mut socket, &mut Vec::new()).await?;
        Ok(socket)
    }

    async fn run(&self, mut socket: Secure, _seat: &Rc<Seat>) -> Result<(), Fault> {
        let mut nothing = [0; 1];
        let _ = socket.read(&mut nothing).await?;
        Err(Fault::Wrong("an idle tunnel did not stay open and silent"))
    }
}
