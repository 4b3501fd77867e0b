//! Limits of request sizes and client timeouts.

use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::endless_response;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds};
use crate::support::signal::test_signal;

fn limited(origin: &Origin) -> Gatepost {
    Gatepost::with_host(Host::new(GITLAB, origin).with("max_request_body = \"1k\""))
}

#[test]
fn a_content_length_over_the_limit_is_rejected_before_forwarding() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Content-Length: 1025"]);
    assert_eq!(client.response().status(), 413);
    assert!(origin.heads().is_empty());
}

#[test]
fn a_413_closes_the_connection_unless_the_body_was_received() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.client();
    let head = client.request_bytes("POST / HTTP/1.1", &["Content-Length: 1025"]);
    client.send(&head);
    assert_eq!(client.response().head.value("connection"), Some("close"));
    client.expect_closed();
    let mut client = gatepost.client();
    client.send([&head[..], &[b'x'; 1025]].concat());
    assert_eq!(
        client.response().head.value("connection"),
        None,
        "the received body is skipped and the connection stays open"
    );
    assert_eq!(client.get("/").text(), "taken");
}

#[test]
fn a_body_of_exactly_the_limit_is_accepted() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.client();
    assert_eq!(client.post("/", &[b'x'; 1024]).text(), "taken");
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send([b"400\r\n", &[b'x'; 1024][..], b"\r\n0\r\n\r\n"].concat());
    assert_eq!(client.response().text(), "taken");
}

#[test]
fn a_chunked_body_over_the_limit_is_never_complete_upstream() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.try_send([b"401\r\n", &[b'x'; 1025][..], b"\r\n0\r\n\r\n"].concat());
    if let Ok(response) = client.try_response() {
        assert_eq!(response.status(), 413);
    }
    eventually(TIMEOUT, || origin.open_connections() == 0);
    assert!(origin.requests().is_empty());
}

#[test]
fn a_body_over_the_limit_is_rejected_over_http2() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("POST", "/");
    request.headers_mut().insert("content-length", "1025".parse().unwrap());
    assert_eq!(client.send_with(request, &[b'x'; 1025]).unwrap().status, 413);
    assert!(origin.heads().is_empty());
}

#[test]
fn a_route_limit_overrides_the_host_limit() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let host = Host::new(GITLAB, &origin)
        .with("max_request_body = \"1k\"")
        .route("prefix = \"/files\"\nmax_request_body = \"unlimited\"");
    let gatepost = Gatepost::with_host(host);
    assert_eq!(gatepost.client().post("/files/x", &[b'x'; 5000]).text(), "taken");
    let mut client = gatepost.client();
    client.request("POST /other HTTP/1.1", &["Content-Length: 5000"]);
    assert_eq!(client.response().status(), 413);
}

#[test]
fn a_client_that_keeps_sending_receives_the_413() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = limited(&origin);
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Content-Length: 100000000"]);
    let sender = client.sender();
    let uploading = std::thread::spawn(move || while sender.send([0; 16 * 1024]).is_ok() {});
    assert_eq!(client.response().status(), 413);
    drop(client);
    uploading.join().unwrap();
}

#[test]
fn a_pause_of_the_client_does_not_count_as_upstream_read_timeout() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("upstream_read_timeout = \"1s\""));
    for (framing, begin, end) in [("Content-Length: 8", "some", "more"), CHUNKED_WITH_PAUSE] {
        let mut client = gatepost.client();
        client.request("POST / HTTP/1.1", &[framing]);
        client.send(begin);
        client.expect_no_data(Duration::from_millis(1500));
        client.send(end);
        assert_eq!(client.response().text(), "somemore");
    }
}

#[test]
fn an_oversized_request_head_is_rejected_with_431() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = Gatepost::serving(&origin);
    let large = format!("X-Large: {}", "x".repeat(1024 * 1024));
    let many: Vec<String> = (0..1000).map(|n| format!("X-{n}: x")).collect();
    for fields in [vec![large.as_str()], many.iter().map(String::as_str).collect()] {
        let mut client = gatepost.client();
        client.try_send(client.request_bytes("GET / HTTP/1.1", &fields));
        if let Ok(response) = client.try_response() {
            assert_eq!(response.status(), 431);
        }
    }
    assert!(origin.heads().is_empty());
    assert_eq!(gatepost.client().get("/").text(), "taken");
}

#[test]
fn large_cookies_are_forwarded_over_http1_and_http2() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = Gatepost::serving(&origin);
    let cookie = "c".repeat(30_000);
    assert_eq!(gatepost.client().get_with("/", &[&format!("Cookie: {cookie}")]).text(), "taken");
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    assert_eq!(client.send(request).unwrap().status, 200);
    for request in origin.requests() {
        assert_eq!(request.head.value("cookie").map(str::len), Some(30_000));
    }
}

#[test]
fn a_client_that_stops_sending_its_body_times_out() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Content-Length: 10"]);
    client.send("begin");
    if let Ok(response) = client.try_response() {
        assert_eq!(response.status(), 408);
    }
    client.read_until_close();
    eventually(TIMEOUT, || origin.open_connections() == 0);
    assert!(origin.requests().is_empty());
}

#[test]
fn a_client_that_stops_reading_the_response_times_out() {
    let origin = Origin::tcp(endless_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.head().status(), 200);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn a_slow_client_that_makes_progress_does_not_time_out() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Content-Length: 5"]);
    for byte in b"slow!" {
        client.expect_no_data(Duration::from_millis(400));
        client.send([*byte]);
    }
    assert_eq!(client.response().text(), "slow!");
}

#[test]
fn a_slow_upstream_does_not_cause_a_client_timeout() {
    let (respond, signal) = test_signal();
    let origin = Origin::tcp(move |connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.wait_for(&signal)?;
        connection.send(ok("at last"))
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"500ms\""));
    let mut client = gatepost.client();
    client.send([&client.request_bytes("POST / HTTP/1.1", &["Content-Length: 4"]), &b"body"[..]].concat());
    client.expect_no_data(Duration::from_millis(1200));
    respond.send();
    assert_eq!(client.response().text(), "at last");
}

#[test]
#[ignore = "waits for the fixed timeout of 30 s"]
fn an_incomplete_head_times_out_after_30_seconds() {
    let origin = Origin::tcp(responds(|_| ok("taken")));
    let gatepost = Gatepost::serving(&origin);
    let start = Instant::now();
    let mut incomplete = gatepost.client();
    incomplete.send("GET / HTTP/1.1\r\nHost: gitlab.test\r\nX-Half:");
    let mut idle = gatepost.client();
    for client in [&mut incomplete, &mut idle] {
        client.wire().set_receive_timeout(Duration::from_secs(75)).unwrap();
    }
    incomplete.read_until_close();
    assert!((25..40).contains(&start.elapsed().as_secs()), "closed after {:?}", start.elapsed());
    idle.read_until_close();
}

/// A chunked body with a pause between two chunks.
const CHUNKED_WITH_PAUSE: (&str, &str, &str) =
    ("Transfer-Encoding: chunked", "4\r\nsome\r\n", "4\r\nmore\r\n0\r\n\r\n");
