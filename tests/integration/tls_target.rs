//! What a good TLS server does, whoever made it: checked against the program, or against any address.
//!
//! `tests/README.md` says how to name the address. So nothing here may depend on what is configured there, or on
//! what the application behind it answers.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion};

use crate::support::client::{Client, ConnectionEnd};
use crate::support::client_hello::{ClientHello, HANDSHAKE};
use crate::support::target::Target;
use crate::support::tls::{EarlyData, Tls, TlsStream};
use crate::support::tls_records::{ALERT, APPLICATION_DATA, TlsRecord, TlsRecords};

#[test]
fn tls_1_2_and_1_3_are_served() {
    let target = Target::new();
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = Arc::new(target.tls().only(version).connect(target.address).unwrap());
        assert_eq!(stream.version(), Some(expected));
        Client::new(stream, &target.authority()).get("/");
    }
}

/// The type of the first record that comes in answer to a hello; `None` if the connection just ends.
fn response_to_client_hello(target: &Target, version: u16) -> Option<u8> {
    let mut client = target.plain_client();
    client.send(ClientHello { version, name: target.name(), last_finished: &[] }.record());
    client.wire().read_exactly(1).ok().map(|bytes| bytes[0])
}

#[test]
fn versions_before_1_2_are_refused() {
    let target = Target::new();
    // Only this shows that the hello is not refused for something else.
    assert_eq!(response_to_client_hello(&target, 0x0303), Some(HANDSHAKE), "TLS 1.2");
    for (version, name) in [(0x0300, "SSL 3"), (0x0301, "TLS 1.0"), (0x0302, "TLS 1.1")] {
        let answer = response_to_client_hello(&target, version);
        assert!(matches!(answer, None | Some(ALERT)), "{name}: a record of type {answer:?} came");
    }
}

#[test]
fn nothing_is_renegotiated() {
    let target = Target::new();
    let mut records = TlsRecords::connect(&target.tls(), target.address).unwrap();
    // An answer shows that records of ours are taken.
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", target.authority());
    records.send(APPLICATION_DATA, request.as_bytes()).unwrap();
    let first = records.receive().unwrap();
    assert!(matches!(first, Some(TlsRecord { kind: APPLICATION_DATA, .. })), "{first:?}");
    let client_hello =
        ClientHello { version: 0x0303, name: target.name(), last_finished: records.last_finished() }.message();
    records.send(HANDSHAKE, &client_hello).unwrap();
    let answer = loop {
        match records.receive().unwrap() {
            Some(TlsRecord { kind: APPLICATION_DATA, .. }) => {}
            other => break other,
        }
    };
    // Another alert, such as decode_error, would be about the hello and not about its time.
    let is_rejection = |it: &TlsRecord| it.kind == ALERT && REFUSALS.contains(&it.content[1]);
    assert!(answer.as_ref().is_none_or(is_rejection), "{answer:?}");
}

