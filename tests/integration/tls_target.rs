//! General TLS server behaviour, tested against the proxy or any other server.
//!
//! `tests/README.md` documents how to set the address. The tests must not depend on the configuration of the
//! server or on the responses of its upstream.

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

/// Returns the type of the first record received after a ClientHello; `None` if the connection is closed.
fn response_to_client_hello(target: &Target, version: u16) -> Option<u8> {
    let mut client = target.plain_client();
    client.send(ClientHello { version, name: target.name(), last_finished: &[] }.record());
    client.wire().read_exactly(1).ok().map(|bytes| bytes[0])
}

#[test]
fn versions_before_1_2_are_rejected() {
    let target = Target::new();
    // Shows that the same ClientHello is accepted for TLS 1.2, so later rejections are due to the version.
    assert_eq!(response_to_client_hello(&target, 0x0303), Some(HANDSHAKE), "TLS 1.2");
    for (version, name) in [(0x0300, "SSL 3"), (0x0301, "TLS 1.0"), (0x0302, "TLS 1.1")] {
        let response = response_to_client_hello(&target, version);
        assert!(matches!(response, None | Some(ALERT)), "{name}: a record of type {response:?} came");
    }
}

#[test]
fn renegotiation_is_rejected() {
    let target = Target::new();
    let mut records = TlsRecords::connect(&target.tls(), target.address).unwrap();
    // A response shows that the server accepts the records.
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", target.authority());
    records.send(APPLICATION_DATA, request.as_bytes()).unwrap();
    let first = records.receive().unwrap();
    assert!(matches!(first, Some(TlsRecord { kind: APPLICATION_DATA, .. })), "{first:?}");
    let client_hello =
        ClientHello { version: 0x0303, name: target.name(), last_finished: records.last_finished() }.message();
    records.send(HANDSHAKE, &client_hello).unwrap();
    let response = loop {
        match records.receive().unwrap() {
            Some(TlsRecord { kind: APPLICATION_DATA, .. }) => {}
            other => break other,
        }
    };
    // Other alerts, such as decode_error, would concern the ClientHello itself and not the renegotiation.
    let is_rejection = |it: &TlsRecord| it.kind == ALERT && REJECTION_ALERTS.contains(&it.content[1]);
    assert!(response.as_ref().is_none_or(is_rejection), "{response:?}");
}

#[test]
fn alpn_selects_an_offered_protocol() {
    let target = Target::new();
    let negotiated =
        |protocols: &[&str]| target.tls().with_alpn(protocols).connect(target.address).map(|it| it.protocol());
    assert_eq!(negotiated(&["http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(negotiated(&[]).unwrap(), None);
}

#[test]
fn unknown_alpn_protocols_are_rejected() {
    // RFC 7301 section 3.2.
    let target = Target::new();
    assert!(target.tls().with_alpn(&["imap"]).connect(target.address).is_err());
}

/// Connects, possibly resuming a session, and reads a response, because TLS 1.3 tickets follow the handshake.
#[track_caller]
fn connect_and_get(target: &Target, tls: &Tls, client_config: &Arc<ClientConfig>) -> Arc<TlsStream> {
    let stream = Arc::new(tls.connect_with(client_config, target.address).unwrap());
    Client::new(stream.clone(), &target.authority()).get("/");
    stream
}

/// Returns how many returning clients resume their session.
fn resumed(target: &Target, tls: &Tls, resumption: fn() -> Resumption) -> usize {
    let clients: Vec<_> = (0..CLIENTS).map(|_| Arc::new(with_resumption(tls, resumption()))).collect();
    for client_config in &clients {
        assert!(!connect_and_get(target, tls, client_config).is_resumed());
    }
    clients.iter().filter(|client_config| connect_and_get(target, tls, client_config).is_resumed()).count()
}

fn with_resumption(tls: &Tls, resumption: Resumption) -> ClientConfig {
    let mut config = tls.config();
    config.resumption = resumption;
    config
}

#[test]
fn nineteen_of_twenty_returning_clients_resume() {
    let target = Target::new();
    for version in [&TLS12, &TLS13] {
        let resumed = resumed(&target, &target.tls().only(version), || Resumption::in_memory_sessions(8));
        assert!(resumed >= MIN_RESUMED, "{version:?}: {resumed} of {CLIENTS}");
    }
}

#[test]
fn clients_without_tickets_resume_over_1_2() {
    // curl and git, for example, have session IDs only.
    let target = Target::new();
    let session_ids = || Resumption::in_memory_sessions(8).tls12_resumption(Tls12Resumption::SessionIdOnly);
    let resumed = resumed(&target, &target.tls().only(&TLS12), session_ids);
    assert!(resumed >= MIN_RESUMED, "{resumed} of {CLIENTS}");
}

#[test]
fn early_data_is_not_allowed() {
    // An attacker can replay early data (RFC 8446 section 8).
    let target = Target::new();
    let tls = target.tls().only(&TLS13);
    let mut config = tls.config();
    config.enable_early_data = true;
    let client_config = Arc::new(config);
    connect_and_get(&target, &tls, &client_config);
    let returning = connect_and_get(&target, &tls, &client_config);
    assert!(returning.is_resumed(), "the session was not resumed, so the client could not offer early data");
    assert_eq!(returning.early_data(), EarlyData::Forbidden);
}

#[test]
fn plain_http_on_the_tls_port_gets_400() {
    let target = Target::new();
    let mut client = target.plain_client();
    let response = client.get("/");
    assert_eq!(response.status(), 400);
    assert!(response.text().contains("HTTPS"), "{}", response.text());
    client.expect_closed();
}

#[test]
fn close_notify_is_sent_before_the_close() {
    // Without close_notify a client cannot distinguish a complete response from a truncated one (RFC 8446
    // section 6.1).
    let target = Target::new();
    let mut client = target.client();
    client.get_with("/", &["Connection: close"]);
    assert_eq!(client.read_until_close(), (Vec::new(), ConnectionEnd::Closed));
}

#[test]
fn a_host_that_differs_from_sni_is_misdirected() {
    // RFC 9110 section 7.4.
    let target = Target::new();
    let mut client = Client::tls(target.address, &target.tls(), "elsewhere.invalid");
    assert_eq!(client.get("/").status(), 421);
}

#[test]
fn a_stalled_handshake_times_out() {
    let target = Target::new();
    let start = Instant::now();
    let mut idle = target.plain_client();
    let mut incomplete = target.plain_client();
    let client_hello = ClientHello { version: 0x0303, name: target.name(), last_finished: &[] }.record();
    incomplete.send(&client_hello[..client_hello.len() / 2]);
    for client in [&mut idle, &mut incomplete] {
        client.wire().set_receive_timeout(target.handshake_timeout + TOLERANCE).unwrap();
        let still_open = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(
            !client.wire().read_to_end().is_err_and(|error| still_open(&error)),
            "the connection is still open"
        );
    }
    let earliest = target.handshake_timeout.saturating_sub(TOLERANCE);
    assert!(start.elapsed() > earliest, "closed after only {:?}", start.elapsed());
}

/// Alerts that reject a handshake at this point of the connection: close_notify, unexpected_message,
/// handshake_failure, no_renegotiation (RFC 5246 section 7.2).
const REJECTION_ALERTS: [u8; 4] = [0, 10, 40, 100];

const CLIENTS: usize = 20;

/// At least 95 %.
const MIN_RESUMED: usize = CLIENTS * 95 / 100;

/// Deviation from the handshake timeout that a busy machine may cause.
const TOLERANCE: Duration = Duration::from_secs(5);
