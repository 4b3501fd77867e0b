//! Streaming and backpressure of bodies in both directions.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::{eventually, settled};
use crate::support::faulty::slow_response;
use crate::support::gatepost::Gatepost;
use crate::support::http2::Http2;
use crate::support::origin::{Origin, OriginConnection, Script, ok, responds};
use crate::support::pattern::Pattern;
use crate::support::signal::{TestSignalReceiver, test_signal};
use crate::support::wire::Sender;

/// Starts an event stream and sends one event for each signal.
fn event_per_signal(signal: TestSignalReceiver) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection
            .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            connection.wait_for(&signal)?;
            connection.send("c\r\ndata: tick\n\n\r\n")?;
        }
    }
}

#[test]
fn head_and_events_are_forwarded_immediately() {
    let (next, signal) = test_signal();
    let origin = Origin::tcp(event_per_signal(signal));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.request("GET /events HTTP/1.1", &["Accept: text/event-stream"]);
    assert_eq!(client.head().value("content-type"), Some("text/event-stream"));
    for _ in 0..3 {
        next.send();
        assert_eq!(client.chunk(), b"data: tick\n\n");
    }
}

#[test]
fn events_are_forwarded_immediately_over_http2() {
    let (next, signal) = test_signal();
    let origin = Origin::tcp(event_per_signal(signal));
    let gatepost = Gatepost::serving(&origin);
    let mut client: Http2 = gatepost.http2();
    let exchange = client.start(client.request("GET", "/events")).unwrap();
    let (response, _request) = client.head(exchange).unwrap();
    let mut body = response.into_body();
    for _ in 0..3 {
        next.send();
        assert_eq!(client.piece(&mut body).unwrap().unwrap(), "data: tick\n\n");
    }
}

#[test]
fn a_request_body_is_streamed() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_head()?;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            let piece = connection.wire.read_chunk()?;
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            connection.send(chunk)?;
            if piece.is_empty() {
                return Ok(());
            }
        }
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    assert_eq!(client.head().status(), 200);
    for _ in 0..3 {
        client.send("4\r\nping\r\n");
        assert_eq!(client.chunk(), b"ping");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), b"");
}

#[test]
fn a_response_sent_byte_by_byte_is_complete() {
    let origin = Origin::tcp(slow_response(ok("slow but honest")));
    let gatepost = Gatepost::serving(&origin);
    assert_eq!(gatepost.client().get("/").text(), "slow but honest");
}

#[test]
fn a_request_sent_byte_by_byte_is_complete() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let request = client.request_bytes("POST /x HTTP/1.1", &["Content-Length: 4"]);
    for byte in [request.as_slice(), b"body"].concat() {
        client.send([byte]);
    }
    assert_eq!(client.response().text(), "body");
}

/// Responds with a large body and counts the bytes sent.
fn sends_large_body(sent: Arc<AtomicU64>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE_BODY}\r\n\r\n"))?;
        send_large(&connection.sender(), &sent)
    }
}

/// Reads a large body after a signal, verifies it, and responds.
fn reads_large_body(signal: TestSignalReceiver) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_head()?;
        connection.wait_for(&signal)?;
        let mut expected = Pattern::default();
        connection.wire.read_in_pieces(LARGE_BODY, |piece| expected.check(piece))?;
        connection.send(ok("complete"))
    }
}

fn send_large(sender: &Sender, sent: &AtomicU64) -> io::Result<()> {
    let mut pattern = Pattern::default();
    while pattern.offset() < LARGE_BODY {
        sender.send(pattern.next(LARGE_BODY - pattern.offset()))?;
        sent.store(pattern.offset(), Ordering::Relaxed);
    }
    Ok(())
}

/// Fails if the memory of the proxy has grown by [`MAX_GROWTH`] or more since it was `base`.
#[track_caller]
fn assert_memory_bounded(gatepost: &Gatepost, base: u64) {
    let growth = gatepost.memory().saturating_sub(base);
    assert!(growth < MAX_GROWTH, "the memory of the proxy grew by {growth} bytes");
}

#[test]
fn an_unread_download_applies_backpressure_to_the_upstream() {
    let sent = Arc::new(AtomicU64::new(0));
    let origin = Origin::tcp(sends_large_body(Arc::clone(&sent)));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let base = gatepost.memory();
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    let sent_while_unread = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(
        sent_while_unread < LARGE_BODY / 2,
        "the upstream sent {sent_while_unread} bytes while the client read nothing"
    );
    assert_memory_bounded(&gatepost, base);
    let mut expected = Pattern::default();
    client.wire().read_in_pieces(LARGE_BODY, |piece| expected.check(piece)).unwrap();
    assert_memory_bounded(&gatepost, base);
}

#[test]
fn an_unread_upload_applies_backpressure_to_the_client() {
    let (start_reading, signal) = test_signal();
    let origin = Origin::unix(reads_large_body(signal));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let base = gatepost.memory();
    client.request("POST / HTTP/1.1", &[&format!("Content-Length: {LARGE_BODY}")]);
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        let sender = client.sender();
        let sending = scope.spawn(|| send_large(&{ sender }, &sent));
        eventually(TIMEOUT, || !origin.heads().is_empty());
        let sent_while_unread = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
        assert!(
            sent_while_unread < LARGE_BODY / 2,
            "the client sent {sent_while_unread} bytes while the upstream read nothing"
        );
        assert_memory_bounded(&gatepost, base);
        start_reading.send();
        sending.join().unwrap().unwrap();
    });
    assert_eq!(client.response().text(), "complete");
    assert_memory_bounded(&gatepost, base);
}

#[test]
fn an_unread_http2_stream_applies_backpressure_to_its_upstream_only() {
    let sent = Arc::new(AtomicU64::new(0));
    let download = Origin::tcp(sends_large_body(Arc::clone(&sent)));
    let small = Origin::tcp(responds(|_| ok("small")));
    let route = format!("prefix = \"/small\"\nupstream = \"{}\"", small.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &download).route(&route));
    let mut client = gatepost.http2();
    client.get("/small");
    let base = gatepost.memory();
    let exchange = client.start(client.request("GET", "/large")).unwrap();
    let (response, _request) = client.head(exchange).unwrap();
    assert_eq!(client.get("/small").body, b"small");
    let sent_while_unread = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(
        sent_while_unread < LARGE_BODY / 2,
        "the upstream sent {sent_while_unread} bytes while the client read nothing"
    );
    assert_memory_bounded(&gatepost, base);
    assert_eq!(client.get("/small").body, b"small");
    let (mut body, mut expected) = (response.into_body(), Pattern::default());
    while let Some(piece) = client.piece(&mut body) {
        expected.check(&piece.unwrap());
    }
    assert_eq!(expected.offset(), LARGE_BODY);
    assert_memory_bounded(&gatepost, base);
}

/// Exceeds the capacity of all socket buffers on the path many times.
const LARGE_BODY: u64 = 256 * 1024 * 1024;

/// Limit of memory growth while a body of any size is forwarded.
const MAX_GROWTH: u64 = 8 * 1024 * 1024;
