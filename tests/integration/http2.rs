//! HTTP/2 from clients, forwarded as HTTP/1.1.

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
fn a_request_is_forwarded_as_http_1_1() {
    let origin = Origin::tcp(responds(|_| response_bytes("404 Not Found", &[("X-Kept", "yes")], "nothing")));
    let gatepost = Gatepost::serving(&origin);
    let response = gatepost.http2().get("/a%2Fb/../c?x=%20");
    assert_eq!((response.status, response.body.as_slice()), (404, &b"nothing"[..]));
    assert_eq!(response.headers["x-kept"], "yes");
    assert_eq!(response.headers["content-length"], "7");
    assert_eq!(response.headers["strict-transport-security"], "max-age=63072000");
    let head = origin.only_request().head;
    assert_eq!(head.start_line(), b"GET /a%2Fb/../c?x=%20 HTTP/1.1");
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert!(!head.has("transfer-encoding") && !head.has("content-length"));
}

#[test]
fn spoofed_forwarding_headers_are_replaced() {
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
fn bodies_are_forwarded_unchanged_in_both_directions() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::serving(&origin);
    let body = pattern(3_000_000);
    let mut client = gatepost.http2();
    let response = client.send_with(client.request("POST", "/"), &body).unwrap();
    assert!(response.body == body, "the body differs");
    assert!(origin.only_request().body == body, "the body received by the upstream differs");
}

#[test]
fn content_length_is_forwarded_and_an_unknown_length_is_chunked() {
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
fn a_duplicated_content_length_is_forwarded_once() {
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
fn a_slow_stream_does_not_block_other_streams() {
    let (respond, signal) = test_signal();
    let slow = Origin::tcp(move |connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.wait_for(&signal)?;
        connection.send(ok("slow"))
    });
    let fast = Origin::tcp(responds(|_| ok("fast")));
    let route = format!("prefix = \"/fast\"\nupstream = \"{}\"", fast.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &slow).route(&route));
    let mut client = gatepost.http2();
    let slow_exchange = client.start(client.request("GET", "/slow")).unwrap();
    for _ in 0..5 {
        assert_eq!(client.get("/fast").body, b"fast");
    }
    respond.send();
    assert_eq!(client.finish(slow_exchange).unwrap().body, b"slow");
}

#[test]
fn cookie_fields_are_joined() {
    // RFC 9113 section 8.2.3: the fields are joined to one `Cookie` field for HTTP/1.1.
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    for cookie in ["a=1", "b=2; c=3", "d=4"] {
        request.headers_mut().append("cookie", HeaderValue::from_static(cookie));
    }
    client.send(request).unwrap();
    assert_eq!(origin.only_request().head.value("cookie"), Some("a=1; b=2; c=3; d=4"));
}

#[test]
fn trailers_are_forwarded_in_both_directions() {
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
    let response = client.finish(exchange).unwrap();
    assert_eq!(response.trailers["grpc-status"], "0");
    assert_eq!(origin.only_request().trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

#[test]
fn connection_headers_of_the_upstream_are_removed() {
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
fn a_head_response_has_content_length_and_no_body() {
    let origin = Origin::tcp(responds(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_vec()));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let response = client.send(client.request("HEAD", "/")).unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(response.headers["content-length"], "5000");
}

#[test]
fn a_host_header_that_differs_from_authority_is_a_400() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    request.headers_mut().insert("host", HeaderValue::from_static("mattermost.test"));
    assert_eq!(client.send(request).unwrap().status, 400);
    assert!(origin.heads().is_empty());
}

#[test]
fn a_host_with_another_certificate_is_misdirected_and_the_connection_stays_open() {
    let origin = greeting();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.http2();
    let other_host = http::Request::get("https://mattermost.test/").body(()).unwrap();
    assert_eq!(client.send(other_host).unwrap().status, 421);
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn hosts_with_one_certificate_share_a_connection() {
    let (gitlab, mattermost) = (greeting(), Origin::tcp(responds(|_| ok("chat"))));
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    let configuration = configuration
        .host(Host::new(GITLAB, &gitlab).certificate(&files))
        .host(Host::new(MATTERMOST, &mattermost).certificate(&files));
    let gatepost = Gatepost::start(configuration);
    let mut client = gatepost.http2();
    let other_host = http::Request::get("https://mattermost.test/").body(()).unwrap();
    assert_eq!(client.send(other_host).unwrap().body, b"chat");
}

#[test]
fn connect_is_rejected() {
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
fn a_valid_request_of_handwritten_frames_is_served() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &VALID_REQUEST, Body::None);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(Some(200)));
}

#[test]
fn malformed_fields_are_rejected_or_removed() {
    // RFC 9113 section 8.2: fields that would change their meaning in HTTP/1.1 make a request malformed.
    let malformed_fields = [
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
    for field in malformed_fields {
        let origin = greeting();
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, &[&VALID_REQUEST[..], &[field]].concat(), Body::None);
        let outcome = frames.outcome(1);
        let is_removed = origin
            .heads()
            .iter()
            .all(|head| !head.has(field.0.trim()) && !String::from_utf8_lossy(&head.raw).contains("injected"));
        assert!(outcome.is_rejection() || is_removed, "{field:?} was forwarded: {outcome:?}");
    }
}

#[test]
fn invalid_pseudo_headers_are_rejected() {
    let invalid_requests: [&[(&str, &str)]; 7] = [
        &[(":method", "GET"), (":scheme", "https"), (":authority", GITLAB)],
        &[(":method", "GET"), (":scheme", "https"), (":authority", GITLAB), (":path", "")],
        &[(":method", "GET"), (":scheme", "https"), (":authority", GITLAB), (":path", "?q")],
        &[(":method", "GET"), (":method", "POST"), (":scheme", "https"), (":authority", GITLAB), (":path", "/")],
        &[(":method", "GET"), (":scheme", "https"), (":authority", "a@gitlab.test"), (":path", "/")],
        &[(":method", "GET"), (":scheme", "https"), (":path", "/")],
        &[(":method", "GET / HTTP/1.1"), (":scheme", "https"), (":authority", GITLAB), (":path", "/")],
    ];
    for fields in invalid_requests {
        let origin = greeting();
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, fields, Body::None);
        assert!(frames.outcome(1).is_rejection(), "{fields:?}");
        assert!(origin.heads().is_empty(), "{fields:?}");
    }
}

