//! Applications that are down, slow, or break off, and clients that go away.

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
fn an_application_that_is_down_is_a_502_at_once() {
    let nobody = ReservedPort::new();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &nobody.address().to_string()));
    let start = Instant::now();
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 502);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(client.get("/again").status(), 502);
}

#[test]
fn a_missing_socket_file_is_a_502_and_is_named_in_the_log() {
    let gatepost = Gatepost::with_host(Host::to(GITLAB, "unix:missing.socket"));
    assert_eq!(gatepost.client().get("/").status(), 502);
    gatepost.wait_stderr(|text| text.contains("missing.socket"));
}

#[test]
fn an_application_that_comes_back_is_found() {
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
fn a_socket_file_that_was_replaced_is_found() {
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
fn a_connection_that_is_never_established_is_a_504() {
    let nobody = NeverAccepts::new();
    let host = Host::to(GITLAB, &nobody.address().to_string()).with("connect_timeout = \"1s\"");
    let gatepost = Gatepost::with_host(host);
    let start = Instant::now();
    assert_eq!(gatepost.client().get("/").status(), 504);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn an_application_that_never_answers_is_a_504() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("read_timeout = \"1s\""));
    let start = Instant::now();
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 504);
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
    eventually(TIMEOUT, || origin.open_connections() == 0);
    assert_eq!(client.post("/", b"body").status(), 504);
    assert_eq!(origin.requests().len(), 2, "a request that timed out must not be sent again");
}

#[test]
fn an_application_that_is_silent_within_its_answer_is_cut_off() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")?;
        app.wait_for_close()
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("read_timeout = \"1s\""));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.rest().0, b"begin");
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

/// The status a client sees, and that the proxy goes on after.
fn status_behind(script: impl Script) -> u16 {
    let origin = Origin::tcp(script);
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let status = client.get("/").status();
    assert_eq!(client.get("/").status(), status, "the second request fares as the first");
    status
}

#[test]
fn broken_answers_are_a_502() {
    assert_eq!(status_behind(accepts_then_resets()), 502);
    assert_eq!(status_behind(truncated_head()), 502);
    assert_eq!(status_behind(two_content_lengths()), 502);
    assert_eq!(status_behind(closes_without_response()), 502);
    assert_eq!(status_behind(responds(|_| b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec())), 502);
}

fn closes_without_response() -> impl Script {
    |app: &mut OriginConnection| -> io::Result<()> { app.read_request().map(drop) }
}

#[test]
fn a_body_that_breaks_off_is_seen_as_broken() {
    for origin in [Origin::tcp(truncated_body()), Origin::unix(truncated_chunked_body())] {
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.1", &[]);
        let error = client.try_answer().unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the connection stayed open");
    }
}

#[test]
fn a_body_that_breaks_off_under_way_never_gets_a_last_chunk() {
    let (stop, signal) = test_signal();
    let origin = Origin::tcp(move |app: &mut OriginConnection| {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")?;
        app.wait_for(&signal)
    });
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk(), b"begin");
    stop.send();
    client.expect_closed();
}

#[test]
fn a_body_that_breaks_off_resets_the_stream_of_http2() {
    for origin in [Origin::tcp(truncated_body()), Origin::tcp(truncated_chunked_body())] {
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.http2();
        let error = client.send(client.request("GET", "/")).unwrap_err();
        assert!(error.is_reset(), "{error}");
    }
}

#[test]
fn what_follows_a_complete_answer_is_never_another_answer() {
    let origin = Origin::tcp(body_exceeds_length());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..4 {
        let answer = client.get("/");
        assert!(answer.status() == 502 || answer.text() == "true", "{answer:?}");
    }
}

