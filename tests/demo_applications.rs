//! The demo's stand-in applications, used directly: no proxy in between.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use gatepost::cli::demo::{DemoServers, start_servers};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Both applications in a directory of their own. The fields are dropped in order: first the
/// applications stop, then the directory goes.
struct Demo {
    running: DemoServers,
    _directory: TempDir,
}

/// A member of the chat.
struct Member {
    socket: WebSocketStream<TcpStream>,
}

impl Demo {
    fn start() -> Demo {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let running = start_servers(directory.path()).expect("the applications start");
        Demo { running, _directory: directory }
    }

    async fn gitlab(&self) -> UnixStream {
        UnixStream::connect(&self.running.applications().gitlab_socket).await.expect("the socket accepts")
    }

    async fn mattermost(&self) -> TcpStream {
        TcpStream::connect(self.running.applications().mattermost).await.expect("the address accepts")
    }

    /// Joins the chat; the welcome is the first message to hear.
    async fn join(&self) -> Member {
        let address = format!("ws://{}/api/v4/websocket", self.running.applications().mattermost);
        let (socket, _) = within(tokio_tungstenite::client_async(address, self.mattermost().await))
            .await
            .expect("the WebSocket opens");
        Member { socket }
    }
}

impl Member {
    async fn say(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).await.expect("the message leaves");
    }

    /// What is under `kind` in the next message of that kind; others are passed over.
    async fn hear(&mut self, kind: &str) -> Value {
        loop {
            let message = within(self.socket.next()).await.expect("the chat goes on").expect("a whole message");
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).expect("messages are JSON");
            if let Some(inner) = message.get(kind) {
                return inner.clone();
            }
        }
    }

    async fn close_code(&mut self) -> Option<CloseCode> {
        while let Some(Ok(message)) = within(self.socket.next()).await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.code);
            }
        }
        None
    }
}

/// Nothing here takes long; a test that waits for something that never comes fails.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("an answer within 20 s")
}

/// Sends one raw request, which must ask for the connection to be closed, and returns all that comes.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("the request leaves");
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.expect("the answer is whole");
    String::from_utf8(answer).expect("the answer is text")
}

/// Reads until `wanted` was seen and returns everything up to then.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let mut piece = [0; 1024];
        let length = within(stream.read(&mut piece)).await.expect("the stream goes on");
        assert_ne!(length, 0, "ended before {wanted:?}: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    seen
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n")
}

fn json_body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a body");
    serde_json::from_str(body).expect("the body is JSON")
}

/// The paths of the files that a page refers to.
fn files_of(page: &str) -> Vec<String> {
    let quoted = page.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with("/demo/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_shows_headers_as_text_and_explains_those_of_the_proxy() {
    let demo = Demo::start();
    let request = "GET / HTTP/1.1\r\nHost: gitlab.localhost\r\nX-Forwarded-Proto: https\r\n\
                   X-Trick: <script>\"{{body}}\r\nConnection: close\r\n\r\n";
    let page = exchange(demo.gitlab().await, request).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("<code>&lt;script&gt;&quot;{{body}}</code>"), "{page}");
    assert!(page.contains("<code>https</code><p>What the client spoke"), "{page}");
    assert!(page.contains("It came through the proxy."), "{page}");
}

#[tokio::test]
async fn method_target_and_headers_are_told_as_received() {
    let demo = Demo::start();
    let target = "/a%2Fb//../c?q=%C3%A9&q=+";
    let request = format!(
        "DELETE {target} HTTP/1.1\r\nHost: gitlab.localhost\r\nAccept: application/json\r\n\
         X-Twice: 1\r\nX-Twice: 2\r\nConnection: close\r\n\r\n"
    );
    let told = json_body(&exchange(demo.gitlab().await, &request).await);
    assert_eq!(told["application"], "GitLab stand-in");
    assert_eq!((&told["method"], &told["target"]), (&json!("DELETE"), &json!(target)));
    let header = |name: &str, value: &str| json!({ "name": name, "value": value });
    let expected = [
        header("host", "gitlab.localhost"),
        header("accept", "application/json"),
        header("x-twice", "1"),
        header("x-twice", "2"),
        header("connection", "close"),
    ];
    assert_eq!(told["headers"], json!(expected));
}

