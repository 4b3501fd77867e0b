//! The PROXY protocol: a header in front of every connection, before TLS and on every port of a host.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::gatepost::Gatepost;
use crate::support::http2::Http2;
use crate::support::message::Head;
use crate::support::origin::{Origin, ok, responds, upgrades_and_echoes};
use crate::support::socket::connect;
use crate::support::tls::Tls;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n";

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn proxied(origin: &Origin) -> Host {
    Host::new(GITLAB, origin).with("proxy_protocol = true")
}

fn trusting(origin: &Origin) -> Host {
    proxied(origin).with("client_address = { trusted = [\"127.0.0.1\"] }")
}

/// A connection that begins with these bytes.
fn after(header: &[u8], address: SocketAddr) -> TcpStream {
    let mut tcp = connect(address).unwrap();
    tcp.write_all(header).unwrap();
    tcp
}

/// A TLS client behind a header.
fn tls_after(header: &[u8], gatepost: &Gatepost) -> Client {
    let tls = Tls::to(GITLAB).over(after(header, gatepost.https())).unwrap();
    Client::new(Arc::new(tls), GITLAB)
}

/// A header of version 2.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

/// From 192.0.2.8, port 4660.
const BLOCK: [u8; 12] = [192, 0, 2, 8, 192, 0, 2, 1, 0x12, 0x34, 1, 187];

#[track_caller]
fn told(head: &Head) -> String {
    let real_ip = head.values("x-real-ip");
    assert_eq!((real_ip.len(), head.values("x-forwarded-for")), (1, real_ip.clone()));
    real_ip[0].to_owned()
}

#[test]
fn both_versions_name_the_client_in_front_of_tls() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxied(&origin));
    let mut block_6 = [0; 36];
    block_6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    block_6[15] = 9;
    let cases = [
        (LINE.to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 443\r\n".to_vec(), "2001:db8::7"),
        (binary(0x21, 0x11, &BLOCK), "192.0.2.8"),
        (binary(0x21, 0x21, &block_6), "2001:db8::9"),
    ];
    for (header, _) in &cases {
        assert_eq!(tls_after(header, &gatepost).get("/").text(), "hello");
    }
    for (request, (header, client)) in origin.requests().iter().zip(&cases) {
        assert_eq!(told(&request.head), *client, "{header:?}");
    }
}

#[test]
fn the_header_is_followed_by_http2_as_well() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxied(&origin));
    assert_eq!(Http2::over(after(LINE, gatepost.https()), GITLAB).get("/").status, 200);
    assert_eq!(told(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn a_header_may_come_in_pieces_or_together_with_the_request() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("proxy_protocol = true"));
    for header in [LINE.to_vec(), binary(0x21, 0x11, &BLOCK)] {
        let mut in_pieces = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        for byte in &header {
            in_pieces.send([*byte]);
        }
        assert_eq!(in_pieces.get("/").text(), "hello");
        let mut at_once = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        at_once.send([header, at_once.request_bytes("GET / HTTP/1.1", &[])].concat());
        assert_eq!(at_once.answer().text(), "hello");
    }
    let clients: Vec<_> = origin.requests().iter().map(|request| told(&request.head)).collect();
    assert_eq!(clients, ["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8"]);
}

#[test]
fn additional_fields_are_passed_over() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxied(&origin));
    let field = [&[0xe0, 0x0b, 0xb8][..], &[b'x'; 3000]].concat();
    tls_after(&binary(0x21, 0x11, &[&BLOCK[..], &field].concat()), &gatepost).get("/");
    assert_eq!(told(&origin.only_request().head), "192.0.2.8");
}

#[test]
fn a_sender_that_speaks_for_nobody_is_the_client() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting(&origin));
    let headers = [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.7 whatever\r\n".to_vec(),
        binary(0x20, 0x00, &[]),
        binary(0x20, 0x11, &BLOCK),
        binary(0x21, 0x31, &[b'/'; 216]),
    ];
    for header in &headers {
        tls_after(header, &gatepost).get("/");
    }
    for (request, header) in origin.requests().iter().zip(&headers) {
        assert_eq!(told(&request.head), "127.0.0.1", "{header:?}");
    }
    assert!(gatepost.access_log(headers.len()).iter().all(|line| line.starts_with("127.0.0.1 - - [")));
}

