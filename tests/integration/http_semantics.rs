//! HTTP/1 semantics: trailers, responses without body, HTTP/1.0, pipelining, reuse.

use std::thread;

use crate::support::TIMEOUT;
use crate::support::client::ConnectionEnd;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, response_bytes};

/// Starts a proxy whose upstream sends these bytes for every request.
fn gatepost_behind(response: impl Into<Vec<u8>>) -> (Origin, Gatepost) {
    let response = response.into();
    let origin = Origin::tcp(responds(move |_| response.clone()));
    let gatepost = Gatepost::serving(&origin);
    (origin, gatepost)
}

#[test]
fn response_trailers_are_forwarded_to_a_client_with_te_trailers() {
    let (_origin, gatepost) = gatepost_behind(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let mut client = gatepost.client();
    let response = client.get_with("/", &["TE: trailers", "Connection: TE"]);
    assert_eq!(response.body, b"body");
    assert_eq!(response.trailers.len(), 1);
    assert!(response.trailers[0].0.eq_ignore_ascii_case("x-sum"));
    assert_eq!(response.trailers[0].1, "7");
    assert_eq!(client.get_with("/", &["TE: trailers"]).body, b"body");
}

#[test]
fn request_trailers_are_forwarded() {
    let (origin, gatepost) = gatepost_behind(ok("done"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked", "Trailer: X-Sum"]);
    client.send("4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n");
    assert_eq!(client.response().text(), "done");
    let request = origin.only_request();
    assert_eq!(request.body, b"body");
    assert_eq!(request.trailers.len(), 1);
}

#[test]
fn framing_fields_in_trailers_are_removed() {
    let (origin, gatepost) = gatepost_behind(ok("done"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked", "Trailer: Content-Length"]);
    client.send("4\r\nbody\r\n0\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nHost: evil.test\r\n\r\n");
    let _ = client.try_response();
    for request in origin.requests() {
        assert_eq!((request.body.as_slice(), request.trailers.len()), (&b"body"[..], 0));
    }
}

#[test]
fn request_trailers_that_connection_names_are_removed() {
    let (origin, gatepost) = gatepost_behind(ok("done"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked", "Trailer: X-Hop, X-Sum"]);
    client.send("0\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Sum: 7\r\n\r\n");
    assert_eq!(client.response().head.status(), 200);
    let names: Vec<_> = origin.only_request().trailers.into_iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names, ["x-sum"]);
}

#[test]
fn a_head_response_keeps_content_length_and_has_no_body() {
    let (_origin, gatepost) = gatepost_behind("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: \"x\"\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("HEAD /x HTTP/1.1", &[]);
        assert_eq!(client.response_to("HEAD").head.value("content-length"), Some("5000"));
    }
}

#[test]
fn a_204_has_neither_body_nor_framing() {
    let (_origin, gatepost) = gatepost_behind("HTTP/1.1 204 No Content\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(response.status(), 204);
        assert!(!response.head.has("content-length") && !response.head.has("transfer-encoding"));
    }
}

#[test]
fn a_304_with_content_length_has_no_body() {
    let (_origin, gatepost) =
        gatepost_behind("HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\nETag: \"x\"\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        let response = client.get_with("/", &["If-None-Match: \"x\""]);
        assert_eq!((response.status(), response.head.value("etag")), (304, Some("\"x\"")));
    }
}

#[test]
fn a_partial_response_is_forwarded_unchanged() {
    let (_origin, gatepost) =
        gatepost_behind(response_bytes("206 Partial Content", &[("Content-Range", "bytes 2-4/9")], "cde"));
    let response = gatepost.client().get_with("/", &["Range: bytes=2-4"]);
    assert_eq!((response.status(), response.text().as_str()), (206, "cde"));
    assert_eq!(response.head.value("content-range"), Some("bytes 2-4/9"));
    assert_eq!(response.head.value("content-length"), Some("3"));
}

#[test]
fn content_length_is_kept_and_chunked_stays_chunked() {
    let (_known, gatepost) = gatepost_behind(ok("12345"));
    let response = gatepost.client().get("/");
    assert_eq!(response.head.value("content-length"), Some("5"));
    assert!(!response.head.has("transfer-encoding"));
    let (_unknown, gatepost) =
        gatepost_behind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n");
    let response = gatepost.client().get("/");
    assert_eq!(response.head.value("transfer-encoding"), Some("chunked"));
    assert_eq!(response.text(), "12345");
}

#[test]
fn a_close_delimited_response_is_complete() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let origin = Origin::tcp(move |connection: &mut OriginConnection| {
            connection.read_request()?;
            connection.send(format!("{version} 200 OK\r\n\r\nuntil the end"))
        });
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        assert_eq!(client.get("/").text(), "until the end", "{version}");
        assert_eq!(client.get("/").text(), "until the end", "{version}");
    }
}

#[test]
fn an_http_1_0_client_gets_a_close_delimited_response() {
    let (origin, gatepost) =
        gatepost_behind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.0", &[]);
    let head = client.head();
    assert!(!head.has("transfer-encoding"));
    assert_eq!(client.read_until_close(), (b"old".to_vec(), ConnectionEnd::Closed));
    let head = origin.only_request().head;
    assert!(head.start_line().ends_with(b"HTTP/1.1"), "{:?}", String::from_utf8_lossy(head.start_line()));
}

#[test]
fn http_1_0_keep_alive_is_honored() {
    let (_origin, gatepost) = gatepost_behind(ok("again"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("GET / HTTP/1.0", &["Connection: keep-alive"]);
        let response = client.response();
        assert_eq!(response.text(), "again");
        assert!(response.head.values("connection").iter().any(|value| value.eq_ignore_ascii_case("keep-alive")));
    }
}

#[test]
fn connection_close_of_the_client_is_honored() {
    let (_origin, gatepost) = gatepost_behind(ok("x"));
    let mut client = gatepost.client();
    client.get("/1");
    let response = client.get_with("/2", &["Connection: close"]);
    assert!(response.head.values("connection").contains(&"close"));
    client.expect_closed();
}

#[test]
fn twenty_pipelined_requests_get_responses_in_order() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let requests = (0..20).flat_map(|n| client.request_bytes(&format!("GET /{n} HTTP/1.1"), &[]));
    client.send(requests.collect::<Vec<u8>>());
    for n in 0..20 {
        assert_eq!(client.response().text(), format!("/{n}"));
    }
}

#[test]
fn a_pipelined_post_between_gets_keeps_its_body() {
    let origin = Origin::tcp(responds(|request| ok([request.target().as_bytes(), &request.body].concat())));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let [first, post, last] = [
        client.request_bytes("GET /1 HTTP/1.1", &[]),
        client.request_bytes("POST /2 HTTP/1.1", &["Content-Length: 5"]),
        client.request_bytes("GET /3 HTTP/1.1", &[]),
    ];
    client.send([&first, &post, &b" body"[..], &last].concat());
    let responses: Vec<_> = (0..3).map(|_| client.response().text()).collect();
    assert_eq!(responses, ["/1", "/2 body", "/3"]);
}

#[test]
fn a_chunked_request_body_is_complete() {
    let (origin, gatepost) = gatepost_behind(ok("thanks"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send("3;name=value\r\nabc\r\n");
    client.send("00A\r\n0123456789\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "thanks");
    assert_eq!(origin.only_request().body, b"abc0123456789");
}

#[test]
fn a_get_body_is_forwarded() {
    let (origin, gatepost) = gatepost_behind(ok("found"));
    let mut client = gatepost.client();
    client.request("GET /search HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send("5\r\nquery\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "found");
    assert_eq!(origin.only_request().body, b"query");
}

#[test]
fn a_request_without_body_is_forwarded_without_framing() {
    let (origin, gatepost) = gatepost_behind(ok(""));
    let mut client = gatepost.client();
    client.get("/");
    client.request("DELETE / HTTP/1.1", &[]);
    client.response();
    for request in origin.requests() {
        let head = request.head;
        assert!(!head.has("content-length") && !head.has("transfer-encoding"), "{}", head.method());
    }
}

#[test]
fn an_empty_post_keeps_content_length_0() {
    // Some servers respond with 411 to a POST request without `Content-Length`.
    let (origin, gatepost) = gatepost_behind(ok(""));
    gatepost.client().post("/", b"");
    assert_eq!(origin.only_request().head.value("content-length"), Some("0"));
}

#[test]
fn informational_responses_do_not_affect_the_final_response() {
    let (_origin, gatepost) = gatepost_behind(
        [&b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"[..], &ok("final")].concat(),
    );
    let mut client = gatepost.client();
    let mut response = client.get("/");
    if response.status() == 103 {
        response = client.response();
    }
    assert_eq!((response.status(), response.text().as_str()), (200, "final"));
    assert_eq!(gatepost.http2().get("/").body, b"final");
}

#[test]
fn connect_and_trace_are_rejected() {
    let (origin, gatepost) = gatepost_behind(ok("never"));
    for line in ["TRACE / HTTP/1.1", "CONNECT gitlab.test:443 HTTP/1.1"] {
        let mut client = gatepost.client();
        client.request(line, &[]);
        assert_eq!(client.response().status(), 405, "{line}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn upstream_connections_are_reused() {
    let (origin, gatepost) = gatepost_behind(ok("x"));
    let mut client = gatepost.client();
    for _ in 0..10 {
        client.get("/");
    }
    assert!(origin.requests().iter().all(|request| request.connection == 0));
    assert_eq!((origin.requests().len(), origin.connections()), (10, 1));
}

#[test]
fn concurrent_clients_get_their_own_responses() {
    let origin = Origin::unix(responds(|request| ok([request.target().as_bytes(), &request.body].concat())));
    let gatepost = Gatepost::serving(&origin);
    thread::scope(|scope| {
        for client in 0..12 {
            let gatepost = &gatepost;
            scope.spawn(move || {
                let mut connection = gatepost.client();
                for n in 0..25 {
                    let target = format!("/{client}/{n}");
                    let body = "b".repeat(n * 1000);
                    assert!(connection.post(&target, body.as_bytes()).text() == target + &body);
                }
            });
        }
    });
    assert_eq!(origin.requests().len(), 12 * 25);
}

#[test]
fn connection_close_of_the_upstream_is_honored() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(response_bytes("200 OK", &[("Connection", "close")], "bye"))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!(response.text(), "bye");
        assert!(!response.head.has("connection"));
    }
    assert_eq!(origin.connections(), 3);
}

#[test]
fn idle_upstream_connections_are_closed_after_the_timeout() {
    let origin = Origin::tcp(responds(|_| ok("x")));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("upstream_keepalive_timeout = \"1s\""));
    gatepost.client().get("/");
    assert_eq!(origin.open_connections(), 1);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}
