//! TLS: versions, protocols, certificates and keys, and peers that do not speak it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::support::certs::{self, KeyEncoding, KeyKind};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, answers, ok};
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(answers(|_| ok("hello")))
}

#[test]
fn tls_1_2_and_1_3_are_served() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let tls = Tls::to(GITLAB).only(version);
        assert_eq!(tls.connect(gatepost.https()).unwrap().version(), Some(expected));
        assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").text(), "hello");
    }
}

#[test]
fn a_host_for_1_3_only_refuses_1_2() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(r#"tls_versions = ["1.3"]"#));
    assert!(Tls::to(GITLAB).only(&TLS12).connect(gatepost.https()).is_err());
    assert!(Tls::to(GITLAB).only(&TLS13).connect(gatepost.https()).is_ok());
}

#[test]
fn the_protocol_is_negotiated_and_http2_is_preferred() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let chosen = |offer: &[&str]| Tls::to(GITLAB).offering(offer).connect(gatepost.https()).map(|it| it.protocol());
    assert_eq!(chosen(&["http/1.1", "h2"]).unwrap().as_deref(), Some("h2"));
    assert_eq!(chosen(&["http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(chosen(&[]).unwrap(), None);
    assert!(chosen(&["spdy/1"]).is_err());
}

#[test]
fn a_client_without_alpn_is_served_http_1() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB).offering(&[]), GITLAB);
    assert_eq!(client.get("/").text(), "hello");
}

#[test]
fn http2_can_be_switched_off() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("http2 = false"));
    let stream = Tls::to(GITLAB).offering(&["h2", "http/1.1"]).connect(gatepost.https()).unwrap();
    assert_eq!(stream.protocol().as_deref(), Some("http/1.1"));
}

/// The common names of what `tls` is shown: verification has passed for the name that it expects.
fn leaf_shown_to(gatepost: &Gatepost, tls: &Tls) -> Vec<u8> {
    tls.connect(gatepost.https()).unwrap().certificates()[0].to_vec()
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let origin = greeting();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let gitlab = leaf_shown_to(&gatepost, &Tls::to(GITLAB));
    let mattermost = leaf_shown_to(&gatepost, &Tls::to(MATTERMOST));
    assert_ne!(gitlab, mattermost);
    assert_eq!(gitlab, leaf_shown_to(&gatepost, &Tls::to("GITLAB.test")));
}

#[test]
fn a_wildcard_host_shows_its_certificate_for_every_name_below() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new("*.pages.test", &origin));
    assert_eq!(gatepost.client_of("group.pages.test").get("/").text(), "hello");
}

#[test]
fn without_a_name_the_first_host_shows_its_certificate_and_host_decides() {
    let (gitlab, mattermost) = (greeting(), Origin::tcp(answers(|_| ok("chat"))));
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &gitlab)).host(Host::new(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    let tls = Tls::to(GITLAB).without_sending_the_name();
    assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").text(), "hello");
    assert_eq!(Client::tls(gatepost.https(), &tls, MATTERMOST).get("/").text(), "chat");
}

#[test]
fn without_a_name_the_default_host_shows_its_certificate() {
    let origin = greeting();
    let configuration = Configuration::new()
        .top(r#"default_host = "mattermost.test""#)
        .host(Host::new(GITLAB, &origin))
        .host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let named = leaf_shown_to(&gatepost, &Tls::to(MATTERMOST));
    assert_eq!(named, leaf_shown_to(&gatepost, &Tls::to(MATTERMOST).without_sending_the_name()));
}

#[test]
fn keys_are_read_in_every_usual_encoding() {
    let origin = greeting();
    for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
        for encoding in [KeyEncoding::Pkcs8, KeyEncoding::Traditional] {
            let configuration = Configuration::new();
            let leaf = certs::leaf_with_key(kind, &[GITLAB]);
            let files = leaf.write_key_as(encoding, configuration.directory(), "pair");
            let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
            for version in [&TLS12, &TLS13] {
                assert!(Tls::to(GITLAB).only(version).connect(gatepost.https()).is_ok(), "{kind:?} {encoding:?}");
            }
        }
    }
}

#[test]
fn the_whole_chain_is_sent() {
    let origin = greeting();
    let configuration = Configuration::new();
    let files = certs::below_an_intermediate(&[GITLAB]).write(configuration.directory(), "chain");
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
    assert_eq!(Tls::to(GITLAB).connect(gatepost.https()).unwrap().certificates().len(), 2);
}

#[test]
fn a_client_that_returns_resumes_its_session_on_any_worker() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).only(version);
        let config = Arc::new(tls.config());
        let mut resumed = Vec::new();
        for _ in 0..8 {
            let stream = Arc::new(tls.connect_with(&config, gatepost.https()).unwrap());
            resumed.push(stream.is_resumed());
            // The tickets of TLS 1.3 come after the handshake.
            assert_eq!(Client::new(stream, GITLAB).get("/").text(), "hello");
        }
        assert_eq!(resumed, [false, true, true, true, true, true, true, true], "{version:?}");
    }
}

#[test]
fn plain_http_on_the_tls_port_gets_a_readable_answer() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::plain(gatepost.https(), GITLAB);
    let answer = client.get("/");
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("HTTPS"), "{}", answer.text());
    client.expect_closed();
    assert!(origin.heads().is_empty());
}

#[test]
fn garbage_on_the_tls_port_ends_the_connection() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::plain(gatepost.https(), GITLAB);
    client.send([0xff; 64]);
    client.rest();
    assert_eq!(gatepost.client().get("/").text(), "hello");
}

#[test]
fn a_peer_that_never_starts_the_handshake_is_let_go_after_ten_seconds() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    gatepost.client().get("/");
    let start = Instant::now();
    let mut silent = Client::plain(gatepost.https(), GITLAB);
    let mut half = Client::plain(gatepost.https(), GITLAB);
    // The record header of a ClientHello that never comes.
    half.send([0x16, 0x03, 0x01, 0x02, 0x00]);
    for client in [&mut silent, &mut half] {
        client.wire().set_patience(Duration::from_secs(15)).unwrap();
        client.rest();
    }
    assert!(start.elapsed() > Duration::from_secs(8), "closed after {:?} already", start.elapsed());
    eventually(Duration::from_secs(1), || gatepost.client().get("/").status() == 200);
}
