//! What everybody in the chat shares: the last messages and the line they are spoken on.
//!
//! Messages to the page are JSON objects with one member that says what they are:
//! `{"welcome": {"history": [SAID, …], "online": 2}}`, `{"said": SAID}` or `{"online": 3}`, where SAID is
//! `{"name": "Ada", "text": "Hello", "at": 1767225600000}`. The page sends `{"name": …, "text": …}`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The one room of the chat.
pub(super) struct ChatRoom {
    history: Mutex<VecDeque<HistoryEntry>>,
    /// Holds a bounded number of messages for all readers together; one that falls further behind is
    /// told so by its receiver.
    line: broadcast::Sender<Utf8Bytes>,
}

/// What somebody wants to say: a name and a text, neither empty, without space around them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChatMessage {
    name: String,
    text: String,
}

/// The message was not what the page sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidChatMessage;

/// A remark at its place in the history.
#[derive(Serialize)]
struct HistoryEntry {
    name: String,
    text: String,
    /// Milliseconds since 1970. Later messages have larger values, so this also tells them apart.
    at: u64,
}

impl ChatRoom {
    pub(super) fn new() -> ChatRoom {
        ChatRoom { history: Mutex::default(), line: broadcast::Sender::new(LINE_LENGTH) }
    }

    /// Lets somebody in: what to send them first, and where to hear everything after it. Nothing is
    /// lost or doubled between the two, because both are taken under the lock of the history.
    pub(super) fn join(&self) -> (Utf8Bytes, broadcast::Receiver<Utf8Bytes>) {
        let history = self.history();
        let heard = self.line.subscribe();
        let welcome = json!({ "welcome": { "history": &*history, "online": self.line.receiver_count() } });
        (welcome.to_string().into(), heard)
    }

    /// Tells everybody how many listen. To be called after each coming and going.
    pub(super) fn announce_presence(&self) {
        self.tell(&json!({ "online": self.line.receiver_count() }));
    }

    /// Remembers a remark and tells it to everybody, the speaker included.
    pub(super) fn post(&self, remark: ChatMessage) {
        let mut history = self.history();
        let at = now().max(history.back().map_or(0, |last| last.at + 1));
        let said = HistoryEntry { name: remark.name, text: remark.text, at };
        self.tell(&json!({ "said": &said }));
        if history.len() == REMEMBERED {
            history.pop_front();
        }
        history.push_back(said);
    }

    fn tell(&self, message: &serde_json::Value) {
        // Fails when nobody listens, and then nobody misses it.
        let _ = self.line.send(message.to_string().into());
    }

    /// A panic elsewhere cannot leave half a message behind, so a poisoned lock is as good as any.
    fn history(&self) -> MutexGuard<'_, VecDeque<HistoryEntry>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatMessage {
    pub(super) fn parse(message: &str) -> Result<ChatMessage, InvalidChatMessage> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Sent<'a> {
            name: std::borrow::Cow<'a, str>,
            text: std::borrow::Cow<'a, str>,
        }
        let sent: Sent<'_> = serde_json::from_str(message).map_err(|_| InvalidChatMessage)?;
        let (name, text) = (sent.name.trim(), sent.text.trim());
        if name.is_empty() || text.is_empty() || name.chars().count() > MAX_NAME {
            return Err(InvalidChatMessage);
        }
        Ok(ChatMessage { name: name.to_owned(), text: text.to_owned() })
    }
}

/// A clock before 1970 gives 0; the order of messages holds all the same.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// How many messages a newcomer sees.
const REMEMBERED: usize = 50;

/// How many messages a reader may fall behind.
const LINE_LENGTH: usize = 256;

/// In characters. The page's field has the same limit.
const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(text: &str) -> ChatMessage {
        ChatMessage { name: "Ada".into(), text: text.into() }
    }

    fn times(welcome: &str) -> Vec<u64> {
        let welcome: serde_json::Value = serde_json::from_str(welcome).expect("the welcome is JSON");
        let history = welcome["welcome"]["history"].as_array().expect("the welcome has a history");
        history.iter().map(|said| said["at"].as_u64().expect("each message has a time")).collect()
    }

    #[test]
    fn a_newcomer_sees_the_last_fifty_messages_in_order() {
        let room = ChatRoom::new();
        for number in 1..=60 {
            room.post(remark(&format!("message {number}")));
        }
        let (welcome, _heard) = room.join();
        assert!(!welcome.contains("message 10\"") && welcome.contains("message 11\""));
        let times = times(&welcome);
        assert_eq!(times.len(), REMEMBERED);
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
    }

    #[test]
    fn a_remark_needs_a_name_and_a_text() {
        assert_eq!(ChatMessage::parse(r#"{"name":" Ada ","text":"hi\n"}"#), Ok(remark("hi")));
        let long = format!(r#"{{"name":"{}","text":"hi"}}"#, "n".repeat(MAX_NAME + 1));
        for sent in [r#"{"name":" ","text":"hi"}"#, r#"{"name":"Ada","text":""}"#, r#"{"text":"hi"}"#, "hi", &long]
        {
            assert_eq!(ChatMessage::parse(sent), Err(InvalidChatMessage), "{sent}");
        }
    }

    #[test]
    fn presence_counts_those_who_listen() {
        let room = ChatRoom::new();
        let (_, mut heard) = room.join();
        let (welcome, leaving) = room.join();
        assert!(welcome.contains(r#""online":2"#), "{welcome}");
        drop(leaving);
        room.announce_presence();
        assert_eq!(heard.try_recv().map(|message| message.to_string()), Ok(r#"{"online":1}"#.to_owned()));
    }
}
