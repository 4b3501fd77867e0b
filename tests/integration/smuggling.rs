//! Ambiguous messages are rejected or forwarded unambiguously.
//!
//! A request hidden in such a message never reaches the upstream as a request.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::message::Message;
use crate::support::origin::{Origin, OriginConnection, ok, responds, response_bytes};

/// Result of an attack.
struct AttackResult {
    responses: Vec<Message>,
    /// Targets of the requests that the upstream received.
    forwarded: Vec<String>,
}

/// Sends raw bytes on a new connection and collects all responses until it ends. The upstream parses
/// strictly; an ambiguous message fails the test.
#[track_caller]
fn attack(raw: &str) -> AttackResult {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    attack_through(&gatepost, &origin, raw)
}

#[track_caller]
fn attack_through(gatepost: &Gatepost, origin: &Origin, raw: &str) -> AttackResult {
    let mut client = gatepost.plain_client_of(GITLAB);
    client.try_send(raw);
    let mut responses = Vec::new();
    // If the proxy waits for the rest of a message or for another request, the receive timeout ends the loop.
    client.wire().set_receive_timeout(RECEIVE_TIMEOUT).unwrap();
    while let Ok(response) = client.try_response() {
        responses.push(response);
    }
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0 || origin.requests().len() == origin.heads().len());
    assert_unambiguous(origin);
    let forwarded = origin.heads().iter().map(|head| String::from_utf8_lossy(head.target()).into_owned()).collect();
    AttackResult { responses, forwarded }
}

/// Fails unless every head that the upstream received has one framing, and no bytes are left over that are
/// not a request.
#[track_caller]
fn assert_unambiguous(origin: &Origin) {
    for head in origin.heads() {
        assert!(head.request_framing().is_ok(), "{}", String::from_utf8_lossy(&head.raw));
    }
    for capture in origin.captures() {
        let text = String::from_utf8_lossy(&capture);
        assert!(text.is_empty() || text.starts_with("GET /") || text.starts_with("POST /"), "{text}");
    }
}

/// Fails unless the only response is 400 and nothing is forwarded.
#[track_caller]
fn assert_rejected(raw: &str) {
    let result = attack(raw);
    let statuses: Vec<_> = result.responses.iter().map(Message::status).collect();
    assert_eq!(statuses, [400], "responses to {raw:?}");
    assert!(result.forwarded.is_empty(), "{:?} was forwarded from {raw:?}", result.forwarded);
}

/// Fails unless the attack is rejected or forwarded as an unambiguous message; the hidden request is never
/// forwarded.
#[track_caller]
fn assert_not_smuggled(raw: &str) {
    let result = attack(raw);
    assert!(
        !result.forwarded.iter().any(|it| it.contains("hidden")),
        "{:?} was forwarded from {raw:?}",
        result.forwarded
    );
    let statuses: BTreeSet<_> = result.responses.iter().map(Message::status).collect();
    assert!(statuses.is_subset(&BTreeSet::from([200, 400, 501])), "statuses {statuses:?} for {raw:?}");
}

/// Returns a POST request with these framing fields and this body.
fn post(framing: &[&str], body: &str) -> String {
    format!("POST /open HTTP/1.1\r\nHost: {GITLAB}\r\n{}\r\n\r\n{body}", framing.join("\r\n"))
}

#[test]
fn content_length_beside_transfer_encoding_is_unambiguous() {
    let chunked_then_hidden = format!("0\r\n\r\n{HIDDEN}");
    let length = format!("Content-Length: {}", chunked_then_hidden.len());
    assert_single_response(&post(&[&length, "Transfer-Encoding: chunked"], &chunked_then_hidden));
    assert_single_response(&post(&["Transfer-Encoding: chunked", &length], &chunked_then_hidden));
}

