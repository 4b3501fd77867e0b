//! TLS: protocols, certificates, keys, and peers that violate the protocol.
//!
//! Tests of general TLS server behaviour are in `tls_target`.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};

use crate::support::TIMEOUT;
use crate::support::certs::{self, KeyEncoding, KeyKind};
use crate::support::client::Client;
use crate::support::client_hello::ClientHello;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::socket;
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

#[test]
fn a_host_with_tls_1_3_only_rejects_tls_1_2() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(r#"tls_versions = ["1.3"]"#));
    assert!(Tls::to(GITLAB).only(&TLS12).connect(gatepost.https()).is_err());
    assert!(Tls::to(GITLAB).only(&TLS13).connect(gatepost.https()).is_ok());
}

#[test]
fn alpn_prefers_http2() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let negotiated =
        |offer: &[&str]| Tls::to(GITLAB).with_alpn(offer).connect(gatepost.https()).map(|it| it.protocol());
    assert_eq!(negotiated(&["http/1.1", "h2"]).unwrap().as_deref(), Some("h2"));
    assert_eq!(negotiated(&["http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(negotiated(&["http/1.0", "http/1.1"]).unwrap().as_deref(), Some("http/1.1"));
    assert_eq!(negotiated(&["http/1.0"]).unwrap().as_deref(), Some("http/1.0"));
    assert_eq!(negotiated(&[]).unwrap(), None);
    assert!(negotiated(&["spdy/1"]).is_err());
}

#[test]
fn a_client_without_alpn_is_served_http_1() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB).with_alpn(&[]), GITLAB);
    assert_eq!(client.get("/").text(), "hello");
}

#[test]
fn http2_can_be_disabled() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("http2 = false"));
    let stream = Tls::to(GITLAB).with_alpn(&["h2", "http/1.1"]).connect(gatepost.https()).unwrap();
    assert_eq!(stream.protocol().as_deref(), Some("http/1.1"));
}

/// Returns the leaf certificate sent to `tls`, which has verified it for its server name.
fn leaf_sent_to(gatepost: &Gatepost, tls: &Tls) -> Vec<u8> {
    tls.connect(gatepost.https()).unwrap().certificates()[0].to_vec()
}

#[test]
fn the_certificate_is_selected_by_sni() {
    let origin = greeting();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let gitlab = leaf_sent_to(&gatepost, &Tls::to(GITLAB));
    let mattermost = leaf_sent_to(&gatepost, &Tls::to(MATTERMOST));
    assert_ne!(gitlab, mattermost);
    assert_eq!(gitlab, leaf_sent_to(&gatepost, &Tls::to("GITLAB.test")));
}

#[test]
fn a_wildcard_host_uses_its_certificate_for_every_subdomain() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new("*.pages.test", &origin));
    assert_eq!(gatepost.client_of("group.pages.test").get("/").text(), "hello");
}

#[test]
fn without_sni_the_first_certificate_is_used_and_the_host_header_decides() {
    let (gitlab, mattermost) = (greeting(), Origin::tcp(responds(|_| ok("chat"))));
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &gitlab)).host(Host::new(MATTERMOST, &mattermost));
    let gatepost = Gatepost::start(configuration);
    let tls = Tls::to(GITLAB).without_sni();
    assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").text(), "hello");
    assert_eq!(Client::tls(gatepost.https(), &tls, MATTERMOST).get("/").text(), "chat");
}

#[test]
fn without_sni_the_certificate_of_the_default_host_is_used() {
    let origin = greeting();
    let configuration = Configuration::new()
        .top(r#"default_host = "mattermost.test""#)
        .host(Host::new(GITLAB, &origin))
        .host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    let default_host_leaf = leaf_sent_to(&gatepost, &Tls::to(MATTERMOST));
    assert_eq!(default_host_leaf, leaf_sent_to(&gatepost, &Tls::to(MATTERMOST).without_sni()));
}

#[test]
fn keys_are_loaded_in_every_usual_encoding() {
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
fn the_complete_chain_is_sent() {
    let origin = greeting();
    let configuration = Configuration::new();
    let files = certs::with_intermediate(&[GITLAB]).write(configuration.directory(), "chain");
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
    assert_eq!(Tls::to(GITLAB).connect(gatepost.https()).unwrap().certificates().len(), 2);
}

#[test]
fn plain_http_on_the_tls_port_is_a_400_and_not_forwarded() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::plain(gatepost.https(), GITLAB);
    assert_eq!(client.get("/").status(), 400);
    client.expect_closed();
    assert!(origin.heads().is_empty());
}

#[test]
fn tls_on_the_plain_port_is_rejected_immediately() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.plain_client_of(GITLAB);
    client.send(ClientHello { version: 0x0303, name: GITLAB, last_finished: &[] }.record());
    // A 400 response is recognisable to a client that expects a record. Waiting for the end of a head would
    // exceed this timeout.
    client.wire().set_receive_timeout(Duration::from_secs(5)).unwrap();
    let (rest, _) = client.read_until_close();
    assert!(rest.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&rest));
    assert!(origin.heads().is_empty());
}

#[test]
fn an_upload_without_close_notify_is_never_complete() {
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let origin = greeting();
        let gatepost = Gatepost::serving(&origin);
        let tcp = socket::connect(gatepost.https()).unwrap();
        let tcp_clone = tcp.try_clone().unwrap();
        let client = Client::new(Arc::new(Tls::to(GITLAB).over(tcp).unwrap()), GITLAB);
        client.request("POST / HTTP/1.1", &[framing]);
        client.send("5\r\nbegin\r\n");
        eventually(TIMEOUT, || origin.heads().len() == 1);
        // An attacker on the path can close the TCP connection but cannot forge records.
        tcp_clone.shutdown(Shutdown::Write).unwrap();
        eventually(TIMEOUT, || origin.open_connections() == 0);
        assert!(origin.requests().is_empty(), "{framing}");
    }
}

#[test]
fn garbage_on_the_tls_port_closes_the_connection() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = Client::plain(gatepost.https(), GITLAB);
    client.send([0xff; 64]);
    client.read_until_close();
    assert_eq!(gatepost.client().get("/").text(), "hello");
}
