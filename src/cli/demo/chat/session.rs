//! One chat WebSocket from accept to close frame.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::broadcast;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::room::{ChatMessage, ChatRoom};

/// Why a chat session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// The client sent a close frame, which is returned.
    Closed,
    /// The connection failed or timed out; no close frame can be sent.
    Disconnected,
    /// A message was longer than [`MAX_MESSAGE`].
    MessageTooLong,
    /// A message was invalid.
    InvalidMessage,
    /// The client read too slowly and missed messages.
    Lagged,
}

/// One chat WebSocket.
struct ChatSession<'a, S> {
    socket: WebSocketStream<S>,
    messages: broadcast::Receiver<Utf8Bytes>,
    room: &'a ChatRoom,
}

/// Serves a WebSocket until one side closes it.
pub(super) async fn run<S>(stream: S, room: &ChatRoom)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits())).await;
    let (welcome, messages) = room.join();
    room.announce_presence();
    let mut session = ChatSession { socket, messages, room };
    let Err(end) = session.serve(welcome).await;
    session.end(end).await;
}

impl SessionEnd {
    fn close_frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            SessionEnd::Closed | SessionEnd::Disconnected => return None,
            SessionEnd::MessageTooLong => (CloseCode::Size, "a message is limited to 4096 bytes"),
            SessionEnd::InvalidMessage => (CloseCode::Policy, "a message is a JSON object with a name and a text"),
            SessionEnd::Lagged => (CloseCode::Again, "too many unread messages"),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ChatSession<'_, S> {
    async fn serve(&mut self, welcome: Utf8Bytes) -> Result<Infallible, SessionEnd> {
        self.send(Message::Text(welcome)).await?;
        let mut ping_timer = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        let mut alive = true;
        loop {
            tokio::select! {
                message = self.socket.next() => {
                    alive = true;
                    on_message(message, self.room)?;
                }
                message = self.messages.recv() => {
                    self.send(Message::Text(message.map_err(|_| SessionEnd::Lagged)?)).await?;
                }
                _ = ping_timer.tick() => {
                    // A live peer has responded to the previous ping.
                    if !std::mem::replace(&mut alive, false) {
                        return Err(SessionEnd::Disconnected);
                    }
                    self.send(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    /// Sends a message. A peer that reads nothing for 10 s is disconnected, so that it occupies no memory and no
    /// permit.
    async fn send(&mut self, message: Message) -> Result<(), SessionEnd> {
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SessionEnd::Disconnected),
        }
    }

    async fn end(self, end: SessionEnd) {
        drop(self.messages);
        self.room.announce_presence();
        // A peer that does not close in time is disconnected.
        let _ = timeout(CLOSE_TIMEOUT, close(self.socket, end)).await;
    }
}

fn on_message(message: Option<Result<Message, Error>>, room: &ChatRoom) -> Result<(), SessionEnd> {
    match message {
        Some(Ok(Message::Text(text))) => {
            room.post(ChatMessage::parse(&text).map_err(|_| SessionEnd::InvalidMessage)?);
            Ok(())
        }
        // tungstenite responds to pings.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
        Some(Ok(Message::Binary(_))) => Err(SessionEnd::InvalidMessage),
        Some(Ok(Message::Close(_))) => Err(SessionEnd::Closed),
        Some(Err(Error::Capacity(_))) => Err(SessionEnd::MessageTooLong),
        Some(Err(_)) | None => Err(SessionEnd::Disconnected),
    }
}

/// Sends the close frame and shuts down writing, which the server does first (RFC 6455 section 7.1.1). Then reads
/// and discards the remaining bytes of the peer: closing a socket with unread bytes resets the connection, and a
/// reset can overtake the frame.
async fn close<S>(mut socket: WebSocketStream<S>, end: SessionEnd) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if end == SessionEnd::Disconnected {
        return Ok(());
    }
    socket.close(end.close_frame()).await?;
    let stream = socket.get_mut();
    stream.shutdown().await?;
    tokio::io::copy(stream, &mut tokio::io::sink()).await?;
    Ok(())
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Bytes of a message with its JSON. The input field of the page is limited to 1000 characters.
const MAX_MESSAGE: usize = 4096;

const PING_INTERVAL: Duration = Duration::from_secs(30);

const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    type Client = WebSocketStream<DuplexStream>;

    /// Starts a session over a pipe of `capacity` bytes, and returns its client.
    async fn start(room: &Arc<ChatRoom>, capacity: usize) -> (Client, JoinHandle<()>) {
        let (server, client) = duplex(capacity);
        let room = Arc::clone(room);
        let session = tokio::spawn(async move { run(server, &room).await });
        (WebSocketStream::from_raw_socket(client, Role::Client, None).await, session)
    }

    async fn close_code(client: &mut Client) -> Option<CloseCode> {
        while let Some(Ok(message)) = client.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code);
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_without_a_pong_is_disconnected_at_the_next_ping() {
        let started = Instant::now();
        let (mut client, session) = start(&Arc::new(ChatRoom::new()), 65_536).await;
        session.await.expect("the session ends");
        assert_eq!(started.elapsed(), 2 * PING_INTERVAL);
        let mut received = Vec::new();
        client.get_mut().read_to_end(&mut received).await.expect("the pipe closes");
        assert!(received.ends_with(&[0x89, 0]), "the ping is the last thing sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_stays_connected() {
        let (mut client, session) = start(&Arc::new(ChatRoom::new()), 65_536).await;
        let reading = async { while client.next().await.is_some() {} };
        assert!(timeout(100 * PING_INTERVAL, reading).await.is_err(), "the session still runs");
        assert!(!session.is_finished());
        drop(client);
        session.await.expect("the session ends with its connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_disconnected() {
        let room = Arc::new(ChatRoom::new());
        let started = Instant::now();
        let (client, session) = start(&room, 16).await;
        session.await.expect("the session ends");
        assert_eq!(started.elapsed(), WRITE_TIMEOUT);
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lagging_reader_receives_close_code_1013() {
        let room = Arc::new(ChatRoom::new());
        let (mut client, session) = start(&room, 1024).await;
        client.next().await.expect("the welcome").expect("the welcome is whole");
        for _ in 0..1000 {
            room.post(ChatMessage::parse(r#"{"name":"Ada","text":"hi"}"#).expect("a message"));
        }
        assert_eq!(close_code(&mut client).await, Some(CloseCode::Again));
        drop(client);
        session.await.expect("the session ends");
    }

    #[tokio::test(start_paused = true)]
    async fn invalid_messages_close_the_session() {
        for (message, code) in [
            (Message::text("not JSON"), CloseCode::Policy),
            (Message::binary(vec![0]), CloseCode::Policy),
            (Message::text("x".repeat(MAX_MESSAGE + 1)), CloseCode::Size),
        ] {
            let (mut client, session) = start(&Arc::new(ChatRoom::new()), 65_536).await;
            client.send(message).await.expect("the message leaves");
            assert_eq!(close_code(&mut client).await, Some(code));
            drop(client);
            session.await.expect("the session ends");
        }
    }
}