/// With chunked framing the hidden request is an ordinary second request. A proxy may serve it only if it
/// ends the first message at the same point towards the upstream. RFC 9112 section 6.1 requires closing the
/// connection instead; this proxy closes it.
#[track_caller]
fn assert_single_response(raw: &str) {
    let result = attack(raw);
    assert!(!result.forwarded.iter().any(|it| it.contains("hidden")), "{:?}", result.forwarded);
    assert_eq!(result.responses.len(), 1, "the connection must be closed after an ambiguous request");
}

#[test]
fn different_content_lengths_are_rejected() {
    assert_rejected(&post(&["Content-Length: 0", &format!("Content-Length: {}", HIDDEN.len())], HIDDEN));
    assert_rejected(&post(&[&format!("Content-Length: 0, {}", HIDDEN.len())], HIDDEN));
}

#[test]
fn equal_content_lengths_are_merged_or_rejected() {
    assert_not_smuggled(&post(&["Content-Length: 4", "Content-Length: 4"], "body"));
    assert_not_smuggled(&post(&["Content-Length: 4, 4"], "body"));
}

#[test]
fn a_non_numeric_content_length_is_rejected() {
    for length in ["+4", "-1", "0x4", "4 4", "4,", "", "99999999999999999999999", "4.0", "\u{b}4"] {
        let raw = post(&[&format!("Content-Length: {length}")], "body");
        let result = attack(&raw);
        assert!(result.forwarded.is_empty(), "{length:?} was forwarded");
        assert!(result.responses.iter().all(|it| it.status() == 400), "{length:?}");
    }
}

#[test]
fn transfer_codings_other_than_chunked_are_rejected() {
    let body = format!("0\r\n\r\n{HIDDEN}");
    for coding in
        ["xchunked", "chunked, identity", "identity", "gzip", "chunked;q=1", "\"chunked\"", "chun\u{b}ked"]
    {
        let result = attack(&post(&[&format!("Transfer-Encoding: {coding}")], &body));
        assert!(result.forwarded.is_empty(), "{coding:?}: {:?}", result.forwarded);
        assert!(result.responses.iter().all(|it| matches!(it.status(), 400 | 501)), "{coding:?}");
    }
}