#[test]
fn what_follows_an_answer_without_a_body_is_never_another_answer() {
    for (method, status) in [("GET", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")] {
        let (spoil, signal) = test_signal();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n");
        let origin = Origin::tcp(move |app: &mut OriginConnection| {
            app.read_request()?;
            app.send(if app.number() == 0 { head.as_bytes() } else { b"HTTP/1.1 200 Second\r\n\r\n" })?;
            app.wait_for(&signal)?;
            app.send(ok("never asked for"))?;
            app.wait_for_close()
        });
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request(&format!("{method} / HTTP/1.1"), &[]);
        assert!(status.starts_with(&client.head().status().to_string()));
        spoil.send();
        client.expect_silence(Duration::from_millis(200));
        client.request("GET /second HTTP/1.1", &[]);
        assert!(client.head().start_line().ends_with(b"Second"));
    }
}

#[test]
fn an_answer_before_the_end_of_the_upload_arrives_whole() {
    early_answers_arrive_whole(Origin::tcp(|app: &mut OriginConnection| {
        app.read_head()?;
        app.send(response_bytes("403 Forbidden", &[("Connection", "close")], "x".repeat(50_000)))?;
        app.wire.finish()?;
        app.wait_for_close()
    }));
}

#[test]
fn an_early_answer_arrives_whole_even_if_the_application_closes_upon_it() {
    // Unread bytes of the upload turn the close into a reset, which follows the answer.
    early_answers_arrive_whole(Origin::tcp(|app: &mut OriginConnection| {
        app.read_head()?;
        app.send(response_bytes("403 Forbidden", &[("Connection", "close")], "x".repeat(50_000)))
    }));
}

#[track_caller]
fn early_answers_arrive_whole(origin: Origin) {
    let gatepost = Gatepost::serving(&origin);
    for _ in 0..2 {
        let mut client = gatepost.client();
        client.request("POST / HTTP/1.1", &["Content-Length: 1000000000"]);
        let sender = client.sender();
        let uploading = std::thread::spawn(move || while sender.send([0; 16 * 1024]).is_ok() {});
        let answer = client.answer();
        assert_eq!((answer.status(), answer.body.len()), (403, 50_000));
        drop(client);
        uploading.join().unwrap();
    }
}

#[test]
fn a_client_that_goes_away_ends_its_request_to_the_application() {
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
fn a_client_that_goes_away_mid_answer_ends_it() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")?;
        app.wait_for_close()
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
fn a_cancelled_stream_of_http2_ends_its_request_to_the_application() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let exchange = client.start_upload(client.request("POST", "/")).unwrap();
    client.make_progress_until(|| origin.heads().len() == 1);
    drop(exchange);
    client.make_progress_until(|| origin.open_connections() == 0);
}

#[test]
fn an_upload_that_breaks_off_is_never_complete_for_the_application() {
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
fn a_get_that_met_a_stale_connection_is_sent_again() {
    let origin = Origin::tcp(closes_idle_connection_on_use());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.get("/1").text(), "first on its connection");
    assert_eq!(client.get("/2").text(), "first on its connection");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_post_that_met_a_stale_connection_is_not_done_twice() {
    let origin = Origin::tcp(closes_idle_connection_on_use());
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.get("/1").text(), "first on its connection");
    assert_eq!(client.post("/2", b"pay").status(), 502);
    let posts = origin.heads().iter().filter(|head| head.method() == "POST").count();
    assert_eq!(posts, 1);
}

#[test]
fn a_connection_that_was_closed_while_it_rested_is_not_used() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_request()?;
        app.send(ok("one each"))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..10 {
        assert_eq!(client.post("/", b"pay").status(), 200);
        eventually(TIMEOUT, || origin.open_connections() == 0);
    }
}

#[test]
fn requests_leave_no_descriptor_behind() {
    let origin = Origin::tcp(truncated_body());
    let gatepost = Gatepost::serving(&origin);
    let base = gatepost.settled_descriptors();
    for _ in 0..20 {
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.1", &[]);
        assert!(client.try_answer().is_err());
    }
    gatepost.wait_descriptors(base);
}

#[test]
fn a_full_backlog_of_a_unix_socket_is_waited_for() {
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
    // One connection fits into the backlog; the others are refused by the kernel until it is taken.
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
        assert_eq!(client.answer().status(), 200);
    }
}

#[test]
fn a_length_that_an_application_says_twice_is_passed_on_once() {
    for fields in ["Content-Length: 4\r\nContent-Length: 4", "Content-Length: 4, 4"] {
        let origin =
            Origin::tcp(responds(move |_| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nbody").into_bytes()));
        let gatepost = Gatepost::serving(&origin);
        assert_eq!(gatepost.client().get("/").head.values("content-length"), ["4"]);
        let answer = gatepost.http2().get("/");
        let lengths: Vec<_> = answer.headers.get_all("content-length").iter().collect();
        assert_eq!(
            (lengths.as_slice(), answer.body.as_slice()),
            (&[&http::HeaderValue::from(4)][..], &b"body"[..])
        );
    }
}

#[test]
fn lengths_that_differ_are_a_502_even_where_there_is_no_body() {
    for status in ["200 OK", "204 No Content", "304 Not Modified"] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n");
        let origin = Origin::tcp(responds(move |_| head.clone().into_bytes()));
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        client.request("HEAD / HTTP/1.1", &[]);
        assert_eq!(client.answer_to("HEAD").status(), 502, "{status}");
    }
}

#[test]
fn an_answer_in_a_coding_that_nobody_asked_for_is_a_502() {
    for coding in ["gzip, chunked", "chunked, chunked", "identity"] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        assert_eq!(status_behind(responds(move |_| answer.clone().into_bytes())), 502, "{coding}");
    }
}
