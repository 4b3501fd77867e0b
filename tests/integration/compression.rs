//! Response compression: which responses are compressed, and that they stay intact.

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

/// A compressible text.
fn text() -> String {
    "all work and no play ".repeat(100)
}

/// Returns the response to a client that accepts gzip, for an upstream response with these fields.
fn response_compressed_by(compression: &str, status: &str, fields: &[(&str, &str)]) -> Message {
    response_to(compression, &response_bytes(status, fields, text()), &["Accept-Encoding: gzip"])
}

fn response_to(compression: &str, response: &[u8], request: &[&str]) -> Message {
    let origin = Origin::tcp(responds({
        let response = response.to_vec();
        move |_| response.clone()
    }));
    let host = Host::new(GITLAB, &origin).with(&format!("compression = {compression}"));
    Gatepost::with_host(host).client().get_with("/", request)
}

fn is_compressed(response: &Message) -> bool {
    let has_header = response.head.value("content-encoding") == Some("gzip");
    assert_eq!(has_header, response.body.starts_with(&[0x1f, 0x8b]), "Content-Encoding does not match the body");
    has_header
}

fn decompressed(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

const HTML: (&str, &str) = ("Content-Type", "text/html; charset=utf-8");

#[test]
fn html_is_compressed_for_a_client_that_accepts_gzip() {
    let response = response_compressed_by("true", "200 OK", &[HTML, ("ETag", "\"1\""), ("Accept-Ranges", "bytes")]);
    assert!(is_compressed(&response));
    assert_eq!(decompressed(&response.body), text().as_bytes());
    assert!(response.body.len() < text().len() / 4);
    assert_eq!(response.head.value("vary"), Some("Accept-Encoding"));
    assert_eq!(response.head.value("etag"), Some("W/\"1\""));
    assert!(!response.head.has("content-length") && !response.head.has("accept-ranges"));
}

#[test]
fn other_clients_get_an_uncompressed_response_with_vary() {
    for fields in [&[][..], &["Accept-Encoding: br, *"], &["Accept-Encoding: gzip;q=0"]] {
        let response = response_to("true", &response_bytes("200 OK", &[HTML, ("ETag", "\"1\"")], text()), fields);
        assert!(!is_compressed(&response), "{fields:?}");
        assert_eq!(response.text(), text());
        assert_eq!(response.head.value("vary"), Some("Accept-Encoding"));
        assert_eq!(response.head.value("etag"), Some("\"1\""));
        assert_eq!(response.head.value("content-length"), Some("2100"));
    }
}

#[test]
fn compression_off_leaves_responses_unchanged() {
    let response = response_compressed_by("false", "200 OK", &[HTML]);
    assert!(!is_compressed(&response) && !response.head.has("vary"));
}

#[test]
fn only_200_403_and_404_are_compressed() {
    for status in ["200 OK", "403 Forbidden", "404 Not Found"] {
        assert!(is_compressed(&response_compressed_by("true", status, &[HTML])), "{status}");
    }
    for status in ["201 Created", "206 Partial Content", "401 Unauthorized", "500 Internal Server Error"] {
        let response = response_compressed_by("true", status, &[HTML]);
        assert!(!is_compressed(&response) && !response.head.has("vary"), "{status}");
    }
}

#[test]
fn responses_without_body_stay_without_body() {
    for status in ["204 No Content", "304 Not Modified"] {
        let response = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nETag: \"1\"\r\n\r\n");
        let response = response_to("{ min_length = 0 }", response.as_bytes(), &["Accept-Encoding: gzip"]);
        assert!(!response.head.has("content-encoding") && response.body.is_empty(), "{status}");
        assert_eq!(response.head.value("etag"), Some("\"1\""));
    }
}

#[test]
fn only_listed_media_types_are_compressed() {
    let settings = r#"{ types = ["text/x-own"] }"#;
    assert!(is_compressed(&response_compressed_by(settings, "200 OK", &[("Content-Type", "Text/X-Own;v=1")])));
    assert!(!is_compressed(&response_compressed_by(settings, "200 OK", &[HTML])));
    assert!(!is_compressed(&response_compressed_by(settings, "200 OK", &[])));
    assert!(is_compressed(&response_compressed_by(
        r#"{ types = "*" }"#,
        "200 OK",
        &[("Content-Type", "video/mp4")]
    )));
}

