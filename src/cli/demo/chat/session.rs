//! One WebSocket of the chat, from the welcome to the goodbye.

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

/// Why a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// The other side said goodbye, and the goodbye is returned.
    Left,
    /// The connection is of no more use; nothing can be said on it.
    Lost,
    /// A message was longer than [`MAX_MESSAGE`].
    TooLong,
    /// A message was not what the page sends.
    Malformed,
    /// The reader fell too far behind.
    Timeout,
}

/// A WebSocket with its place in the room.
struct ChatSession<'a, S> {
    socket: WebSocketStream<S>,
    heard: broadcast::Receiver<Utf8Bytes>,
    room: &'a ChatRoom,
}

/// Takes part in the chat until one side has enough.
pub(super) async fn hold<S>(stream: S, room: &ChatRoom)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits())).await;
    let (welcome, heard) = room.join();
    room.announce_presence();
    let mut conversation = ChatSession { socket, heard, room };
    let Err(ending) = conversation.talk(welcome).await;
    conversation.end(ending).await;
}

impl SessionEnd {
    fn close_frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            SessionEnd::Left | SessionEnd::Lost => return None,
            SessionEnd::TooLong => (CloseCode::Size, "a message can have 4096 bytes"),
            SessionEnd::Malformed => (CloseCode::Policy, "a message is a JSON object with a name and a text"),
            SessionEnd::Timeout => (CloseCode::Again, "too many messages were waiting to be read"),
        };
        Some(CloseFrame { code, reason: reason.into() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ChatSession<'_, S> {
    async fn talk(&mut self, welcome: Utf8Bytes) -> Result<Infallible, SessionEnd> {
        self.send(Message::Text(welcome)).await?;
        let mut beat = interval_at(Instant::now() + PING_PACE, PING_PACE);
        let mut alive = true;
        loop {
            tokio::select! {
                message = self.socket.next() => {
                    alive = true;
                    listen(message, self.room)?;
                }
                news = self.heard.recv() => {
                    self.send(Message::Text(news.map_err(|_| SessionEnd::Timeout)?)).await?;
                }
                _ = beat.tick() => {
                    // A living peer answered the ping before this one.
                    if !std::mem::replace(&mut alive, false) {
                        return Err(SessionEnd::Lost);
                    }
                    self.send(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    /// A reader that takes nothing for a while is dropped, so that it holds no memory and no seat.
    async fn send(&mut self, message: Message) -> Result<(), SessionEnd> {
        match timeout(WRITE_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SessionEnd::Lost),
        }
    }

    async fn end(self, ending: SessionEnd) {
        drop(self.heard);
        self.room.announce_presence();
        // The goodbye is a courtesy: a peer that does not take it in time is cut off.
        let _ = timeout(CLOSE_TIMEOUT, say_goodbye(self.socket, ending)).await;
    }
}

fn listen(message: Option<Result<Message, Error>>, room: &ChatRoom) -> Result<(), SessionEnd> {
    match message {
        Some(Ok(Message::Text(text))) => {
            room.post(ChatMessage::parse(&text).map_err(|_| SessionEnd::Malformed)?);
            Ok(())
        }
        // The library answers pings by itself.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
        Some(Ok(Message::Binary(_))) => Err(SessionEnd::Malformed),
        Some(Ok(Message::Close(_))) => Err(SessionEnd::Left),
        Some(Err(Error::Capacity(_))) => Err(SessionEnd::TooLong),
        Some(Err(_)) | None => Err(SessionEnd::Lost),
    }
}

/// Sends the close frame and ends our side, as the server has to do first, then reads and throws away
/// what the peer still sends: closing a socket with unread bytes resets the connection, and a reset
/// can overtake the frame (RFC 6455 section 7.1.1).
async fn say_goodbye<S>(mut socket: WebSocketStream<S>, ending: SessionEnd) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if ending == SessionEnd::Lost {
        return Ok(());
    }
    socket.close(ending.close_frame()).await?;
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

/// In bytes, with its JSON. The page's field admits less.
const MAX_MESSAGE: usize = 4096;

const PING_PACE: Duration = Duration::from_secs(30);

const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    type Client = WebSocketStream<DuplexStream>;

    /// A conversation over a pipe of `capacity` bytes, and its client.
    async fn start(room: &Arc<ChatRoom>, capacity: usize) -> (Client, JoinHandle<()>) {
        let (ours, theirs) = duplex(capacity);
        let room = Arc::clone(room);
        let conversation = tokio::spawn(async move { hold(ours, &room).await });
        (WebSocketStream::from_raw_socket(theirs, Role::Client, None).await, conversation)
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
    async fn a_peer_that_answers_no_ping_is_dropped_at_the_next_one() {
        let started = Instant::now();
        let (mut client, conversation) = start(&Arc::new(ChatRoom::new()), 65_536).await;
        conversation.await.expect("the conversation ends");
        assert_eq!(started.elapsed(), 2 * PING_PACE);
        let mut received = Vec::new();
        client.get_mut().read_to_end(&mut received).await.expect("the pipe closes");
        assert!(received.ends_with(&[0x89, 0]), "the ping is the last thing sent");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_stays_however_long() {
        let (mut client, conversation) = start(&Arc::new(ChatRoom::new()), 65_536).await;
        let reading = async { while client.next().await.is_some() {} };
        assert!(timeout(100 * PING_PACE, reading).await.is_err(), "the conversation still runs");
        assert!(!conversation.is_finished());
        drop(client);
        conversation.await.expect("the conversation ends with its connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_is_dropped() {
        let room = Arc::new(ChatRoom::new());
        let started = Instant::now();
        let (client, conversation) = start(&room, 16).await;
        conversation.await.expect("the conversation ends");
        assert_eq!(started.elapsed(), WRITE_TIMEOUT);
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_falls_behind_is_told_to_come_back() {
        let room = Arc::new(ChatRoom::new());
        let (mut client, conversation) = start(&room, 1024).await;
        client.next().await.expect("the welcome").expect("the welcome is whole");
        for _ in 0..1000 {
            room.post(ChatMessage::parse(r#"{"name":"Ada","text":"hi"}"#).expect("a remark"));
        }
        assert_eq!(close_code(&mut client).await, Some(CloseCode::Again));
        drop(client);
        conversation.await.expect("the conversation ends");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_page_would_not_send_ends_the_conversation() {
        for (message, code) in [
            (Message::text("not JSON"), CloseCode::Policy),
            (Message::binary(vec![0]), CloseCode::Policy),
            (Message::text("x".repeat(MAX_MESSAGE + 1)), CloseCode::Size),
        ] {
            let (mut client, conversation) = start(&Arc::new(ChatRoom::new()), 65_536).await;
            client.send(message).await.expect("the message leaves");
            assert_eq!(close_code(&mut client).await, Some(code));
            drop(client);
            conversation.await.expect("the conversation ends");
        }
    }
}
