//! HTTP/2 from clients, HTTP/1.1 to applications.

use bytes::Bytes;
use http::header::HeaderValue;

use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::faulty::{endless_response, truncated_body};
use crate::support::gatepost::Gatepost;
use crate::support::http2_frames::{Body, Frames, StreamOutcome};
use crate::support::origin::{Origin, OriginConnection, ok, responds, response_bytes};
use crate::support::pattern::pattern;
use crate::support::signal::test_signal;
use crate::support::{TIMEOUT, certs, tls::Tls};

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

#[test]
fn a_request_becomes_one_of_http_1_1() {
    let origin = Origin::tcp(responds(|_| response_bytes("404 Not Found", &[("X-Kept", "yes")], "nothing")));
    let gatepost = Gatepost::serving(&origin);
    let answer = gatepost.http2().get("/a%2Fb/../c?x=%20");
    assert_eq!((answer.status, answer.body.as_slice()), (404, &b"nothing"[..]));
    assert_eq!(answer.headers["x-kept"], "yes");
    assert_eq!(answer.headers["content-length"], "7");
    assert_eq!(answer.headers["strict-transport-security"], "max-age=63072000");
    let head = origin.only_request().head;
    assert_eq!(head.start_line(), b"GET /a%2Fb/../c?x=%20 HTTP/1.1");
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert!(!head.has("transfer-encoding") && !head.has("content-length"));
}

#[test]
fn spoofed_headers_fare_as_with_http_1() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    for name in ["x-forwarded-for", "x-real-ip", "x-forwarded-host", "forwarded", "x_forwarded_for"] {
        request.headers_mut().insert(name, HeaderValue::from_static("6.6.6.6"));
    }
    client.send(request).unwrap();
    let head = origin.only_request().head;
    assert!(!String::from_utf8_lossy(&head.raw).contains("6.6.6.6"));
    assert_eq!(head.value("x-real-ip"), Some("127.0.0.1"));
}

#[test]
fn bodies_pass_unchanged_both_ways() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::serving(&origin);
    let body = pattern(3_000_000);
    let mut client = gatepost.http2();
    let answer = client.send_with(client.request("POST", "/"), &body).unwrap();
    assert!(answer.body == body, "the body differs");
    assert!(origin.only_request().body == body, "the body differs at the application");
}

#[test]
fn a_known_length_is_passed_on_and_an_unknown_one_is_chunked() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut known = client.request("POST", "/known");
    known.headers_mut().insert("content-length", HeaderValue::from_static("4"));
    client.send_with(known, b"body").unwrap();
    let unknown = client.request("POST", "/unknown");
    client.send_with(unknown, b"body").unwrap();
    let requests = origin.requests();
    assert_eq!(requests[0].head.value("content-length"), Some("4"));
    assert_eq!(requests[1].head.value("transfer-encoding"), Some("chunked"));
    assert!(requests.iter().all(|request| request.body == b"body"));
}

#[test]
fn a_length_that_is_said_twice_is_passed_on_once() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("POST", "/");
    for _ in 0..2 {
        request.headers_mut().append("content-length", HeaderValue::from_static("4"));
    }
    assert_eq!(client.send_with(request, b"body").unwrap().status, 200);
    assert_eq!(origin.only_request().head.values("content-length"), ["4"]);
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let (go, signal) = test_signal();
    let slow = Origin::tcp(move |app: &mut OriginConnection| {
        app.read_request()?;
        app.wait_for(&signal)?;
        app.send(ok("slow"))
    });
    let fast = Origin::tcp(responds(|_| ok("fast")));
    let route = format!("prefix = \"/fast\"\nupstream = \"{}\"", fast.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &slow).route(&route));
    let mut client = gatepost.http2();
    let waiting = client.start(client.request("GET", "/slow")).unwrap();
    for _ in 0..5 {
        assert_eq!(client.get("/fast").body, b"fast");
    }
    go.send();
    assert_eq!(client.finish(waiting).unwrap().body, b"slow");
}

#[test]
fn crumbs_of_cookies_are_joined() {
    // RFC 9113 section 8.2.3: HTTP/1.1 has one Cookie line.
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    for crumb in ["a=1", "b=2; c=3", "d=4"] {
        request.headers_mut().append("cookie", HeaderValue::from_static(crumb));
    }
    client.send(request).unwrap();
    assert_eq!(origin.only_request().head.value("cookie"), Some("a=1; b=2; c=3; d=4"));
}