#[test]
fn encoded_responses_are_not_compressed_again() {
    let response = response_compressed_by("true", "200 OK", &[HTML, ("Content-Encoding", "br")]);
    assert_eq!(response.head.value("content-encoding"), Some("br"));
    assert_eq!(response.text(), text());
    assert!(!response.head.has("vary"));
}

#[test]
fn responses_below_min_length_are_not_compressed() {
    let is_compressed_at_length = |length: usize| {
        let response = response_bytes("200 OK", &[HTML], "a".repeat(length));
        is_compressed(&response_to("{ min_length = 300 }", &response, &["Accept-Encoding: gzip"]))
    };
    assert!(!is_compressed_at_length(299));
    assert!(is_compressed_at_length(300));
}

#[test]
fn a_chunked_response_is_compressed_completely() {
    let response = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n\
                  3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    let response = response_to("true", response.as_bytes(), &["Accept-Encoding: gzip"]);
    assert!(is_compressed(&response));
    assert_eq!(decompressed(&response.body), b"hello");
}

#[test]
fn vary_is_added_to_the_upstream_vary_unless_disabled() {
    let with = |compression, vary| response_compressed_by(compression, "200 OK", &[HTML, ("Vary", vary)]);
    assert_eq!(with("true", "Origin").head.values("vary"), ["Accept-Encoding", "Origin"]);
    assert_eq!(with("{ vary = false }", "Origin").head.values("vary"), ["Origin"]);
}

#[test]
fn requests_with_via_are_compressed_according_to_proxied() {
    let for_proxy = |compression, cache_control| {
        let response = response_bytes("200 OK", &[HTML, ("Cache-Control", cache_control)], text());
        is_compressed(&response_to(compression, &response, &["Accept-Encoding: gzip", "Via: 1.1 other"]))
    };
    assert!(!for_proxy("true", "public"));
    assert!(for_proxy("true", "private"));
    assert!(for_proxy(r#"{ proxied = "any" }"#, "public"));
    assert!(!for_proxy(r#"{ proxied = "off" }"#, "private"));
    let response = response_bytes("200 OK", &[HTML, ("Cache-Control", "public")], text());
    let authorized = ["Accept-Encoding: gzip", "Via: 1.1 other", "Authorization: Basic cm9vdDp4"];
    assert!(is_compressed(&response_to("true", &response, &authorized)));
}

#[test]
fn http_1_0_clients_get_compressed_responses_only_if_configured() {
    for (compression, expected) in [("true", false), (r#"{ http_version = "1.0" }"#, true)] {
        let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
        let host = Host::new(GITLAB, &origin).with(&format!("compression = {compression}"));
        let gatepost = Gatepost::with_host(host);
        let mut client = gatepost.client();
        client.request("GET / HTTP/1.0", &["Accept-Encoding: gzip"]);
        let response = client.response();
        assert_eq!(is_compressed(&response), expected);
        let plain = if expected { decompressed(&response.body) } else { response.body };
        assert_eq!(plain, text().as_bytes());
    }
}

#[test]
fn head_has_the_compression_headers_of_get() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"1\"\r\nContent-Length: 2100\r\n\r\n";
    let origin = Origin::tcp(responds(move |_| head.into()));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        client.request("HEAD / HTTP/1.1", &["Accept-Encoding: gzip"]);
        let head = client.response_to("HEAD").head;
        assert_eq!(head.value("content-encoding"), Some("gzip"));
        assert_eq!(head.value("etag"), Some("W/\"1\""));
        assert!(!head.has("content-length"));
    }
    let mut http2 = gatepost.http2();
    let mut request = http2.request("HEAD", "/");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let response = http2.send(request).unwrap();
    assert_eq!(response.headers["content-encoding"], "gzip");
    assert!(response.body.is_empty());
}

#[test]
fn local_responses_and_static_files_are_compressed() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[], "")));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("page.html"), text()).unwrap();
    let host = Host::new(GITLAB, &origin)
        .with("compression = true")
        .route(&format!("exact = \"/own\"\nrespond = {{ content_type = \"text/html\", body = {:?} }}", text()))
        .route(&format!("prefix = \"/\"\nfiles = {{ root = {:?} }}", directory.path()));
    let gatepost = Gatepost::with_host(host);
    for target in ["/own", "/page.html"] {
        let response = gatepost.client().get_with(target, &["Accept-Encoding: gzip"]);
        assert!(is_compressed(&response), "{target}");
        assert_eq!(decompressed(&response.body), text().as_bytes(), "{target}");
    }
}

