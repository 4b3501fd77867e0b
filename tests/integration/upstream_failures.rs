//! Upstreams that are down, slow or disconnect, and clients that disconnect.

use std::io;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::{
    NeverAccepts, accepts_then_resets, body_exceeds_length, closes_idle_connection_on_use, no_response,
    truncated_body, truncated_chunked_body, truncated_head, two_content_lengths,
};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, Script, ok, responds, response_bytes};
use crate::support::ports::ReservedPort;
use crate::support::signal::test_signal;

#[test]
fn an_unreachable_upstream_is_an_immediate_502() {
    let unused_port = ReservedPort::new();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &unused_port.address().to_string()));
    let start = Instant::now();
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 502);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(client.get("/again").status(), 502);
}

#[test]
fn a_missing_socket_file_is_a_502_and_is_logged() {
    let gatepost = Gatepost::with_host(Host::to(GITLAB, "unix:missing.socket"));
    assert_eq!(gatepost.client().get("/").status(), 502);
    gatepost.wait_stderr(|text| text.contains("missing.socket"));
}

#[test]
fn a_restarted_upstream_is_reached() {
    let port = ReservedPort::new();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &port.address().to_string()));
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 502);
    let address = port.address();
    drop(port);
    let origin = Origin::listening(TcpListener::bind(address).unwrap(), responds(|_| ok("back")));
    assert_eq!(client.get("/").text(), "back");
    drop(origin);
}

#[test]
fn a_replaced_socket_file_is_reached() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let old = Origin::unix_at(&path, responds(|_| ok("old")));
    let gatepost = Gatepost::serving(&old);
    let mut client = gatepost.client();
    assert_eq!(client.get("/").text(), "old");
    drop(old);
    assert_eq!(client.get("/").status(), 502);
    let _new = Origin::unix_at(&path, responds(|_| ok("new")));
    assert_eq!(client.get("/").text(), "new");
}

#[test]
fn connect_timeout_is_a_504() {
    let unaccepting = NeverAccepts::new();
    let host = Host::to(GITLAB, &unaccepting.address().to_string()).with("connect_timeout = \"1s\"");
    let gatepost = Gatepost::with_host(host);
    let start = Instant::now();
    assert_eq!(gatepost.client().get("/").status(), 504);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn read_timeout_before_the_response_is_a_504_without_retry() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("upstream_read_timeout = \"1s\""));
    let start = Instant::now();
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 504);
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
    eventually(TIMEOUT, || origin.open_connections() == 0);
    assert_eq!(client.post("/", b"body").status(), 504);
    assert_eq!(origin.requests().len(), 2, "a request that timed out must not be retried");
}

#[test]
fn read_timeout_during_the_response_aborts_it() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")?;
        connection.wait_for_close()
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("upstream_read_timeout = \"1s\""));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.read_until_close().0, b"begin");
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

/// Returns the status that a client receives; fails unless a second request gets the same status.
fn status_of(script: impl Script) -> u16 {
    let origin = Origin::tcp(script);
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let status = client.get("/").status();
    assert_eq!(client.get("/").status(), status, "the second request has another status");
    status
}

#[test]
fn invalid_responses_are_a_502() {
    assert_eq!(status_of(accepts_then_resets()), 502);
    assert_eq!(status_of(truncated_head()), 502);
    assert_eq!(status_of(two_content_lengths()), 502);
    assert_eq!(status_of(closes_without_response()), 502);
    assert_eq!(status_of(responds(|_| b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec())), 502);
}

fn closes_without_response() -> impl Script {
    |connection: &mut OriginConnection| -> io::Result<()> { connection.read_request().map(drop) }
}

#[test]
fn a_truncated_body_is_visibly_truncated() {
    for origin in [Origin::tcp(truncated_body()), Origin::unix(truncated_chunked_body())] {
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.1", &[]);
        let error = client.try_response().unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the connection stayed open");
    }
}

#[test]
fn a_truncated_chunked_body_gets_no_last_chunk() {
    let (close, signal) = test_signal();
    let origin = Origin::tcp(move |connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")?;
        connection.wait_for(&signal)
    });
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk(), b"begin");
    close.send();
    client.expect_closed();
}

#[test]
fn a_truncated_body_resets_the_http2_stream() {
    for origin in [Origin::tcp(truncated_body()), Origin::tcp(truncated_chunked_body())] {
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.http2();
        let error = client.send(client.request("GET", "/")).unwrap_err();
        assert!(error.is_reset(), "{error}");
    }
}

#[test]
fn bytes_after_a_complete_response_are_never_a_response() {
    let origin = Origin::tcp(body_exceeds_length());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..4 {
        let response = client.get("/");
        assert!(response.status() == 502 || response.text() == "true", "{response:?}");
    }
}

#[test]
fn bytes_after_a_response_without_body_are_never_a_response() {
    for (method, status) in [("GET", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")] {
        let (send_extra, signal) = test_signal();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n");
        let origin = Origin::tcp(move |connection: &mut OriginConnection| {
            connection.read_request()?;
            connection.send(if connection.number() == 0 {
                head.as_bytes()
            } else {
                b"HTTP/1.1 200 Second\r\n\r\n"
            })?;
            connection.wait_for(&signal)?;
            connection.send(ok("unsolicited"))?;
            connection.wait_for_close()
        });
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request(&format!("{method} / HTTP/1.1"), &[]);
        assert!(status.starts_with(&client.head().status().to_string()));
        send_extra.send();
        client.expect_no_data(Duration::from_millis(200));
        client.request("GET /second HTTP/1.1", &[]);
        assert!(client.head().start_line().ends_with(b"Second"));
    }
}

#[test]
fn an_early_response_is_complete() {
    assert_early_response_is_complete(Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_head()?;
        connection.send(response_bytes("403 Forbidden", &[("Connection", "close")], "x".repeat(50_000)))?;
        connection.wire.finish()?;
        connection.wait_for_close()
    }));
}

