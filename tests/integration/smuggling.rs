//! Messages that two parsers could read differently: refused, or passed on in a form that has one
//! reading. Whatever hides in them never reaches the application as a request.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::message::Message;
use crate::support::origin::{Origin, OriginConnection, ok, responds, response_bytes};

/// What came of an attack.
struct Outcome {
    responses: Vec<Message>,
    /// Targets of the requests that the application received.
    received: Vec<String>,
}

/// Sends raw bytes on a connection of their own and collects everything until it ends. The application
/// reads strictly; a message with two readings fails the test.
#[track_caller]
fn attack(raw: &str) -> Outcome {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    attack_through(&gatepost, &origin, raw)
}

#[track_caller]
fn attack_through(gatepost: &Gatepost, origin: &Origin, raw: &str) -> Outcome {
    let mut client = gatepost.plain_client_of(GITLAB);
    client.try_send(raw);
    let mut responses = Vec::new();
    // Where the proxy waits for more of an incomplete message, or for another request, silence ends it.
    client.wire().set_patience(SILENCE).unwrap();
    while let Ok(answer) = client.try_answer() {
        responses.push(answer);
    }
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0 || origin.requests().len() == origin.heads().len());
    assert_one_reading(origin);
    let received = origin.heads().iter().map(|head| String::from_utf8_lossy(head.target()).into_owned()).collect();
    Outcome { responses, received }
}

/// Every head the application saw has at most one framing, and nothing it was sent is left over as
/// something that is no request.
#[track_caller]
fn assert_one_reading(origin: &Origin) {
    for head in origin.heads() {
        assert!(head.request_framing().is_ok(), "{}", String::from_utf8_lossy(&head.raw));
    }
    for capture in origin.captures() {
        let text = String::from_utf8_lossy(&capture);
        assert!(text.is_empty() || text.starts_with("GET /") || text.starts_with("POST /"), "{text}");
    }
}

/// The attack is answered with 400 and nothing else happens.
#[track_caller]
fn assert_refused(raw: &str) {
    let outcome = attack(raw);
    let statuses: Vec<_> = outcome.responses.iter().map(Message::status).collect();
    assert_eq!(statuses, [400], "to {raw:?}");
    assert!(outcome.received.is_empty(), "{:?} was passed on from {raw:?}", outcome.received);
}

/// The attack is refused, or passed on as a message with one reading; what hides in it goes nowhere.
#[track_caller]
fn assert_harmless(raw: &str) {
    let outcome = attack(raw);
    assert!(!outcome.received.iter().any(|it| it.contains("hidden")), "{:?} from {raw:?}", outcome.received);
    let statuses: BTreeSet<_> = outcome.responses.iter().map(Message::status).collect();
    assert!(statuses.is_subset(&BTreeSet::from([200, 400, 501])), "{statuses:?} to {raw:?}");
}

/// A POST with these framing lines and this body, followed by nothing.
fn post(framing: &[&str], body: &str) -> String {
    format!("POST /open HTTP/1.1\r\nHost: {GITLAB}\r\n{}\r\n\r\n{body}", framing.join("\r\n"))
}

#[test]
fn a_length_beside_a_transfer_coding_has_no_second_reading() {
    let chunked_then_hidden = format!("0\r\n\r\n{HIDDEN}");
    let length = format!("Content-Length: {}", chunked_then_hidden.len());
    assert_harmless_but_second(&post(&[&length, "Transfer-Encoding: chunked"], &chunked_then_hidden));
    assert_harmless_but_second(&post(&["Transfer-Encoding: chunked", &length], &chunked_then_hidden));
}

/// By chunked framing the hidden request is an ordinary second one. A proxy may answer it as such only
/// if it closed the first message the same way towards the application; RFC 9112 section 6.1 wants the
/// connection closed instead, and so do we.
#[track_caller]
fn assert_harmless_but_second(raw: &str) {
    let outcome = attack(raw);
    assert!(!outcome.received.iter().any(|it| it.contains("hidden")), "{:?}", outcome.received);
    assert_eq!(outcome.responses.len(), 1, "the connection must end after an ambiguous request");
}

#[test]
fn lengths_that_differ_are_refused() {
    assert_refused(&post(&["Content-Length: 0", &format!("Content-Length: {}", HIDDEN.len())], HIDDEN));
    assert_refused(&post(&[&format!("Content-Length: 0, {}", HIDDEN.len())], HIDDEN));
}

#[test]
fn equal_lengths_are_one_length_or_refused() {
    assert_harmless(&post(&["Content-Length: 4", "Content-Length: 4"], "body"));
    assert_harmless(&post(&["Content-Length: 4, 4"], "body"));
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    for length in ["+4", "-1", "0x4", "4 4", "4,", "", "99999999999999999999999", "4.0", "\u{b}4"] {
        let raw = post(&[&format!("Content-Length: {length}")], "body");
        let outcome = attack(&raw);
        assert!(outcome.received.is_empty(), "{length:?} was passed on");
        assert!(outcome.responses.iter().all(|it| it.status() == 400), "{length:?}");
    }
}

