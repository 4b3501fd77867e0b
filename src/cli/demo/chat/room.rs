//! Shared chat state: message history and broadcast channel.
//!
//! Messages to the page are JSON objects with one member, whose name is the kind of the message:
//! `{"welcome": {"history": [ENTRY, …], "online": 2}}`, `{"message": ENTRY}` or `{"online": 3}`, where ENTRY is
//! `{"name": "Ada", "text": "Hello", "at": 1767225600000}`. The page sends `{"name": …, "text": …}`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Message history and broadcast channel.
pub(super) struct ChatRoom {
    history: Mutex<VecDeque<HistoryEntry>>,
    /// Holds up to [`MAX_LAG`] messages for all readers together. The receiver of a reader that is further behind
    /// returns an error.
    broadcast: broadcast::Sender<Utf8Bytes>,
}

/// A name and a text, both non-empty and without surrounding white space.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChatMessage {
    name: String,
    text: String,
}

/// Error returned for an invalid message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidChatMessage;

/// A message with its time.
#[derive(Serialize)]
struct HistoryEntry {
    name: String,
    text: String,
    /// Milliseconds since 1970. Strictly increasing, so that the value also identifies the message.
    at: u64,
}

impl ChatRoom {
    pub(super) fn new() -> ChatRoom {
        ChatRoom { history: Mutex::default(), broadcast: broadcast::Sender::new(MAX_LAG) }
    }

    /// Adds a member. Returns the welcome message and the receiver of all later messages. No message is lost or
    /// duplicated between the two, because both are created under the lock of the history.
    pub(super) fn join(&self) -> (Utf8Bytes, broadcast::Receiver<Utf8Bytes>) {
        let history = self.history();
        let messages = self.broadcast.subscribe();
        let welcome = json!({ "welcome": { "history": &*history, "online": self.broadcast.receiver_count() } });
        (welcome.to_string().into(), messages)
    }

    /// Broadcasts the number of members. Must be called after each join and leave.
    pub(super) fn announce_presence(&self) {
        self.send(&json!({ "online": self.broadcast.receiver_count() }));
    }

    /// Adds a message to the history and broadcasts it to all members, the sender included.
    pub(super) fn post(&self, message: ChatMessage) {
        let mut history = self.history();
        let at = now().max(history.back().map_or(0, |last| last.at + 1));
        let entry = HistoryEntry { name: message.name, text: message.text, at };
        self.send(&json!({ "message": &entry }));
        if history.len() == HISTORY_LEN {
            history.pop_front();
        }
        history.push_back(entry);
    }

    fn send(&self, message: &serde_json::Value) {
        // Fails without receivers, which is no error.
        let _ = self.broadcast.send(message.to_string().into());
    }

    /// A panic cannot leave a partial entry in the history, so a poisoned lock is usable.
    fn history(&self) -> MutexGuard<'_, VecDeque<HistoryEntry>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChatMessage {
    /// Parses a message of the page.
    ///
    /// # Errors
    /// If it is no JSON object with exactly a name and a text, one of them is empty, or the name has more than 32
    /// characters.
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

/// Returns the milliseconds since 1970; 0 if the clock is before 1970, which does not change the order of messages.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Messages in the welcome message.
const HISTORY_LEN: usize = 50;

/// Messages that a reader may be behind.
const MAX_LAG: usize = 256;

/// Characters of a name. The input field of the page has the same limit.
const MAX_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> ChatMessage {
        ChatMessage { name: "Ada".into(), text: text.into() }
    }

    fn times(welcome: &str) -> Vec<u64> {
        let welcome: serde_json::Value = serde_json::from_str(welcome).expect("the welcome is JSON");
        let history = welcome["welcome"]["history"].as_array().expect("the welcome has a history");
        history.iter().map(|entry| entry["at"].as_u64().expect("each message has a time")).collect()
    }

    #[test]
    fn a_new_member_receives_the_last_50_messages_in_order() {
        let room = ChatRoom::new();
        for number in 1..=60 {
            room.post(message(&format!("message {number}")));
        }
        let (welcome, _messages) = room.join();
        assert!(!welcome.contains("message 10\"") && welcome.contains("message 11\""));
        let times = times(&welcome);
        assert_eq!(times.len(), HISTORY_LEN);
        assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
    }

    #[test]
    fn a_message_requires_a_name_and_a_text() {
        assert_eq!(ChatMessage::parse(r#"{"name":" Ada ","text":"hi\n"}"#), Ok(message("hi")));
        let long = format!(r#"{{"name":"{}","text":"hi"}}"#, "n".repeat(MAX_NAME + 1));
        for sent in [r#"{"name":" ","text":"hi"}"#, r#"{"name":"Ada","text":""}"#, r#"{"text":"hi"}"#, "hi", &long]
        {
            assert_eq!(ChatMessage::parse(sent), Err(InvalidChatMessage), "{sent}");
        }
    }

    #[test]
    fn presence_counts_the_members() {
        let room = ChatRoom::new();
        let (_, mut messages) = room.join();
        let (welcome, leaving) = room.join();
        assert!(welcome.contains(r#""online":2"#), "{welcome}");
        drop(leaving);
        room.announce_presence();
        assert_eq!(messages.try_recv().map(|message| message.to_string()), Ok(r#"{"online":1}"#.to_owned()));
    }
}