#[test]
fn an_early_response_is_complete_even_if_the_upstream_closes() {
    // Unread bytes of the upload turn the close into a reset after the response.
    assert_early_response_is_complete(Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_head()?;
        connection.send(response_bytes("403 Forbidden", &[("Connection", "close")], "x".repeat(50_000)))
    }));
}

#[track_caller]
fn assert_early_response_is_complete(origin: Origin) {
    let gatepost = Gatepost::serving(&origin);
    for _ in 0..2 {
        let mut client = gatepost.client();
        client.request("POST / HTTP/1.1", &["Content-Length: 1000000000"]);
        let sender = client.sender();
        let uploading = std::thread::spawn(move || while sender.send([0; 16 * 1024]).is_ok() {});
        let response = client.response();
        assert_eq!((response.status(), response.body.len()), (403, 50_000));
        drop(client);
        uploading.join().unwrap();
    }
}

#[test]
fn a_client_disconnect_cancels_the_upstream_request() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0);
    let client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 2);
    client.reset();
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn a_client_disconnect_during_the_response_cancels_it() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")?;
        connection.wait_for_close()
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    client.head();
    assert_eq!(client.chunk(), b"begin");
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn a_canceled_http2_stream_cancels_the_upstream_request() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let exchange = client.start_upload(client.request("POST", "/")).unwrap();
    client.make_progress_until(|| origin.heads().len() == 1);
    drop(exchange);
    client.make_progress_until(|| origin.open_connections() == 0);
}

#[test]
fn a_truncated_upload_is_never_complete_upstream() {
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let origin = Origin::tcp(responds(|_| ok("complete?")));
        let gatepost = Gatepost::serving(&origin);
        let client = gatepost.client();
        client.request("POST / HTTP/1.1", &[framing]);
        client.send("5\r\nbegin\r\n");
        eventually(TIMEOUT, || origin.heads().len() == 1);
        client.finish();
        drop(client);
        eventually(TIMEOUT, || origin.open_connections() == 0);
        assert!(origin.requests().is_empty(), "{framing}");
    }
}

#[test]
fn a_get_on_a_stale_connection_is_retried() {
    let origin = Origin::tcp(closes_idle_connection_on_use());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.get("/1").text(), "first on its connection");
    assert_eq!(client.get("/2").text(), "first on its connection");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_post_on_a_stale_connection_is_not_retried() {
    let origin = Origin::tcp(closes_idle_connection_on_use());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.get("/1").text(), "first on its connection");
    assert_eq!(client.post("/2", b"pay").status(), 502);
    let posts = origin.heads().iter().filter(|head| head.method() == "POST").count();
    assert_eq!(posts, 1);
}

#[test]
fn a_connection_closed_while_idle_is_not_reused() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(ok("one each"))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..10 {
        assert_eq!(client.post("/", b"pay").status(), 200);
        eventually(TIMEOUT, || origin.open_connections() == 0);
    }
}

#[test]
fn truncated_responses_leak_no_descriptors() {
    let origin = Origin::tcp(truncated_body());
    let gatepost = Gatepost::serving(&origin);
    let base = gatepost.settled_descriptors();
    for _ in 0..20 {
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.1", &[]);
        assert!(client.try_response().is_err());
    }
    gatepost.wait_descriptors(base);
}

#[test]
fn a_full_unix_socket_backlog_is_retried() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&path).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &format!("unix:{}", path.display())));
    let mut clients: Vec<_> = (0..6).map(|_| gatepost.client()).collect();
    for client in &mut clients {
        client.request("GET / HTTP/1.1", &[]);
    }
    // The backlog holds one connection; the kernel rejects the others until it is accepted.
    let listener = std::os::unix::net::UnixListener::from(socket);
    for _ in 0..clients.len() {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            io::Read::read_exact(&mut stream, &mut byte).unwrap();
            head.push(byte[0]);
        }
        io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.response().status(), 200);
    }
}

#[test]
fn a_duplicated_content_length_of_the_upstream_is_forwarded_once() {
    for fields in ["Content-Length: 4\r\nContent-Length: 4", "Content-Length: 4, 4"] {
        let origin =
            Origin::tcp(responds(move |_| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nbody").into_bytes()));
        let gatepost = Gatepost::serving(&origin);
        assert_eq!(gatepost.client().get("/").head.values("content-length"), ["4"]);
        let response = gatepost.http2().get("/");
        let lengths: Vec<_> = response.headers.get_all("content-length").iter().collect();
        assert_eq!(
            (lengths.as_slice(), response.body.as_slice()),
            (&[&http::HeaderValue::from(4)][..], &b"body"[..])
        );
    }
}

#[test]
fn different_content_lengths_are_a_502_even_without_body() {
    for status in ["200 OK", "204 No Content", "304 Not Modified"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n");
        let origin = Origin::tcp(responds(move |_| head.clone().into_bytes()));
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request("HEAD / HTTP/1.1", &[]);
        assert_eq!(client.response_to("HEAD").status(), 502, "{status}");
    }
}

#[test]
fn an_unsupported_transfer_coding_is_a_502() {
    for coding in ["gzip, chunked", "chunked, chunked", "identity"] {
        let response = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        assert_eq!(status_of(responds(move |_| response.clone().into_bytes())), 502, "{coding}");
    }
}