#[test]
fn trailers_pass_both_ways() {
    let origin = Origin::tcp(responds(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nGrpc-Status: 0\r\n\r\n".to_vec()
    }));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("POST", "/");
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    request.headers_mut().insert("trailer", HeaderValue::from_static("x-sum"));
    let mut exchange = client.start_upload(request).unwrap();
    exchange.body.send_data(Bytes::from_static(b"x"), false).unwrap();
    let trailers = [(http::HeaderName::from_static("x-sum"), HeaderValue::from_static("1"))].into_iter().collect();
    exchange.body.send_trailers(trailers).unwrap();
    let answer = client.finish(exchange).unwrap();
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!(origin.only_request().trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

#[test]
fn answers_carry_nothing_of_the_connection_behind() {
    let origin = Origin::tcp(responds(|_| {
        response_bytes(
            "200 OK",
            &[("Connection", "close, X-Private"), ("X-Private", "1"), ("Keep-Alive", "timeout=5")],
            "x",
        )
    }));
    let gatepost = Gatepost::serving(&origin);
    let headers = gatepost.http2().get("/").headers;
    for name in ["connection", "x-private", "keep-alive", "transfer-encoding"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[test]
fn head_has_a_length_and_no_body() {
    let origin = Origin::tcp(responds(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec()));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let answer = client.send(client.request("HEAD", "/")).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.headers["content-length"], "5000");
}

#[test]
fn a_host_that_contradicts_the_authority_is_bad() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    request.headers_mut().insert("host", HeaderValue::from_static("mattermost.test"));
    assert_eq!(client.send(request).unwrap().status, 400);
    assert!(origin.heads().is_empty());
}

#[test]
fn a_host_under_another_certificate_is_misdirected_and_the_connection_goes_on() {
    let origin = greeting();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.http2();
    let elsewhere = http::Request::get("https://mattermost.test/").body(()).unwrap();
    assert_eq!(client.send(elsewhere).unwrap().status, 421);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_connection_is_shared_by_the_hosts_of_its_certificate() {
    let (gitlab, mattermost) = (greeting(), Origin::tcp(responds(|_| ok("chat"))));
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    let configuration = configuration
        .host(Host::new(GITLAB, &gitlab).certificate(&files))
        .host(Host::new(MATTERMOST, &mattermost).certificate(&files));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.http2();
    let elsewhere = http::Request::get("https://mattermost.test/").body(()).unwrap();
    assert_eq!(client.send(elsewhere).unwrap().body, b"chat");
}

#[test]
fn connect_is_refused() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &[(":method", "CONNECT"), (":authority", "gitlab.test:443")], Body::None);
    assert!(
        matches!(frames.outcome(1), StreamOutcome::Status(None) | StreamOutcome::Reset),
        "neither a status nor a reset"
    );
    assert!(origin.heads().is_empty());
}

#[test]
fn the_frames_of_a_good_request_are_answered() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &GOOD, Body::None);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(Some(200)));
}

#[test]
fn malformed_requests_are_refused_and_never_reach_the_application() {
    // RFC 9113 section 8.2: what would be something else in HTTP/1.1 makes a request malformed.
    let bad_fields = [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("X-Upper", "case"),
        ("x-split", "a\r\nx-injected: b"),
        ("x-line", "a\nb"),
        ("x-null", "a\0b"),
        ("x name", "space"),
        ("x:name", "colon"),
        ("te", "gzip"),
    ];
    for field in bad_fields {
        let origin = greeting();
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, &[&GOOD[..], &[field]].concat(), Body::None);
        let outcome = frames.outcome(1);
        let harmless = origin
            .heads()
            .iter()
            .all(|head| !head.has(field.0.trim()) && !String::from_utf8_lossy(&head.raw).contains("injected"));
        assert!(outcome.is_rejection() || harmless, "{field:?} passed: {outcome:?}");
    }
}

