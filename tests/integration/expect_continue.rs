//! `Expect: 100-continue`: the proxy responds, or forwards it to the upstream (RFC 9110 section 10.1.1).

use std::io;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, response_bytes};
use crate::support::signal::test_signal;

fn start_upload(gatepost: &Gatepost) -> Client {
    let client = gatepost.client();
    client.request("POST /upload HTTP/1.1", &["Expect: 100-continue", "Content-Length: 4"]);
    client
}

/// Starts a proxy that forwards `Expect`.
fn forwarding(origin: &Origin) -> Gatepost {
    Gatepost::with_host(Host::new(GITLAB, origin).with("expect_continue = \"forward\""))
}

#[test]
fn the_proxy_responds_at_once_and_removes_expect() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| -> io::Result<()> {
        let request = connection.read_request()?;
        assert!(!request.head.has("expect"));
        connection.send(response_bytes("422 Unprocessable Entity", &[], &request.body))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = start_upload(&gatepost);
    // The upstream sends no 100: only the proxy can have sent this one.
    assert_eq!(client.head().status(), 100);
    client.send("body");
    let response = client.response();
    assert_eq!((response.status(), response.text().as_str()), (422, "body"));
}

#[test]
fn an_upstream_that_sends_100_by_itself_does_not_change_the_final_status() {
    for status in ["201 Created", "302 Found", "401 Unauthorized", "403 Forbidden", "500 Internal Server Error"] {
        let origin = Origin::tcp(move |connection: &mut OriginConnection| -> io::Result<()> {
            let request = connection.read_request()?;
            if request.head.has("expect") {
                // As Puma behind a Go reverse proxy that records the first status.
                return connection.send(ok("wrong"));
            }
            connection.send(response_bytes(status, &[], ""))
        });
        let gatepost = Gatepost::serving(&origin);
        let expected: u16 = status[..3].parse().unwrap();
        let mut client = start_upload(&gatepost);
        assert_eq!(client.head().status(), 100);
        client.send("body");
        assert_eq!(client.response().status(), expected);
        let without_body = gatepost.client().get_with("/", &["Expect: 100-continue"]);
        assert_eq!(without_body.status(), expected);
        let mut http2 = gatepost.http2();
        let mut request = http2.request("POST", "/");
        request.headers_mut().insert("expect", http::HeaderValue::from_static("100-continue"));
        assert_eq!(http2.send_with(request, b"body").unwrap().status, expected);
    }
}

#[test]
fn upstream_100_continue_is_forwarded_to_the_client() {
    let (send_continue, signal) = test_signal();
    let origin = Origin::tcp(move |connection: &mut OriginConnection| {
        let head = connection.read_head()?;
        assert_eq!(head.value("expect"), Some("100-continue"));
        connection.wait_for(&signal)?;
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let request = connection.read_rest_of(head)?;
        connection.send(ok(&request.body))
    });
    let gatepost = forwarding(&origin);
    let mut client = start_upload(&gatepost);
    send_continue.send();
    assert_eq!(client.head().status(), 100);
    client.send("body");
    assert_eq!(client.response().text(), "body");
}

#[test]
fn a_final_response_is_forwarded_without_100_continue() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_head()?;
        connection.send(response_bytes("413 Content Too Large", &[], "too large"))?;
        connection.wait_for_close()
    });
    let gatepost = forwarding(&origin);
    let mut client = start_upload(&gatepost);
    let response = client.response();
    assert_eq!((response.status(), response.text().as_str()), (413, "too large"));
    assert!(origin.requests().is_empty());
}

#[test]
fn the_body_is_requested_after_one_second_without_100_continue() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| -> io::Result<()> {
        let request = connection.read_request()?;
        connection.send(ok(&request.body))
    });
    let gatepost = forwarding(&origin);
    let start = Instant::now();
    let mut client = start_upload(&gatepost);
    assert_eq!(client.head().status(), 100);
    let elapsed = start.elapsed();
    assert!(
        elapsed > Duration::from_millis(800) && elapsed < Duration::from_secs(4),
        "100 Continue received after {elapsed:?}"
    );
    client.send("body");
    assert_eq!(client.response().text(), "body");
}

#[test]
fn a_client_that_does_not_wait_for_100_continue_is_served() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| -> io::Result<()> {
        let head = connection.read_head()?;
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")?;
        let request = connection.read_rest_of(head)?;
        connection.send(ok(&request.body))
    });
    let gatepost = forwarding(&origin);
    let mut client = gatepost.client();
    let head = client.request_bytes("POST / HTTP/1.1", &["Expect: 100-continue", "Content-Length: 4"]);
    client.send([&head[..], b"body"].concat());
    let mut response = client.response();
    if response.status() == 100 {
        response = client.response();
    }
    assert_eq!((response.status(), response.text().as_str()), (200, "body"));
    assert_eq!(response.head.value("connection"), None, "the connection stays open");
}

#[test]
fn an_upstream_connection_is_not_reused_before_the_body_is_sent() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        loop {
            let head = connection.read_head()?;
            match head.method().as_str() {
                "POST" => connection.send(response_bytes("401 Unauthorized", &[], "no"))?,
                _ => connection.send(ok("second"))?,
            }
        }
    });
    let gatepost = forwarding(&origin);
    let mut client = start_upload(&gatepost);
    assert_eq!(client.response().status(), 401);
    // The client may send the body or the next request. The proxy must close the connection, or parse what
    // follows as a request.
    client.try_send(client.request_bytes("GET /second HTTP/1.1", &[]));
    if let Ok(response) = client.try_response() {
        assert_eq!(response.text(), "second");
    }
    let bodies: Vec<_> = origin.captures().iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
    assert!(bodies.iter().all(|it| it.starts_with("POST") || it.starts_with("GET")), "{bodies:?}");
}

#[test]
fn no_100_continue_is_sent_after_the_response_has_started() {
    for framing in [("Content-Length: 20", "", ""), ("Transfer-Encoding: chunked", "a\r\n", "\r\n0\r\n\r\n")] {
        let origin = Origin::tcp(move |connection: &mut OriginConnection| -> io::Result<()> {
            let (field, before, after) = framing;
            let between = if before.is_empty() { "" } else { "\r\n" };
            let head = connection.read_head()?;
            connection.send(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{before}0123456789"))?;
            // The upstream receives the body once the proxy requests it from the client.
            connection.read_rest_of(head)?;
            connection.send(format!("{between}{before}abcdefghij{after}"))
        });
        let gatepost = forwarding(&origin);
        let mut client = start_upload(&gatepost);
        client.send("body");
        let response = client.response();
        assert_eq!((response.status(), response.text().as_str()), (200, "0123456789abcdefghij"), "{framing:?}");
    }
}