#[test]
fn unusual_spellings_of_chunked_are_unambiguous() {
    let body = format!("4\r\nbody\r\n0\r\n\r\n{HIDDEN}");
    for lines in [
        &["Transfer-Encoding: chunked, chunked"][..],
        &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        &["Transfer-Encoding: gzip, chunked"],
        &["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
        &["Transfer-Encoding : chunked"],
        &["Transfer-Encoding:\tchunked"],
        &["Transfer-Encoding: Chunked"],
        &[" Transfer-Encoding: chunked"],
    ] {
        let result = attack(&post(lines, &body));
        for request in &result.forwarded {
            assert!(["/open", "/hidden"].contains(&request.as_str()), "{lines:?}: {request}");
        }
        let only_hidden = result.forwarded == ["/hidden"];
        assert!(!only_hidden, "{lines:?}: only the hidden request was forwarded");
    }
}

#[test]
fn a_folded_header_line_is_rejected() {
    assert_rejected(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\nX-Folded: a\r\n b\r\n\r\n"));
    assert_rejected(&format!("GET /open HTTP/1.1\r\n Host: {GITLAB}\r\n\r\n"));
}

#[test]
fn spaces_and_controls_in_header_names_are_rejected() {
    for line in ["X : y", "X Y: z", ": empty", "X\u{1}: y", "no colon at all", "X\0: y", "Content-Length : 4"] {
        assert_rejected(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\n{line}\r\n\r\n"));
    }
}

#[test]
fn controls_in_header_values_are_rejected() {
    for value in ["a\0b", "a\rb", "a\u{1}b", "a\u{7f}b"] {
        assert_rejected(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\nX: {value}\r\n\r\n"));
    }
}

#[test]
fn request_lines_with_other_spacing_or_versions_are_rejected() {
    for line in [
        "GET  /open HTTP/1.1",
        "GET /open  HTTP/1.1",
        "GET\t/open\tHTTP/1.1",
        "GET /open HTTP/1.2",
        "GET /open HTTP/9",
    ] {
        let result = attack(&format!("{line}\r\nHost: {GITLAB}\r\n\r\n"));
        assert!(result.forwarded.is_empty(), "{line:?}");
        assert!(result.responses.iter().all(|it| matches!(it.status(), 400 | 505)), "{line:?}");
    }
}

#[test]
fn invalid_chunk_sizes_never_complete_a_request() {
    let bodies = [
        "+4\r\nbody\r\n0\r\n\r\n",
        "-4\r\nbody\r\n0\r\n\r\n",
        "0x4\r\nbody\r\n0\r\n\r\n",
        "4 4\r\nbody\r\n0\r\n\r\n",
        "\r\nbody\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nbody\r\n0\r\n\r\n",
        "10000000000000004\r\nbody\r\n0\r\n\r\n",
        "4\nbody\n0\n\n",
        "4\r\nbodyX\r\n0\r\n\r\n",
        "4\r\nbody0\r\n\r\n",
        "g\r\nbody\r\n0\r\n\r\n",
        "4;a\nb\r\nbody\r\n0\r\n\r\n",
        "4;\nbody\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let origin = Origin::tcp(responds(|_| ok("complete?")));
        let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
        let result = attack_through(&gatepost, &origin, &post(&["Transfer-Encoding: chunked"], body));
        assert!(origin.requests().is_empty(), "{body:?} became a complete request");
        assert!(result.responses.iter().all(|it| it.status() == 400 || it.status() == 502), "{body:?}");
    }
}

#[test]
fn chunk_extensions_are_not_forwarded() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let raw = post(&["Transfer-Encoding: chunked"], "4;a=\"b\"\r\nbody\r\n0;last\r\n\r\n");
    let result = attack_through(&gatepost, &origin, &raw);
    assert_eq!(result.responses[0].text(), "body");
    assert!(!String::from_utf8_lossy(&origin.captures()[0]).contains(';'));
}

#[test]
fn transfer_encoding_on_http_1_0_is_rejected_or_unambiguous() {
    let raw = format!(
        "POST /open HTTP/1.0\r\nHost: {GITLAB}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    assert_not_smuggled(&raw);
}

#[test]
fn the_body_of_a_rejected_request_is_not_parsed_as_a_request() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("max_request_body = \"1\""));
    let length = format!("Content-Length: {}", HIDDEN.len());
    let result = attack_through(&gatepost, &origin, &post(&[&length], HIDDEN));
    assert_eq!(result.responses[0].status(), 413);
    assert!(result.forwarded.is_empty(), "{:?}", result.forwarded);
}

#[test]
fn the_body_of_a_misdirected_request_is_not_parsed_as_a_request() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let raw = format!("POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    let result = attack_through(&gatepost, &origin, &raw);
    assert_eq!(result.responses.iter().map(Message::status).collect::<Vec<_>>(), [421]);
    assert!(result.forwarded.is_empty(), "{:?}", result.forwarded);
}

#[test]
fn a_body_unread_by_the_upstream_is_not_its_next_request() {
    // This upstream responds to each head immediately and parses what follows as the next request. Only a
    // proxy that does not reuse such a connection is safe with it.
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        loop {
            let head = connection.read_head()?;
            connection.send(response_bytes("200 OK", &[], String::from_utf8_lossy(head.target()).as_bytes()))?;
        }
    });
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let length = format!("Content-Length: {}", HIDDEN.len());
    client.request("POST /open HTTP/1.1", &[&length]);
    assert_eq!(client.response().text(), "/open");
    client.try_send(HIDDEN);
    client.try_send(client.request_bytes("GET /next HTTP/1.1", &[]));
    while let Ok(response) = client.try_response() {
        assert_eq!(response.text(), "/next", "the client received the response to the hidden request");
    }
}

/// A request that must never be parsed as a request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: gitlab.test\r\n\r\n";

/// An attack is complete when no data has arrived for this time.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(400);
