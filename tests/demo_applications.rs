//! Demo applications, tested directly without a proxy.

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

/// Both demo servers and their directory. The fields are dropped in order: the servers stop before the
/// directory is removed.
struct RunningDemo {
    running: DemoServers,
    _directory: TempDir,
}

/// A WebSocket client of the chat.
struct Member {
    socket: WebSocketStream<TcpStream>,
}

impl RunningDemo {
    fn start() -> RunningDemo {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let running = start_servers(directory.path()).expect("the servers start");
        RunningDemo { running, _directory: directory }
    }

    async fn gitlab(&self) -> UnixStream {
        UnixStream::connect(&self.running.addresses().gitlab_socket).await.expect("the socket accepts")
    }

    async fn mattermost(&self) -> TcpStream {
        TcpStream::connect(self.running.addresses().mattermost).await.expect("the address accepts")
    }

    /// Joins the chat; the first message is the welcome.
    async fn join(&self) -> Member {
        let address = format!("ws://{}/api/v4/websocket", self.running.addresses().mattermost);
        let (socket, _) = within(tokio_tungstenite::client_async(address, self.mattermost().await))
            .await
            .expect("the WebSocket opens");
        Member { socket }
    }
}

impl Member {
    async fn send(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).await.expect("the message is sent");
    }

    /// Returns the content of the next message of a kind; other messages are skipped.
    async fn receive(&mut self, kind: &str) -> Value {
        loop {
            let message = within(self.socket.next())
                .await
                .expect("the chat connection stays open")
                .expect("a complete message");
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

/// Waits with a timeout, so that a test fails if an expected event never happens.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("a response within 20 s")
}

/// Sends one raw request with `Connection: close` and returns all bytes received.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut response = Vec::new();
    within(stream.read_to_end(&mut response)).await.expect("the response is complete");
    String::from_utf8(response).expect("the response is UTF-8")
}

/// Reads until `expected` was received and returns all text up to then.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), expected: &str) -> String {
    let mut received = String::new();
    while !received.contains(expected) {
        let mut piece = [0; 1024];
        let length = within(stream.read(&mut piece)).await.expect("the stream is readable");
        assert_ne!(length, 0, "ended before {expected:?}: {received}");
        received.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    received
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n")
}

fn json_body(response: &str) -> Value {
    let (_, body) = response.split_once("\r\n\r\n").expect("the response has a body");
    serde_json::from_str(body).expect("the body is JSON")
}

/// Returns the paths of the files that a page refers to.
fn files_of(page: &str) -> Vec<String> {
    let quoted = page.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with("/demo/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_escapes_headers_and_explains_forwarding_headers() {
    let demo = RunningDemo::start();
    let request = "GET / HTTP/1.1\r\nHost: gitlab.localhost\r\nX-Forwarded-Proto: https\r\n\
                   X-Trick: <script>\"{{body}}\r\nConnection: close\r\n\r\n";
    let page = exchange(demo.gitlab().await, request).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("<code>&lt;script&gt;&quot;{{body}}</code>"), "{page}");
    assert!(page.contains("<code>https</code><p>The scheme that the client used"), "{page}");
    assert!(page.contains("It came through the proxy."), "{page}");
}

#[tokio::test]
async fn method_target_and_headers_are_returned_as_received() {
    let demo = RunningDemo::start();
    let target = "/a%2Fb//../c?q=%C3%A9&q=+";
    let request = format!(
        "DELETE {target} HTTP/1.1\r\nHost: gitlab.localhost\r\nAccept: application/json\r\n\
         X-Twice: 1\r\nX-Twice: 2\r\nConnection: close\r\n\r\n"
    );
    let info = json_body(&exchange(demo.gitlab().await, &request).await);
    assert_eq!(info["application"], "demo GitLab");
    assert_eq!((&info["method"], &info["target"]), (&json!("DELETE"), &json!(target)));
    let header = |name: &str, value: &str| json!({ "name": name, "value": value });
    let expected = [
        header("host", "gitlab.localhost"),
        header("accept", "application/json"),
        header("x-twice", "1"),
        header("x-twice", "2"),
        header("connection", "close"),
    ];
    assert_eq!(info["headers"], json!(expected));
}

#[tokio::test]
async fn a_chunked_upload_is_counted_completely() {
    let demo = RunningDemo::start();
    let mut stream = demo.gitlab().await;
    let head = "POST /echo.json HTTP/1.1\r\nHost: gitlab.localhost\r\nTransfer-Encoding: chunked\r\n\
                Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..100 {
        within(stream.write_all(chunk.as_bytes())).await.expect("a chunk is sent");
    }
    let info = json_body(&exchange(stream, "0\r\n\r\n").await);
    assert_eq!(info["body"]["bytes"], 100 * 0x10000);
}

