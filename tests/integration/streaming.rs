//! Bodies pass as they come, both ways, and no faster than they are taken.

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

/// Announces an event stream at once and sends one event for each cue.
fn event_per_signal(signal: TestSignalReceiver) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            app.wait_for(&signal)?;
            app.send("c\r\ndata: tick\n\n\r\n")?;
        }
    }
}

#[test]
fn the_head_passes_before_there_is_a_body_and_each_event_at_once() {
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
fn events_pass_at_once_over_http2() {
    let (next, signal) = test_signal();
    let origin = Origin::tcp(event_per_signal(signal));
    let gatepost = Gatepost::serving(&origin);
    let mut client: Http2 = gatepost.http2();
    let exchange = client.start(client.request("GET", "/events")).unwrap();
    let (answer, _request) = client.head(exchange).unwrap();
    let mut body = answer.into_body();
    for _ in 0..3 {
        next.send();
        assert_eq!(client.piece(&mut body).unwrap().unwrap(), "data: tick\n\n");
    }
}

#[test]
fn a_request_body_passes_while_it_is_still_being_sent() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_head()?;
        app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            let piece = app.wire.read_chunk()?;
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            app.send(chunk)?;
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
fn an_answer_that_comes_in_single_bytes_arrives_whole() {
    let origin = Origin::tcp(slow_response(ok("slow but honest")));
    let gatepost = Gatepost::serving(&origin);
    assert_eq!(gatepost.client().get("/").text(), "slow but honest");
}

#[test]
fn a_request_that_comes_in_single_bytes_arrives_whole() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let request = client.request_bytes("POST /x HTTP/1.1", &["Content-Length: 4"]);
    for byte in [request.as_slice(), b"body"].concat() {
        client.send([byte]);
    }
    assert_eq!(client.answer().text(), "body");
}

/// Answers with a large body, counting what has left.
fn sends_large_body(sent: Arc<AtomicU64>) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"))?;
        send_large(&app.sender(), &sent)
    }
}

/// Takes a large body after a cue, and answers with what it thinks of it.
fn takes_large_body(signal: TestSignalReceiver) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_head()?;
        app.wait_for(&signal)?;
        let mut expected = Pattern::default();
        app.wire.read_in_pieces(LARGE, |piece| expected.check(piece))?;
        app.send(ok("complete"))
    }
}

fn send_large(sender: &Sender, sent: &AtomicU64) -> io::Result<()> {
    let mut pattern = Pattern::default();
    while pattern.offset() < LARGE {
        sender.send(pattern.next(LARGE - pattern.offset()))?;
        sent.store(pattern.offset(), Ordering::Relaxed);
    }
    Ok(())
}

/// Fails if the program has grown by more than it may since it used `base` bytes.
#[track_caller]
fn assert_flat(gatepost: &Gatepost, base: u64) {
    let growth = gatepost.memory().saturating_sub(base);
    assert!(growth < GROWTH, "the memory of the program grew by {growth} bytes");
}

#[test]
fn a_client_that_does_not_read_a_download_holds_the_application_back() {
    let sent = Arc::new(AtomicU64::new(0));
    let origin = Origin::tcp(sends_large_body(Arc::clone(&sent)));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let base = gatepost.memory();
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    let before = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(before < LARGE / 2, "{before} bytes left the application while the client read nothing");
    assert_flat(&gatepost, base);
    let mut expected = Pattern::default();
    client.wire().read_in_pieces(LARGE, |piece| expected.check(piece)).unwrap();
    assert_flat(&gatepost, base);
}

#[test]
fn an_application_that_does_not_read_an_upload_holds_the_client_back() {
    let (go, signal) = test_signal();
    let origin = Origin::unix(takes_large_body(signal));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let base = gatepost.memory();
    client.request("POST / HTTP/1.1", &[&format!("Content-Length: {LARGE}")]);
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        let sender = client.sender();
        let sending = scope.spawn(|| send_large(&{ sender }, &sent));
        eventually(TIMEOUT, || !origin.heads().is_empty());
        let before = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
        assert!(before < LARGE / 2, "{before} bytes left the client while the application read nothing");
        assert_flat(&gatepost, base);
        go.send();
        sending.join().unwrap().unwrap();
    });
    assert_eq!(client.answer().text(), "complete");
    assert_flat(&gatepost, base);
}

#[test]
fn a_stream_of_http2_that_is_not_read_holds_its_application_back_and_no_other_stream() {
    let sent = Arc::new(AtomicU64::new(0));
    let download = Origin::tcp(sends_large_body(Arc::clone(&sent)));
    let small = Origin::tcp(responds(|_| ok("small")));
    let route = format!("prefix = \"/small\"\nupstream = \"{}\"", small.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &download).route(&route));
    let mut client = gatepost.http2();
    client.get("/small");
    let base = gatepost.memory();
    let exchange = client.start(client.request("GET", "/large")).unwrap();
    let (answer, _request) = client.head(exchange).unwrap();
    assert_eq!(client.get("/small").body, b"small");
    let before = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(before < LARGE / 2, "{before} bytes left the application while the client read nothing");
    assert_flat(&gatepost, base);
    assert_eq!(client.get("/small").body, b"small");
    let (mut body, mut expected) = (answer.into_body(), Pattern::default());
    while let Some(piece) = client.piece(&mut body) {
        expected.check(&piece.unwrap());
    }
    assert_eq!(expected.offset(), LARGE);
    assert_flat(&gatepost, base);
}

/// Many times what all socket buffers on the way hold together.
const LARGE: u64 = 256 * 1024 * 1024;

/// What the program may grow by while a body of any size passes.
const GROWTH: u64 = 8 * 1024 * 1024;