#[test]
fn transfer_codings_that_are_not_exactly_chunked_are_refused() {
    let body = format!("0\r\n\r\n{HIDDEN}");
    for coding in
        ["xchunked", "chunked, identity", "identity", "gzip", "chunked;q=1", "\"chunked\"", "chun\u{b}ked"]
    {
        let outcome = attack(&post(&[&format!("Transfer-Encoding: {coding}")], &body));
        assert!(outcome.received.is_empty(), "{coding:?}: {:?}", outcome.received);
        assert!(outcome.responses.iter().all(|it| matches!(it.status(), 400 | 501)), "{coding:?}");
    }
}

#[test]
fn unusual_ways_to_write_chunked_have_one_reading() {
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
        let outcome = attack(&post(lines, &body));
        for request in &outcome.received {
            assert!(["/open", "/hidden"].contains(&request.as_str()), "{lines:?}: {request}");
        }
        let hidden_alone = outcome.received == ["/hidden"];
        assert!(!hidden_alone, "{lines:?}: only the hidden request arrived");
    }
}

#[test]
fn a_folded_header_line_is_refused() {
    assert_refused(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\nX-Folded: a\r\n b\r\n\r\n"));
    assert_refused(&format!("GET /open HTTP/1.1\r\n Host: {GITLAB}\r\n\r\n"));
}

#[test]
fn spaces_and_controls_in_header_names_are_refused() {
    for line in ["X : y", "X Y: z", ": empty", "X\u{1}: y", "no colon at all", "X\0: y", "Content-Length : 4"] {
        assert_refused(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\n{line}\r\n\r\n"));
    }
}

#[test]
fn controls_in_header_values_are_refused() {
    for value in ["a\0b", "a\rb", "a\u{1}b", "a\u{7f}b"] {
        assert_refused(&format!("GET /open HTTP/1.1\r\nHost: {GITLAB}\r\nX: {value}\r\n\r\n"));
    }
}

#[test]
fn request_lines_with_other_spacing_or_versions_are_refused() {
    for line in [
        "GET  /open HTTP/1.1",
        "GET /open  HTTP/1.1",
        "GET\t/open\tHTTP/1.1",
        "GET /open HTTP/1.2",
        "GET /open HTTP/9",
    ] {
        let outcome = attack(&format!("{line}\r\nHost: {GITLAB}\r\n\r\n"));
        assert!(outcome.received.is_empty(), "{line:?}");
        assert!(outcome.responses.iter().all(|it| matches!(it.status(), 400 | 505)), "{line:?}");
    }
}

#[test]
fn bad_chunk_sizes_never_make_a_complete_request() {
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
        let outcome = attack_through(&gatepost, &origin, &post(&["Transfer-Encoding: chunked"], body));
        assert!(origin.requests().is_empty(), "{body:?} became a complete request");
        assert!(outcome.responses.iter().all(|it| it.status() == 400 || it.status() == 502), "{body:?}");
    }
}

#[test]
fn chunk_extensions_are_not_passed_on() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let raw = post(&["Transfer-Encoding: chunked"], "4;a=\"b\"\r\nbody\r\n0;last\r\n\r\n");
    let outcome = attack_through(&gatepost, &origin, &raw);
    assert_eq!(outcome.responses[0].text(), "body");
    assert!(!String::from_utf8_lossy(&origin.captures()[0]).contains(';'));
}

#[test]
fn a_transfer_coding_on_http_1_0_is_refused_or_has_one_reading() {
    let raw = format!(
        "POST /open HTTP/1.0\r\nHost: {GITLAB}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    assert_harmless(&raw);
}

#[test]
fn what_follows_a_request_that_was_refused_early_is_no_request() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("max_body = \"1\""));
    let length = format!("Content-Length: {}", HIDDEN.len());
    let outcome = attack_through(&gatepost, &origin, &post(&[&length], HIDDEN));
    assert_eq!(outcome.responses[0].status(), 413);
    assert!(outcome.received.is_empty(), "{:?}", outcome.received);
}

#[test]
fn the_body_of_a_misdirected_request_is_no_request() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let raw = format!("POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    let outcome = attack_through(&gatepost, &origin, &raw);
    assert_eq!(outcome.responses.iter().map(Message::status).collect::<Vec<_>>(), [421]);
    assert!(outcome.received.is_empty(), "{:?}", outcome.received);
}

#[test]
fn a_body_that_the_application_did_not_read_is_not_the_next_request_there() {
    // The application answers each head at once and then takes whatever follows as the next request:
    // what a careless server does. Only a proxy that gives such a connection up is safe with it.
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        loop {
            let head = app.read_head()?;
            app.send(response_bytes("200 OK", &[], String::from_utf8_lossy(head.target()).as_bytes()))?;
        }
    });
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let length = format!("Content-Length: {}", HIDDEN.len());
    client.request("POST /open HTTP/1.1", &[&length]);
    assert_eq!(client.answer().text(), "/open");
    client.try_send(HIDDEN);
    client.try_send(client.request_bytes("GET /next HTTP/1.1", &[]));
    while let Ok(answer) = client.try_answer() {
        assert_eq!(answer.text(), "/next", "an answer to the hidden request was given to the client");
    }
}

/// A request that must never be seen as one.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: gitlab.test\r\n\r\n";

/// How long nothing may come before an attack counts as answered.
const SILENCE: Duration = Duration::from_millis(400);