#[tokio::test]
async fn an_invalid_chunked_upload_is_a_400() {
    let demo = RunningDemo::start();
    let mut stream = demo.gitlab().await;
    let request = "POST /echo.json HTTP/1.1\r\nHost: gitlab.localhost\r\nTransfer-Encoding: chunked\r\n\
                   Connection: close\r\n\r\nnot a chunk size\r\n";
    let response = exchange(&mut stream, request).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[tokio::test]
async fn the_slow_response_is_sent_line_by_line() {
    let demo = RunningDemo::start();
    let mut stream = demo.gitlab().await;
    stream.write_all(get("/slow").as_bytes()).await.expect("the request is sent");
    let first = read_until(&mut stream, "line 1 of 10\n").await;
    assert!(!first.contains("line 2 of 10"), "{first}");
    read_until(&mut stream, "line 10 of 10\n").await;
}

#[tokio::test]
async fn server_sent_events_count_up() {
    let demo = RunningDemo::start();
    let mut stream = demo.gitlab().await;
    stream.write_all(get("/events").as_bytes()).await.expect("the request is sent");
    let received = read_until(&mut stream, "data: 2\n\n").await;
    assert!(received.contains("content-type: text/event-stream\r\n"), "{received}");
    assert!(received.contains("data: 1\n\n"), "{received}");
}

#[tokio::test]
async fn an_error_status_can_be_requested() {
    let demo = RunningDemo::start();
    let response = exchange(demo.gitlab().await, &get("/status/503")).await;
    assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
    assert!(response.contains("Service Unavailable</h1>"), "{response}");
}

#[tokio::test]
async fn pages_refer_only_to_served_files() {
    let demo = RunningDemo::start();
    let gitlab = exchange(demo.gitlab().await, &get("/")).await;
    let chat = exchange(demo.mattermost().await, &get("/")).await;
    assert!(gitlab.contains("content-security-policy: default-src 'self';"), "{gitlab}");
    assert!(chat.contains("content-security-policy: default-src 'self';"), "{chat}");
    assert_eq!((files_of(&gitlab).len(), files_of(&chat).len()), (5, 5), "icon, two stylesheets, two scripts");
    for file in files_of(&gitlab) {
        let response = exchange(demo.gitlab().await, &get(&file)).await;
        assert!(!response.contains("content-type: text/html"), "{file}: {response}");
    }
    for file in files_of(&chat) {
        let response = exchange(demo.mattermost().await, &get(&file)).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{file}: {response}");
    }
}

#[tokio::test]
async fn the_mattermost_health_check_responds() {
    let demo = RunningDemo::start();
    let response = exchange(demo.mattermost().await, &get("/api/v4/system/ping")).await;
    assert_eq!(json_body(&response), json!({ "status": "OK" }));
}

#[tokio::test]
async fn a_chat_message_is_broadcast_unchanged() {
    let demo = RunningDemo::start();
    let (mut ada, mut grace) = (demo.join().await, demo.join().await);
    ada.send(r#"{"name":"Ada","text":"<b>Grüße</b> 🦀"}"#).await;
    for member in [&mut ada, &mut grace] {
        let message = member.receive("message").await;
        assert_eq!((&message["name"], &message["text"]), (&json!("Ada"), &json!("<b>Grüße</b> 🦀")));
    }
    grace.send(r#"{"name":"Grace","text":"back"}"#).await;
    assert_eq!(ada.receive("message").await["text"], "back");
}

#[tokio::test]
async fn a_new_member_gets_the_history_and_the_online_count_is_broadcast() {
    let demo = RunningDemo::start();
    let mut ada = demo.join().await;
    ada.send(r#"{"name":"Ada","text":"first"}"#).await;
    ada.receive("message").await;
    let mut grace = demo.join().await;
    let welcome = grace.receive("welcome").await;
    assert_eq!(welcome["history"][0]["text"], "first");
    assert_eq!(welcome["online"], 2);
    assert_eq!(ada.receive("online").await, 2);
    drop(grace);
    assert_eq!(ada.receive("online").await, 1);
}

#[tokio::test]
async fn an_oversized_message_closes_its_connection_and_is_not_broadcast() {
    let demo = RunningDemo::start();
    let (mut ada, mut eve) = (demo.join().await, demo.join().await);
    eve.send(json!({ "name": "Eve", "text": "x".repeat(1_000_000) }).to_string()).await;
    assert_eq!(eve.close_code().await, Some(CloseCode::Size));
    ada.send(r#"{"name":"Ada","text":"still here"}"#).await;
    assert_eq!(ada.receive("message").await["text"], "still here");
}

#[tokio::test]
async fn a_cross_origin_websocket_is_rejected() {
    let demo = RunningDemo::start();
    let request = "GET /api/v4/websocket HTTP/1.1\r\nHost: mattermost.localhost\r\nOrigin: https://evil.example\r\n\
                   Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let response = exchange(demo.mattermost().await, request).await;
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[tokio::test]
async fn the_chat_endpoint_without_upgrade_is_a_400_with_an_explanation() {
    let demo = RunningDemo::start();
    let response = exchange(demo.mattermost().await, &get("/api/v4/websocket")).await;
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(response.contains("sec-websocket-version: 13\r\n"), "{response}");
    assert!(response.contains("This address opens a WebSocket"), "{response}");
}

#[tokio::test]
async fn dropping_the_servers_closes_connections_and_listeners() {
    let demo = RunningDemo::start();
    let addresses = demo.running.addresses().clone();
    let mut member = demo.join().await;
    drop(demo);
    while within(member.socket.next()).await.is_some_and(|message| message.is_ok()) {}
    assert!(!addresses.gitlab_socket.exists());
    assert!(TcpStream::connect(addresses.mattermost).await.is_err());
}

#[test]
fn a_bind_error_names_the_socket() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = directory.path().join("missing");
    let error = start_servers(&missing).expect_err("the directory does not exist").to_string();
    assert!(error.contains("GitLab") && error.contains("missing/gitlab.socket"), "{error}");
}
