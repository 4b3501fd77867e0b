//! The application's WebSockets: echo, and messages to everyone.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::frame::{ACCEPT, ClientFrame, Opcode};

/// The latest message that goes to all listeners, as the frame to send.
#[derive(Debug)]
pub(super) struct Broadcasts(watch::Sender<Vec<u8>>);

impl Broadcasts {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

/// Sends every message back until the client closes.
///
/// # Errors
/// The connection breaks or carries an unknown frame.
pub(super) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S, early: &[u8]) -> io::Result<()> {
    let mut socket = Socket::accept(stream, early).await?;
    let mut answer = Vec::new();
    loop {
        let end = socket.take_messages(&mut answer)?;
        socket.stream.write_all(&answer).await?;
        answer.clear();
        if end == End::Closed || socket.read().await? == 0 {
            return socket.stream.shutdown().await;
        }
    }
}

/// Sends every message that arrives here to all sockets like this one.
///
/// # Errors
/// The connection breaks or carries an unknown frame.
pub(super) async fn broadcast<S>(stream: S, early: &[u8], broadcasts: &Broadcasts) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Before the client knows that it listens, so that no message is missed.
    let mut messages = broadcasts.0.subscribe();
    let mut socket = Socket::accept(stream, early).await?;
    loop {
        tokio::select! {
            changed = messages.changed() => {
                changed.map_err(io::Error::other)?;
                let message = messages.borrow_and_update().clone();
                socket.stream.write_all(&message).await?;
            }
            arrived = socket.read() => {
                let mut message = Vec::new();
                if arrived? == 0 || socket.take_messages(&mut message)? == End::Closed {
                    return socket.stream.shutdown().await;
                }
                if !message.is_empty() {
                    broadcasts.0.send_replace(message);
                }
            }
        }
    }
}

/// A WebSocket with what has arrived but is not a whole frame yet.
struct Socket<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// Whether more messages may come.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    async fn accept(mut stream: S, early: &[u8]) -> io::Result<Self> {
        let switch = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
        );
        stream.write_all(switch.as_bytes()).await?;
        Ok(Self { stream, buffer: early.to_vec() })
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(BUFFER);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// Moves all whole messages out of the buffer and into `out`, as a server sends them.
    fn take_messages(&mut self, out: &mut Vec<u8>) -> io::Result<End> {
        let mut taken = 0;
        let mut end = End::Open;
        while let Some(frame) = ClientFrame::parse(&self.buffer[taken..]).map_err(io::Error::other)? {
            frame.echo_to(out);
            taken += frame.length;
            if frame.opcode == Opcode::Close {
                end = End::Closed;
            }
        }
        self.buffer.drain(..taken);
        Ok(end)
    }
}

const BUFFER: usize = 1024;
