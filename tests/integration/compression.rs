//! Which answers are compressed, and that they stay what they are.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::GzDecoder;

use crate::support::TIMEOUT;
use crate::support::client::Client;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::settled;
use crate::support::gatepost::Gatepost;
use crate::support::message::Message;
use crate::support::origin::{Origin, OriginConnection, Script, responds, response_bytes};
use crate::support::pattern::{Pattern, pattern};
use crate::support::signal::{TestSignalReceiver, test_signal};

/// A text that shrinks.
fn text() -> String {
    "all work and no play ".repeat(100)
}

/// What `compression` makes of an answer with these fields, for a client that accepts gzip.
fn compressed_by(compression: &str, status: &str, fields: &[(&str, &str)]) -> Message {
    answer_to(compression, &response_bytes(status, fields, text()), &["Accept-Encoding: gzip"])
}

fn answer_to(compression: &str, answer: &[u8], request: &[&str]) -> Message {
    let origin = Origin::tcp(responds({
        let answer = answer.to_vec();
        move |_| answer.clone()
    }));
    let host = Host::new(GITLAB, &origin).with(&format!("compression = {compression}"));
    Gatepost::with_host(host).client().get_with("/", request)
}

fn is_compressed(answer: &Message) -> bool {
    let says_so = answer.head.value("content-encoding") == Some("gzip");
    assert_eq!(says_so, answer.body.starts_with(&[0x1f, 0x8b]), "the header and the body disagree");
    says_so
}

fn decompressed(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

const HTML: (&str, &str) = ("Content-Type", "text/html; charset=utf-8");

#[test]
fn a_page_is_compressed_for_a_client_that_accepts_gzip() {
    let answer = compressed_by("true", "200 OK", &[HTML, ("ETag", "\"1\""), ("Accept-Ranges", "bytes")]);
    assert!(is_compressed(&answer));
    assert_eq!(decompressed(&answer.body), text().as_bytes());
    assert!(answer.body.len() < text().len() / 4);
    assert_eq!(answer.head.value("vary"), Some("Accept-Encoding"));
    assert_eq!(answer.head.value("etag"), Some("W/\"1\""));
    assert!(!answer.head.has("content-length") && !answer.head.has("accept-ranges"));
}

#[test]
fn other_clients_get_it_as_it_is_and_caches_are_told() {
    for fields in [&[][..], &["Accept-Encoding: br, *"], &["Accept-Encoding: gzip;q=0"]] {
        let answer = answer_to("true", &response_bytes("200 OK", &[HTML, ("ETag", "\"1\"")], text()), fields);
        assert!(!is_compressed(&answer), "{fields:?}");
        assert_eq!(answer.text(), text());
        assert_eq!(answer.head.value("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.head.value("etag"), Some("\"1\""));
        assert_eq!(answer.head.value("content-length"), Some("2100"));
    }
}

#[test]
fn nothing_is_compressed_unless_the_configuration_says_so() {
    let answer = compressed_by("false", "200 OK", &[HTML]);
    assert!(!is_compressed(&answer) && !answer.head.has("vary"));
}

#[test]
fn only_some_statuses_are_compressed() {
    for status in ["200 OK", "403 Forbidden", "404 Not Found"] {
        assert!(is_compressed(&compressed_by("true", status, &[HTML])), "{status}");
    }
    for status in ["201 Created", "206 Partial Content", "401 Unauthorized", "500 Internal Server Error"] {
        let answer = compressed_by("true", status, &[HTML]);
        assert!(!is_compressed(&answer) && !answer.head.has("vary"), "{status}");
    }
}

#[test]
fn answers_without_a_body_stay_without() {
    for status in ["204 No Content", "304 Not Modified"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nETag: \"1\"\r\n\r\n");
        let answer = answer_to("{ min_length = 0 }", answer.as_bytes(), &["Accept-Encoding: gzip"]);
        assert!(!answer.head.has("content-encoding") && answer.body.is_empty(), "{status}");
        assert_eq!(answer.head.value("etag"), Some("\"1\""));
    }
}