#[tokio::test]
async fn an_upload_without_a_length_is_counted_to_its_end() {
    let demo = Demo::start();
    let mut stream = demo.gitlab().await;
    let head = "POST /echo.json HTTP/1.1\r\nHost: gitlab.localhost\r\nTransfer-Encoding: chunked\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the head leaves");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..100 {
        within(stream.write_all(chunk.as_bytes())).await.expect("a chunk leaves");
    }
    let told = json_body(&exchange(stream, "0\r\n\r\n").await);
    assert_eq!(told["body"]["bytes"], 100 * 0x10000);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_an_error_and_not_a_count() {
    let demo = Demo::start();
    let mut stream = demo.gitlab().await;
    let request = "POST /echo.json HTTP/1.1\r\nHost: gitlab.localhost\r\nTransfer-Encoding: chunked\r\n\
                   Connection: close\r\n\r\nnot a chunk size\r\n";
    let answer = exchange(&mut stream, request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn the_slow_answer_comes_line_by_line() {
    let demo = Demo::start();
    let mut stream = demo.gitlab().await;
    stream.write_all(get("/slow").as_bytes()).await.expect("the request leaves");
    let first = read_until(&mut stream, "line 1 of 10\n").await;
    assert!(!first.contains("line 2 of 10"), "{first}");
    read_until(&mut stream, "line 10 of 10\n").await;
}

#[tokio::test]
async fn server_sent_events_count_up() {
    let demo = Demo::start();
    let mut stream = demo.gitlab().await;
    stream.write_all(get("/events").as_bytes()).await.expect("the request leaves");
    let seen = read_until(&mut stream, "data: 2\n\n").await;
    assert!(seen.contains("content-type: text/event-stream\r\n"), "{seen}");
    assert!(seen.contains("data: 1\n\n"), "{seen}");
}

#[tokio::test]
async fn a_failure_can_be_asked_for() {
    let demo = Demo::start();
    let answer = exchange(demo.gitlab().await, &get("/status/503")).await;
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("Service Unavailable</h1>"), "{answer}");
}

#[tokio::test]
async fn pages_ask_for_nothing_that_the_application_does_not_serve() {
    let demo = Demo::start();
    let gitlab = exchange(demo.gitlab().await, &get("/")).await;
    let chat = exchange(demo.mattermost().await, &get("/")).await;
    assert!(gitlab.contains("content-security-policy: default-src 'self';"), "{gitlab}");
    assert!(chat.contains("content-security-policy: default-src 'self';"), "{chat}");
    assert_eq!((files_of(&gitlab).len(), files_of(&chat).len()), (5, 5), "mark, two styles, two scripts");
    for file in files_of(&gitlab) {
        let answer = exchange(demo.gitlab().await, &get(&file)).await;
        assert!(!answer.contains("content-type: text/html"), "{file}: {answer}");
    }
    for file in files_of(&chat) {
        let answer = exchange(demo.mattermost().await, &get(&file)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{file}: {answer}");
    }
}

#[tokio::test]
async fn mattermosts_health_check_answers() {
    let demo = Demo::start();
    let answer = exchange(demo.mattermost().await, &get("/api/v4/system/ping")).await;
    assert_eq!(json_body(&answer), json!({ "status": "OK" }));
}

#[tokio::test]
async fn what_one_member_says_everybody_hears_in_the_same_words() {
    let demo = Demo::start();
    let (mut ada, mut grace) = (demo.join().await, demo.join().await);
    ada.say(r#"{"name":"Ada","text":"<b>Grüße</b> 🦀"}"#).await;
    for member in [&mut ada, &mut grace] {
        let said = member.hear("said").await;
        assert_eq!((&said["name"], &said["text"]), (&json!("Ada"), &json!("<b>Grüße</b> 🦀")));
    }
    grace.say(r#"{"name":"Grace","text":"back"}"#).await;
    assert_eq!(ada.hear("said").await["text"], "back");
}

#[tokio::test]
async fn a_newcomer_hears_what_was_said_before_and_who_is_there_hears_of_the_newcomer() {
    let demo = Demo::start();
    let mut ada = demo.join().await;
    ada.say(r#"{"name":"Ada","text":"first"}"#).await;
    ada.hear("said").await;
    let mut grace = demo.join().await;
    let welcome = grace.hear("welcome").await;
    assert_eq!(welcome["history"][0]["text"], "first");
    assert_eq!(welcome["online"], 2);
    assert_eq!(ada.hear("online").await, 2);
    drop(grace);
    assert_eq!(ada.hear("online").await, 1);
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_its_senders_connection_and_reaches_nobody() {
    let demo = Demo::start();
    let (mut ada, mut eve) = (demo.join().await, demo.join().await);
    eve.say(json!({ "name": "Eve", "text": "x".repeat(1_000_000) }).to_string()).await;
    assert_eq!(eve.close_code().await, Some(CloseCode::Size));
    ada.say(r#"{"name":"Ada","text":"still here"}"#).await;
    assert_eq!(ada.hear("said").await["text"], "still here");
}

#[tokio::test]
async fn a_page_of_another_site_may_not_join() {
    let demo = Demo::start();
    let request = "GET /api/v4/websocket HTTP/1.1\r\nHost: mattermost.localhost\r\nOrigin: https://evil.example\r\n\
                   Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let answer = exchange(demo.mattermost().await, request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn the_chats_address_without_an_upgrade_says_what_it_is_for() {
    let demo = Demo::start();
    let answer = exchange(demo.mattermost().await, &get("/api/v4/websocket")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13\r\n"), "{answer}");
    assert!(answer.contains("This address opens a WebSocket"), "{answer}");
}

#[tokio::test]
async fn dropping_the_applications_ends_connections_and_listening() {
    let demo = Demo::start();
    let applications = demo.running.applications().clone();
    let mut member = demo.join().await;
    drop(demo);
    while within(member.socket.next()).await.is_some_and(|message| message.is_ok()) {}
    assert!(!applications.gitlab_socket.exists());
    assert!(TcpStream::connect(applications.mattermost).await.is_err());
}

#[test]
fn a_socket_that_cannot_be_bound_is_named_in_the_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = directory.path().join("missing");
    let error = start_servers(&missing).expect_err("the directory does not exist").to_string();
    assert!(error.contains("GitLab") && error.contains("missing/gitlab.socket"), "{error}");
}