#[test]
fn compressed_responses_are_complete_over_http2() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut http2 = gatepost.http2();
    let mut request = http2.request("GET", "/");
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let response = http2.send(request).unwrap();
    assert_eq!(response.headers["content-encoding"], "gzip");
    assert_eq!(decompressed(&response.body), text().as_bytes());
}

/// Sends one line of text for each signal, then ends the response.
fn line_per_signal(signal: TestSignalReceiver, lines: usize) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for _ in 0..lines {
            connection.wait_for(&signal)?;
            connection.send("5\r\nline\n\r\n")?;
        }
        connection.send("0\r\n\r\n")
    }
}

/// Reads chunks until the decoder has returned `expected`.
fn read_until(client: &mut Client, decoder: &mut flate2::write::GzDecoder<Vec<u8>>, expected: &[u8]) {
    while decoder.get_ref() != expected {
        let chunk = client.chunk();
        assert!(!chunk.is_empty(), "the response ended after {:?}", decoder.get_ref());
        decoder.write_all(&chunk).unwrap();
        decoder.flush().unwrap();
    }
}

#[test]
fn each_upstream_chunk_is_flushed_through_the_compressor() {
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
fn a_large_compressed_response_is_complete() {
    let length = 8 << 20;
    let origin = Origin::tcp(responds(move |_| response_bytes("200 OK", &[HTML], pattern(length))));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        let response = client.get_with("/", &["Accept-Encoding: gzip"]);
        assert!(is_compressed(&response));
        let mut expected = Pattern::default();
        expected.check(&decompressed(&response.body));
        assert_eq!(expected.offset(), length as u64);
    }
}

/// Sends endless incompressible data and counts the bytes sent.
fn incompressible_stream(sent: Arc<AtomicU64>) -> impl Script {
    move |connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
        let mut state = 1_u64;
        loop {
            let mut piece = Vec::with_capacity(64 << 10);
            while piece.len() < 64 << 10 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                piece.extend_from_slice(&state.to_be_bytes()[..4]);
            }
            connection.send(&piece)?;
            sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_client_that_does_not_read_applies_backpressure_to_the_upstream() {
    let sent = Arc::new(AtomicU64::new(0));
    let origin = Origin::tcp(incompressible_stream(Arc::clone(&sent)));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &["Accept-Encoding: gzip"]);
    assert_eq!(client.head().value("content-encoding"), Some("gzip"));
    let taken = settled(TIMEOUT, || sent.load(Ordering::Relaxed));
    assert!(taken < 64 << 20, "{taken} bytes were read from the upstream for a client that reads nothing");
}

#[test]
fn a_truncated_compressed_response_does_not_look_complete() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| -> io::Result<()> {
        connection.read_request()?;
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhello")
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &["Accept-Encoding: gzip"]);
    assert!(client.try_response().is_err());
}

#[test]
fn the_access_log_has_the_compression_ratio() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
    let format = r#"access_log_format = "$body_bytes_sent $upstream_response_length $gzip_ratio""#;
    for log_format in ["", format] {
        let host = Host::new(GITLAB, &origin).with("compression = true").with(log_format);
        let gatepost = Gatepost::with_host(host);
        let response = gatepost.client().get_with("/", &["Accept-Encoding: gzip"]);
        let line = gatepost.access_log(1).remove(0);
        let ratio: f64 = line.split(' ').next_back().unwrap().parse().unwrap();
        let expected = text().len() as f64 / response.body.len() as f64;
        assert!((ratio - expected).abs() < 0.006, "{expected} is not in {line}");
        assert!(log_format.is_empty() || line.starts_with(&format!("{} 2100 ", response.body.len())), "{line}");
    }
}

#[test]
fn gitlab_rb_compresses_responses_unless_gzip_is_disabled() {
    for (lines, expected) in [("", true), ("nginx['gzip_enabled'] = false\n", false)] {
        let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[HTML], text())));
        let gatepost = Gatepost::serving_gitlab_rb(&origin, lines);
        let response = gatepost.plain_client_of(GITLAB).get_with("/", &["Accept-Encoding: gzip"]);
        assert_eq!(is_compressed(&response), expected, "{lines}");
    }
}
