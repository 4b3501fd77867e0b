//! WebSockets of the upstream: echo and broadcast.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use crate::frame::{ACCEPT, ClientFrame, Opcode};

/// The latest broadcast message, as a frame.
#[derive(Debug)]
pub(super) struct Broadcasts(watch::Sender<Vec<u8>>);

impl Broadcasts {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }
}

/// Echoes every message until the client closes.
///
/// # Errors
/// Reading or writing fails, or a frame is unsupported.
pub(super) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S, early: &[u8]) -> io::Result<()> {
    let mut socket = Socket::accept(stream, early).await?;
    let mut received = Vec::new();
    loop {
        let state = socket.take_messages(&mut received)?;
        socket.stream.write_all(&received).await?;
        received.clear();
        if state == SocketState::Closed || socket.read().await? == 0 {
            return socket.stream.shutdown().await;
        }
    }
}

/// Sends every received message to all broadcast WebSockets.
///
/// # Errors
/// Reading or writing fails, or a frame is unsupported.
pub(super) async fn broadcast<S>(stream: S, early: &[u8], broadcasts: &Broadcasts) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Subscribes before the 101 response, so that the client misses no message after it.
    let mut messages = broadcasts.0.subscribe();
    let mut socket = Socket::accept(stream, early).await?;
    loop {
        tokio::select! {
            changed = messages.changed() => {
                changed.map_err(io::Error::other)?;
                let message = messages.borrow_and_update().clone();
                socket.stream.write_all(&message).await?;
            }
            length = socket.read() => {
                let mut message = Vec::new();
                if length? == 0 || socket.take_messages(&mut message)? == SocketState::Closed {
                    return socket.stream.shutdown().await;
                }
                if !message.is_empty() {
                    broadcasts.0.send_replace(message);
                }
            }
        }
    }
}

/// A WebSocket and its incomplete frames.
struct Socket<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// Whether a close frame was received.
#[derive(Debug, PartialEq, Eq)]
enum SocketState {
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

    /// Moves all complete messages from the buffer to `out`, framed as a server sends them.
    fn take_messages(&mut self, out: &mut Vec<u8>) -> io::Result<SocketState> {
        let mut taken = 0;
        let mut state = SocketState::Open;
        while let Some(frame) = ClientFrame::parse(&self.buffer[taken..]).map_err(io::Error::other)? {
            frame.echo_to(out);
            taken += frame.length;
            if frame.opcode == Opcode::Close {
                state = SocketState::Closed;
            }
        }
        self.buffer.drain(..taken);
        Ok(state)
    }
}

const BUFFER: usize = 1024;