#[test]
fn a_connection_without_a_header_is_closed() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxied(&origin));
    assert!(Tls::to(GITLAB).connect(gatepost.https()).is_err());
    let mut plain = gatepost.plain_client_of(GITLAB);
    plain.request("GET / HTTP/1.1", &[]);
    plain.expect_closed();
    assert!(origin.heads().is_empty());
    assert_eq!(tls_after(LINE, &gatepost).get("/").text(), "hello");
}

#[test]
fn a_broken_header_ends_the_connection() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("proxy_protocol = true"));
    let long = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
    let headers = [
        b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
        b"PROXY TCP4 gitlab.test 192.0.2.1 1 2\r\n".to_vec(),
        long,
        binary(0x21, 0x11, &BLOCK[..8]),
        binary(0x31, 0x11, &BLOCK),
        binary(0x21, 0x11, &[0; 5000]),
    ];
    for header in &headers {
        let mut client = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        client.try_send(header);
        client.expect_closed();
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn the_redirect_wants_the_header_too() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting(&origin));
    let mut client = Client::new(Arc::new(after(LINE, gatepost.http())), GITLAB);
    assert_eq!(client.get("/x").status(), 301);
}

#[test]
fn the_log_believes_a_trusted_balancer_only() {
    let origin = greeting();
    for (host, address) in [(trusting(&origin), "192.0.2.7"), (proxied(&origin), "127.0.0.1")] {
        let gatepost = Gatepost::with_host(host);
        tls_after(LINE, &gatepost).get("/");
        let line = gatepost.access_log(1).remove(0);
        assert!(line.starts_with(&format!("{address} - - [")), "{line}");
    }
}

#[test]
fn nothing_in_a_request_overrides_the_header() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting(&origin));
    tls_after(LINE, &gatepost).get_with("/", &["X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.7"]);
    assert_eq!(told(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn a_tunnel_opens_behind_the_header_and_is_logged_for_the_client() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::with_host(trusting(&origin));
    let mut client = tls_after(LINE, &gatepost);
    assert_eq!(client.upgrade("/-/cable", "websocket").status(), 101);
    client.send("ping");
    assert_eq!(client.exactly(4), b"ping");
    client.finish();
    client.expect_closed();
    let line = gatepost.access_log(1).remove(0);
    assert!(line.starts_with("192.0.2.7 - - ["), "{line}");
}

#[test]
fn one_host_of_an_address_asks_for_all() {
    let origin = greeting();
    let configuration = Configuration::new().host(proxied(&origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    gatepost.wait_stderr(|text| text.contains("must begin with a PROXY header too"));
    assert!(Tls::to(MATTERMOST).connect(gatepost.https()).is_err());
    let tls = Tls::to(MATTERMOST).over(after(LINE, gatepost.https())).unwrap();
    Client::new(Arc::new(tls), MATTERMOST).get("/");
    assert_eq!(told(&origin.only_request().head), "192.0.2.7");
}

#[test]
#[ignore = "waits for the deadline of 10 s, which cannot be configured"]
fn a_header_that_does_not_come_is_given_up_after_ten_seconds() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxied(&origin));
    let start = Instant::now();
    let mut half = Client::new(Arc::new(after(&LINE[..20], gatepost.https())), GITLAB);
    let mut silent = Client::new(Arc::new(connect(gatepost.https()).unwrap()), GITLAB);
    for client in [&mut half, &mut silent] {
        client.wire().set_patience(Duration::from_secs(30)).unwrap();
        client.expect_closed();
    }
    assert!((8..20).contains(&start.elapsed().as_secs()), "given up after {:?}", start.elapsed());
}