#[test]
fn only_listed_types_are_compressed() {
    let listed = r#"{ types = ["text/x-own"] }"#;
    assert!(is_compressed(&compressed_by(listed, "200 OK", &[("Content-Type", "Text/X-Own;v=1")])));
    assert!(!is_compressed(&compressed_by(listed, "200 OK", &[HTML])));
    assert!(!is_compressed(&compressed_by(listed, "200 OK", &[])));
    assert!(is_compressed(&compressed_by(r#"{ types = "*" }"#, "200 OK", &[("Content-Type", "video/mp4")])));
}

#[test]
fn what_is_encoded_already_stays_as_it_is() {
    let answer = compressed_by("true", "200 OK", &[HTML, ("Content-Encoding", "br")]);
    assert_eq!(answer.head.value("content-encoding"), Some("br"));
    assert_eq!(answer.text(), text());
    assert!(!answer.head.has("vary"));
}

#[test]
fn short_answers_stay_as_they_are() {
    let of_length = |length: usize| {
        let answer = response_bytes("200 OK", &[HTML], "a".repeat(length));
        is_compressed(&answer_to("{ min_length = 300 }", &answer, &["Accept-Encoding: gzip"]))
    };
    assert!(!of_length(299));
    assert!(of_length(300));
}

#[test]
fn an_answer_of_unknown_length_is_compressed_and_ends_where_it_ended() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
                  3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let answer = answer_to("true", answer.as_bytes(), &["Accept-Encoding: gzip"]);
    assert!(is_compressed(&answer));
    assert_eq!(decompressed(&answer.body), b"hello");
}

#[test]
fn vary_is_added_to_that_of_the_application_and_can_be_left_out() {
    let with = |compression, vary| compressed_by(compression, "200 OK", &[HTML, ("Vary", vary)]);
    assert_eq!(with("true", "Origin").head.values("vary"), ["Accept-Encoding", "Origin"]);
    assert_eq!(with("{ vary = false }", "Origin").head.values("vary"), ["Origin"]);
}

#[test]
fn what_other_proxies_may_store_is_not_compressed_for_them() {
    let for_proxy = |compression, cache_control| {
        let answer = response_bytes("200 OK", &[HTML, ("Cache-Control", cache_control)], text());
        is_compressed(&answer_to(compression, &answer, &["Accept-Encoding: gzip", "Via: 1.1 other"]))
    };
    assert!(!for_proxy("true", "public"));
    assert!(for_proxy("true", "private"));
    assert!(for_proxy(r#"{ proxied = "any" }"#, "public"));
    assert!(!for_proxy(r#"{ proxied = "off" }"#, "private"));
    let answer = response_bytes("200 OK", &[HTML, ("Cache-Control", "public")], text());
    let authorized = ["Accept-Encoding: gzip", "Via: 1.1 other", "Authorization: Basic cm9vdDp4"];
    assert!(is_compressed(&answer_to("true", &answer, &authorized)));
}

#[test]
fn clients_of_http_1_0_get_compressed_answers_only_if_the_configuration_says_so() {
    for (compression, expected) in [("true", false), (r#"{ http_version = "1.0" }"#, true)] {
        let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
        let host = Host::new(GITLAB, &origin).with(&format!("compression = {compression}"));
        let gatepost = Gatepost::with_host(host);
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.0", &["Accept-Encoding: gzip"]);
        let answer = client.answer();
        assert_eq!(is_compressed(&answer), expected);
        let plain = if expected { decompressed(&answer.body) } else { answer.body };
        assert_eq!(plain, text().as_bytes());
    }
}

#[test]
fn head_is_told_what_get_would_be() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"1\"\r\nContent-Length: 2100\r\n\r\n";
    let origin = Origin::tcp(responds(move |_| head.into()));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("HEAD / HTTP/1.1", &["Accept-Encoding: gzip"]);
        let head = client.answer_to("HEAD").head;
        assert_eq!(head.value("content-encoding"), Some("gzip"));
        assert_eq!(head.value("etag"), Some("W/\"1\""));
        assert!(!head.has("content-length"));
    }
    let mut http2 = gatepost.http2();
    let mut request = http2.request("HEAD", "/");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let answer = http2.send(request).unwrap();
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert!(answer.body.is_empty());
}

#[test]
fn answers_of_the_proxy_itself_and_files_are_compressed_too() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[], "")));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("page.html"), text()).unwrap();
    let host = Host::new(GITLAB, &origin)
        .with("compression = true")
        .route(&format!("exact = \"/own\"\nrespond = {{ content_type = \"text/html\", body = {:?} }}", text()))
        .route(&format!("prefix = \"/\"\nfiles = {{ root = {:?} }}", directory.path()));
    let gatepost = Gatepost::with_host(host);
    for target in ["/own", "/page.html"] {
        let answer = gatepost.client().get_with(target, &["Accept-Encoding: gzip"]);
        assert!(is_compressed(&answer), "{target}");
        assert_eq!(decompressed(&answer.body), text().as_bytes(), "{target}");
    }
}