#[test]
fn bad_pseudo_headers_are_refused() {
    let bad_requests: [&[(&str, &str)]; 6] = [
        &[(":method", "GET"), (":scheme", "https"), (":authority", GITLAB)],
        &[(":method", "GET"), (":scheme", "https"), (":authority", GITLAB), (":path", "")],
        &[(":method", "GET"), (":method", "POST"), (":scheme", "https"), (":authority", GITLAB), (":path", "/")],
        &[(":method", "GET"), (":scheme", "https"), (":authority", "a@gitlab.test"), (":path", "/")],
        &[(":method", "GET"), (":scheme", "https"), (":path", "/")],
        &[(":method", "GET / HTTP/1.1"), (":scheme", "https"), (":authority", GITLAB), (":path", "/")],
    ];
    for fields in bad_requests {
        let origin = greeting();
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, fields, Body::None);
        assert!(frames.outcome(1).is_rejection(), "{fields:?}");
        assert!(origin.heads().is_empty(), "{fields:?}");
    }
}

#[test]
fn a_length_that_is_not_that_of_the_data_is_refused() {
    for length in ["3", "50"] {
        let origin = Origin::tcp(responds(|_| ok("complete?")));
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, &[&GOOD[..], &[("content-length", length)]].concat(), Body::Follows);
        frames.last_data(1, b"body");
        assert!(frames.outcome(1).is_rejection(), "{length}");
        assert!(origin.requests().is_empty(), "{length}");
    }
}

#[test]
fn one_stream_that_fails_leaves_the_others_alone() {
    let (broken, good) = (Origin::tcp(truncated_body()), greeting());
    let route = format!("prefix = \"/good\"\nupstream = \"{}\"", good.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &broken).route(&route));
    let mut client = gatepost.http2();
    for _ in 0..3 {
        assert!(client.send(client.request("GET", "/broken")).is_err());
        assert_eq!(client.get("/good").body, b"hello");
    }
}

/// A POST that announces more than the host takes.
fn too_large(length: &str) -> [(&str, &str); 5] {
    [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", GITLAB), ("content-length", length)]
}

#[test]
fn an_answer_before_the_end_of_a_body_comes_without_a_reset() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("max_body = \"1k\""));
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &too_large("2000"), Body::Follows);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(None));
    frames.last_data(1, &[b'x'; 2000]);
    frames.request(3, &too_large("2000"), Body::Follows);
    assert!(!frames.is_reset_before(1, 3), "the rest of the body is read, so there is nothing to reset");
}

#[test]
fn a_body_that_goes_on_long_after_its_answer_is_reset() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("max_body = \"1k\""));
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &too_large("2000"), Body::Follows);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(None));
    assert_eq!(frames.outcome(1), StreamOutcome::Reset);
}

#[test]
fn http_1_on_a_connection_that_agreed_on_http2_is_refused() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB).offering(&["h2"]), GITLAB);
    client.request("GET / HTTP/1.1", &[]);
    client.rest();
    assert!(origin.heads().is_empty());
}

#[test]
fn http2_is_not_spoken_without_tls() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let (said, _) = client.rest();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4") || said.starts_with(b"HTTP/1.1 5"), "{said:?}");
}

/// The fields of a request that is in order.
const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", GITLAB), (":path", "/open")];

#[test]
fn a_client_that_gives_its_streams_no_window_is_let_go() {
    // The socket never blocks here: the client reads everything and grants nothing.
    let origin = Origin::tcp(endless_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let mut client = gatepost.http2();
    let request = client.request("GET", "/");
    let exchange = client.start(request).unwrap();
    let (answer, _body) = client.head(exchange).unwrap();
    assert_eq!(answer.status(), 200);
    client.make_progress_until(|| origin.open_connections() == 0);
}

#[test]
fn a_client_that_stops_reading_is_held_in_bounds_and_let_go() {
    // Every window is open, so it is the socket that blocks.
    let origin = Origin::tcp(endless_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let before = gatepost.memory();
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.open_windows();
    for stream in [1, 3, 5, 7] {
        frames.request(stream, &GOOD, Body::None);
    }
    eventually(TIMEOUT, || origin.connections() == 4);
    eventually(TIMEOUT, || origin.open_connections() == 0);
    let grown = gatepost.memory().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes were held for a client that reads nothing");
    frames.drain();
}

#[test]
fn a_false_length_beside_chunks_reaches_no_client() {
    let origin = Origin::tcp(responds(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            .to_vec()
    }));
    let gatepost = Gatepost::serving(&origin);
    let answer = gatepost.http2().get("/");
    assert_eq!((answer.body.as_slice(), answer.headers.get("content-length")), (&b"hello"[..], None));
    assert_eq!(gatepost.client().get("/").text(), "hello");
}