#[test]
fn a_content_length_that_differs_from_the_data_is_rejected() {
    for length in ["3", "50"] {
        let origin = Origin::tcp(responds(|_| ok("complete?")));
        let gatepost = Gatepost::serving(&origin);
        let mut frames = Frames::connect(gatepost.https(), GITLAB);
        frames.request(1, &[&VALID_REQUEST[..], &[("content-length", length)]].concat(), Body::Follows);
        frames.last_data(1, b"body");
        assert!(frames.outcome(1).is_rejection(), "{length}");
        assert!(origin.requests().is_empty(), "{length}");
    }
}

#[test]
fn a_failed_stream_does_not_affect_other_streams() {
    let (truncated, intact) = (Origin::tcp(truncated_body()), greeting());
    let route = format!("prefix = \"/good\"\nupstream = \"{}\"", intact.upstream());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &truncated).route(&route));
    let mut client = gatepost.http2();
    for _ in 0..3 {
        assert!(client.send(client.request("GET", "/broken")).is_err());
        assert_eq!(client.get("/good").body, b"hello");
    }
}

/// A POST request with this `content-length`, for hosts with a smaller body limit.
fn oversized_post(length: &str) -> [(&str, &str); 5] {
    [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", GITLAB), ("content-length", length)]
}

#[test]
fn an_early_response_does_not_reset_the_stream_while_the_body_is_drained() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("max_request_body = \"1k\""));
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &oversized_post("2000"), Body::Follows);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(None));
    frames.last_data(1, &[b'x'; 2000]);
    frames.request(3, &oversized_post("2000"), Body::Follows);
    assert!(!frames.is_reset_before(1, 3), "the remaining body is read, so the stream is not reset");
}

#[test]
fn a_body_that_continues_long_after_the_response_is_reset() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("max_request_body = \"1k\""));
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.request(1, &oversized_post("2000"), Body::Follows);
    assert_eq!(frames.outcome(1), StreamOutcome::Status(None));
    assert_eq!(frames.outcome(1), StreamOutcome::Reset);
}

#[test]
fn http_1_on_a_connection_that_negotiated_h2_is_rejected() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB).with_alpn(&["h2"]), GITLAB);
    client.request("GET / HTTP/1.1", &[]);
    client.read_until_close();
    assert!(origin.heads().is_empty());
}

#[test]
fn http2_without_tls_is_rejected() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let (received, _) = client.read_until_close();
    assert!(
        received.is_empty() || received.starts_with(b"HTTP/1.1 4") || received.starts_with(b"HTTP/1.1 5"),
        "{received:?}"
    );
}

/// The fields of a valid request.
const VALID_REQUEST: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", GITLAB), (":path", "/open")];

#[test]
fn a_client_that_grants_no_stream_window_times_out() {
    // The socket never blocks: the client reads everything and sends no WINDOW_UPDATE.
    let origin = Origin::tcp(endless_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let mut client = gatepost.http2();
    let request = client.request("GET", "/");
    let exchange = client.start(request).unwrap();
    let (response, _body) = client.head(exchange).unwrap();
    assert_eq!(response.status(), 200);
    client.make_progress_until(|| origin.open_connections() == 0);
}

#[test]
fn a_client_that_stops_reading_times_out_with_bounded_memory() {
    // All windows are open, so the socket blocks.
    let origin = Origin::tcp(endless_response());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("client_timeout = \"1s\""));
    let base = gatepost.memory();
    let mut frames = Frames::connect(gatepost.https(), GITLAB);
    frames.open_windows();
    for stream in [1, 3, 5, 7] {
        frames.request(stream, &VALID_REQUEST, Body::None);
    }
    eventually(TIMEOUT, || origin.connections() == 4);
    eventually(TIMEOUT, || origin.open_connections() == 0);
    let growth = gatepost.memory().saturating_sub(base);
    assert!(growth < 8 * 1024 * 1024, "{growth} bytes were buffered for a client that reads nothing");
    frames.drain();
}

#[test]
fn content_length_beside_chunked_is_removed_from_the_response() {
    let origin = Origin::tcp(responds(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            .to_vec()
    }));
    let gatepost = Gatepost::serving(&origin);
    let response = gatepost.http2().get("/");
    assert_eq!((response.body.as_slice(), response.headers.get("content-length")), (&b"hello"[..], None));
    assert_eq!(gatepost.client().get("/").text(), "hello");
}