#[test]
fn pages_arrive_whole_over_http2() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut http2 = gatepost.http2();
    let mut request = http2.request("GET", "/");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let answer = http2.send(request).unwrap();
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(decompressed(&answer.body), text().as_bytes());
}

/// Sends a line of text for each cue, and then ends.
fn line_per_signal(signal: TestSignalReceiver, lines: usize) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for _ in 0..lines {
            app.wait_for(&signal)?;
            app.send("5\r\nline\n\r\n")?;
        }
        app.send("0\r\n\r\n")
    }
}

/// Reads chunks until `expected` has come out of the decoder.
fn read_until(client: &mut Client, decoder: &mut flate2::write::GzDecoder<Vec<u8>>, expected: &[u8]) {
    while decoder.get_ref() != expected {
        let chunk = client.chunk();
        assert!(!chunk.is_empty(), "the answer ended after {:?}", decoder.get_ref());
        decoder.write_all(&chunk).unwrap();
        decoder.flush().unwrap();
    }
}

#[test]
fn what_the_application_has_sent_is_not_held_back() {
    let (next, signal) = test_signal();
    let origin = Origin::tcp(line_per_signal(signal, 3));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &["Accept-Encoding: gzip"]);
    assert_eq!(client.head().value("content-encoding"), Some("gzip"));
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    for lines in 1..=3 {
        next.send();
        read_until(&mut client, &mut decoder, "line\n".repeat(lines).as_bytes());
    }
    let end = client.chunk();
    decoder.write_all(&end).unwrap();
    assert_eq!(decoder.finish().unwrap(), "line\n".repeat(3).as_bytes());
    assert!(end.is_empty() || client.chunk().is_empty());
}

#[test]
fn a_large_answer_arrives_whole() {
    let length = 8 << 20;
    let origin = Origin::tcp(responds(move |_| response_bytes("200 OK", &[HTML], pattern(length))));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        let answer = client.get_with("/", &["Accept-Encoding: gzip"]);
        assert!(is_compressed(&answer));
        let mut expected = Pattern::default();
        expected.check(&decompressed(&answer.body));
        assert_eq!(expected.offset(), length as u64);
    }
}

/// Bytes that do not shrink, without an end; counts those that went out.
fn noise(sent: Arc<AtomicU64>) -> impl Script {
    move |app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
        let mut state = 1_u64;
        loop {
            let mut piece = Vec::with_capacity(64 << 10);
            while piece.len() < 64 << 10 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                piece.extend_from_slice(&state.to_be_bytes()[..4]);
            }
            app.send(&piece)?;
            sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_client_that_does_not_read_stops_the_application() {
    let sent = Arc::new(AtomicU64::new(0));
    let origin = Origin::tcp(noise(Arc::clone(&sent)));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &["Accept-Encoding: gzip"]);
    assert_eq!(client.head().value("content-encoding"), Some("gzip"));
    let taken = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(taken < 64 << 20, "{taken} bytes went to a client that reads nothing");
}

#[test]
fn an_answer_that_breaks_off_does_not_look_complete() {
    let origin = Origin::tcp(|app: &mut OriginConnection| -> io::Result<()> {
        app.read_request()?;
        app.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhello")
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &["Accept-Encoding: gzip"]);
    assert!(client.try_answer().is_err());
}

#[test]
fn the_access_log_tells_how_much_smaller_a_body_became() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
    let format = r#"access_log_format = "$body_bytes_sent $upstream_response_length $gzip_ratio""#;
    for log_format in ["", format] {
        let host = Host::new(GITLAB, &origin).with("compression = true").with(log_format);
        let gatepost = Gatepost::with_host(host);
        let answer = gatepost.client().get_with("/", &["Accept-Encoding: gzip"]);
        let line = gatepost.access_log(1).remove(0);
        let ratio: f64 = line.split(' ').next_back().unwrap().parse().unwrap();
        let expected = text().len() as f64 / answer.body.len() as f64;
        assert!((ratio - expected).abs() < 0.006, "{expected} is not in {line}");
        assert!(log_format.is_empty() || line.starts_with(&format!("{} 2100 ", answer.body.len())), "{line}");
    }
}

#[test]
fn a_gitlab_rb_compresses_the_pages_of_gitlab_unless_it_says_otherwise() {
    for (lines, expected) in [("", true), ("nginx['gzip_enabled'] = false\n", false)] {
        let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
        let gatepost = Gatepost::serving_gitlab_rb(&origin, lines);
        let answer = gatepost.plain_client_of(GITLAB).get_with("/", &["Accept-Encoding: gzip"]);
        assert_eq!(is_compressed(&answer), expected, "{lines}");
    }
}
