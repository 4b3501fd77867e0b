//! HTTP/1 beyond the simple case: trailers, answers without bodies, old clients, pipelining.

use std::thread;

use crate::support::TIMEOUT;
use crate::support::client::ConnectionEnd;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, response_bytes};

/// A proxy whose application always sends these bytes.
fn behind(answer: impl Into<Vec<u8>>) -> (Origin, Gatepost) {
    let answer = answer.into();
    let origin = Origin::tcp(responds(move |_| answer.clone()));
    let gatepost = Gatepost::serving(&origin);
    (origin, gatepost)
}

#[test]
fn trailers_of_an_answer_reach_a_client_that_takes_them() {
    let (_origin, gatepost) = behind(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let mut client = gatepost.client();
    let answer = client.get_with("/", &["TE: trailers", "Connection: TE"]);
    assert_eq!(answer.body, b"body");
    assert_eq!(answer.trailers.len(), 1);
    assert!(answer.trailers[0].0.eq_ignore_ascii_case("x-sum"));
    assert_eq!(answer.trailers[0].1, "7");
    assert_eq!(client.get_with("/", &["TE: trailers"]).body, b"body");
}

#[test]
fn trailers_of_a_request_reach_the_application() {
    let (origin, gatepost) = behind(ok("done"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked", "Trailer: X-Sum"]);
    client.send("4\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n");
    assert_eq!(client.answer().text(), "done");
    let request = origin.only_request();
    assert_eq!(request.body, b"body");
    assert_eq!(request.trailers.len(), 1);
}

#[test]
fn framing_fields_in_trailers_are_not_passed_on() {
    let (origin, gatepost) = behind(ok("done"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked", "Trailer: Content-Length"]);
    client.send("4\r\nbody\r\n0\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nHost: evil.test\r\n\r\n");
    let _ = client.try_answer();
    for request in origin.requests() {
        assert_eq!((request.body.as_slice(), request.trailers.len()), (&b"body"[..], 0));
    }
}

#[test]
fn head_keeps_the_length_and_has_no_body() {
    let (_origin, gatepost) = behind("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nETag: \"x\"\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("HEAD /x HTTP/1.1", &[]);
        assert_eq!(client.answer_to("HEAD").head.value("content-length"), Some("5000"));
    }
}

#[test]
fn a_204_has_neither_body_nor_framing() {
    let (_origin, gatepost) = behind("HTTP/1.1 204 No Content\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        let answer = client.get("/");
        assert_eq!(answer.status(), 204);
        assert!(!answer.head.has("content-length") && !answer.head.has("transfer-encoding"));
    }
}

#[test]
fn a_304_may_state_the_length_of_what_it_does_not_send() {
    let (_origin, gatepost) = behind("HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\nETag: \"x\"\r\n\r\n");
    let mut client = gatepost.client();
    for _ in 0..2 {
        let answer = client.get_with("/", &["If-None-Match: \"x\""]);
        assert_eq!((answer.status(), answer.head.value("etag")), (304, Some("\"x\"")));
    }
}

#[test]
fn a_part_of_a_resource_stays_a_part() {
    let (_origin, gatepost) =
        behind(response_bytes("206 Partial Content", &[("Content-Range", "bytes 2-4/9")], "cde"));
    let answer = gatepost.client().get_with("/", &["Range: bytes=2-4"]);
    assert_eq!((answer.status(), answer.text().as_str()), (206, "cde"));
    assert_eq!(answer.head.value("content-range"), Some("bytes 2-4/9"));
    assert_eq!(answer.head.value("content-length"), Some("3"));
}

#[test]
fn a_known_length_is_kept_and_an_unknown_one_is_chunked() {
    let (_known, gatepost) = behind(ok("12345"));
    let answer = gatepost.client().get("/");
    assert_eq!(answer.head.value("content-length"), Some("5"));
    assert!(!answer.head.has("transfer-encoding"));
    let (_unknown, gatepost) =
        behind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n");
    let answer = gatepost.client().get("/");
    assert_eq!(answer.head.value("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.text(), "12345");
}

#[test]
fn an_answer_that_ends_with_the_connection_arrives_whole() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let origin = Origin::tcp(move |app: &mut OriginConnection| {
            app.read_request()?;
            app.send(format!("{version} 200 OK\r\n\r\nuntil the end"))
        });
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        assert_eq!(client.get("/").text(), "until the end", "{version}");
        assert_eq!(client.get("/").text(), "until the end", "{version}");
    }
}

#[test]
fn an_old_client_gets_an_answer_that_ends_with_the_connection() {
    let (origin, gatepost) = behind("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.0", &[]);
    let head = client.head();
    assert!(!head.has("transfer-encoding"));
    assert_eq!(client.rest(), (b"old".to_vec(), ConnectionEnd::Closed));
    let head = origin.only_request().head;
    assert!(head.start_line().ends_with(b"HTTP/1.1"), "{:?}", String::from_utf8_lossy(head.start_line()));
}

#[test]
fn an_old_client_that_asks_for_it_keeps_its_connection() {
    let (_origin, gatepost) = behind(ok("again"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("GET / HTTP/1.0", &["Connection: keep-alive"]);
        let answer = client.answer();
        assert_eq!(answer.text(), "again");
        assert!(answer.head.values("connection").iter().any(|value| value.eq_ignore_ascii_case("keep-alive")));
    }
}

#[test]
fn a_connection_is_kept_unless_the_client_says_close() {
    let (_origin, gatepost) = behind(ok("x"));
    let mut client = gatepost.client();
    client.get("/1");
    let answer = client.get_with("/2", &["Connection: close"]);
    assert!(answer.head.values("connection").contains(&"close"));
    client.expect_closed();
}

#[test]
fn twenty_pipelined_requests_are_answered_in_order() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let requests = (0..20).flat_map(|n| client.request_bytes(&format!("GET /{n} HTTP/1.1"), &[]));
    client.send(requests.collect::<Vec<u8>>());
    for n in 0..20 {
        assert_eq!(client.answer().text(), format!("/{n}"));
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
    let answered: Vec<_> = (0..3).map(|_| client.answer().text()).collect();
    assert_eq!(answered, ["/1", "/2 body", "/3"]);
}

#[test]
fn a_chunked_upload_arrives_whole() {
    let (origin, gatepost) = behind(ok("thanks"));
    let mut client = gatepost.client();
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send("3;name=value\r\nabc\r\n");
    client.send("00A\r\n0123456789\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "thanks");
    assert_eq!(origin.only_request().body, b"abc0123456789");
}

#[test]
fn a_get_may_have_a_body() {
    let (origin, gatepost) = behind(ok("found"));
    let mut client = gatepost.client();
    client.request("GET /search HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send("5\r\nquery\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "found");
    assert_eq!(origin.only_request().body, b"query");
}

#[test]
fn a_bodiless_request_stays_without_framing() {
    let (origin, gatepost) = behind(ok(""));
    let mut client = gatepost.client();
    client.get("/");
    client.request("DELETE / HTTP/1.1", &[]);
    client.answer();
    for request in origin.requests() {
        let head = request.head;
        assert!(!head.has("content-length") && !head.has("transfer-encoding"), "{}", head.method());
    }
}

#[test]
fn an_empty_post_keeps_its_length_of_zero() {
    // Some applications answer 411 to a POST that states no length.
    let (origin, gatepost) = behind(ok(""));
    gatepost.client().post("/", b"");
    assert_eq!(origin.only_request().head.value("content-length"), Some("0"));
}

#[test]
fn hints_before_the_answer_do_not_disturb_it() {
    let (_origin, gatepost) =
        behind([&b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"[..], &ok("final")].concat());
    let mut client = gatepost.client();
    let mut answer = client.get("/");
    if answer.status() == 103 {
        answer = client.answer();
    }
    assert_eq!((answer.status(), answer.text().as_str()), (200, "final"));
    assert_eq!(gatepost.http2().get("/").body, b"final");
}

#[test]
fn connect_and_trace_are_refused() {
    let (origin, gatepost) = behind(ok("never"));
    for line in ["TRACE / HTTP/1.1", "CONNECT gitlab.test:443 HTTP/1.1"] {
        let mut client = gatepost.client();
        client.request(line, &[]);
        assert_eq!(client.answer().status(), 405, "{line}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn connections_to_the_application_are_reused() {
    let (origin, gatepost) = behind(ok("x"));
    let mut client = gatepost.client();
    for _ in 0..10 {
        client.get("/");
    }
    assert!(origin.requests().iter().all(|request| request.connection == 0));
    assert_eq!((origin.requests().len(), origin.connections()), (10, 1));
}

#[test]
fn many_clients_at_once_get_their_own_answers() {
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
fn an_application_that_says_close_gets_a_new_connection() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_request()?;
        app.send(response_bytes("200 OK", &[("Connection", "close")], "bye"))
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    for _ in 0..3 {
        let answer = client.get("/");
        assert_eq!(answer.text(), "bye");
        assert!(!answer.head.has("connection"));
    }
    assert_eq!(origin.connections(), 3);
}

#[test]
fn resting_connections_to_the_application_are_given_up() {
    let origin = Origin::tcp(responds(|_| ok("x")));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("keepalive_timeout = \"1s\""));
    gatepost.client().get("/");
    assert_eq!(origin.open_connections(), 1);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}