#[test]
fn the_protocol_is_agreed_on_in_the_handshake() {
    let target = Target::new();
    let chosen = |offer: &[&str]| target.tls().offering(offer).connect(target.address).map(|it| it.protocol());
    assert_eq!(chosen(&["http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(chosen(&[]).unwrap(), None);
}

#[test]
fn a_client_that_speaks_none_of_the_protocols_is_refused() {
    // RFC 7301 section 3.2.
    let target = Target::new();
    assert!(target.tls().offering(&["imap"]).connect(target.address).is_err());
}

/// Connects with what is remembered, and reads an answer: the tickets of TLS 1.3 come after the handshake.
#[track_caller]
fn visit(target: &Target, tls: &Tls, memory: &Arc<ClientConfig>) -> Arc<TlsStream> {
    let stream = Arc::new(tls.connect_with(memory, target.address).unwrap());
    Client::new(stream.clone(), &target.authority()).get("/");
    stream
}

/// How many of those that have been there resume their session.
fn resumed(target: &Target, tls: &Tls, remembers: fn() -> Resumption) -> usize {
    let clients: Vec<_> = (0..CLIENTS).map(|_| Arc::new(remembering(tls, remembers()))).collect();
    for memory in &clients {
        assert!(!visit(target, tls, memory).is_resumed());
    }
    clients.iter().filter(|memory| visit(target, tls, memory).is_resumed()).count()
}

fn remembering(tls: &Tls, resumption: Resumption) -> ClientConfig {
    let mut config = tls.config();
    config.resumption = resumption;
    config
}

#[test]
fn of_twenty_clients_that_return_nineteen_resume_their_session() {
    let target = Target::new();
    for version in [&TLS12, &TLS13] {
        let resumed = resumed(&target, &target.tls().only(version), || Resumption::in_memory_sessions(8));
        assert!(resumed >= ENOUGH, "{version:?}: {resumed} of {CLIENTS}");
    }
}

#[test]
fn clients_that_take_no_tickets_resume_over_1_2_too() {
    // As curl and git are.
    let target = Target::new();
    let by_id = || Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
    let resumed = resumed(&target, &target.tls().only(&TLS12), by_id);
    assert!(resumed >= ENOUGH, "{resumed} of {CLIENTS}");
}

#[test]
fn nothing_may_be_sent_before_the_handshake_is_complete() {
    // Whoever has seen a request in early data can send it again (RFC 8446 section 8).
    let target = Target::new();
    let tls = target.tls().only(&TLS13);
    let mut config = tls.config();
    config.enable_early_data = true;
    let memory = Arc::new(config);
    visit(&target, &tls, &memory);
    let returned = visit(&target, &tls, &memory);
    assert!(returned.is_resumed(), "there was nothing to ask with");
    assert_eq!(returned.early_data(), EarlyData::Forbidden);
}

#[test]
fn plain_http_on_the_tls_port_is_told_so() {
    let target = Target::new();
    let mut client = target.plain_client();
    let answer = client.get("/");
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("HTTPS"), "{}", answer.text());
    client.expect_closed();
}

#[test]
fn the_end_of_a_connection_is_said() {
    // Without a close_notify nobody knows whether the answer was cut (RFC 8446 section 6.1).
    let target = Target::new();
    let mut client = target.client();
    client.get_with("/", &["Connection: close"]);
    assert_eq!(client.rest(), (Vec::new(), ConnectionEnd::Closed));
}

#[test]
fn a_host_that_the_handshake_did_not_name_is_misdirected() {
    // RFC 9110 section 7.4.
    let target = Target::new();
    let mut client = Client::tls(target.address, &target.tls(), "elsewhere.invalid");
    assert_eq!(client.get("/").status(), 421);
}

#[test]
fn a_handshake_that_stalls_is_given_up() {
    let target = Target::new();
    let start = Instant::now();
    let mut silent = target.plain_client();
    let mut half = target.plain_client();
    let client_hello = ClientHello { version: 0x0303, name: target.name(), last_finished: &[] }.record();
    half.send(&client_hello[..client_hello.len() / 2]);
    for client in [&mut silent, &mut half] {
        client.wire().set_patience(target.handshake_limit + GRACE).unwrap();
        let still_open = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(
            !client.wire().read_to_end().is_err_and(|error| still_open(&error)),
            "the connection is still open"
        );
    }
    let early = target.handshake_limit.saturating_sub(GRACE);
    assert!(start.elapsed() > early, "closed after {:?} already", start.elapsed());
}

/// Alerts for a handshake that does not come at the right time: close_notify, unexpected_message,
/// handshake_failure, no_renegotiation (RFC 5246 section 7.2).
const REFUSALS: [u8; 4] = [0, 10, 40, 100];

const CLIENTS: usize = 20;

/// At least 95 of 100.
const ENOUGH: usize = CLIENTS * 95 / 100;

/// How much earlier or later than said a busy machine may give up.
const GRACE: Duration = Duration::from_secs(5);
