//! PROXY protocol: a header before TLS on every connection to a host's ports.

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

const V1_HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n";

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn proxy_protocol_host(origin: &Origin) -> Host {
    Host::new(GITLAB, origin).with("proxy_protocol = true")
}

fn trusting_host(origin: &Origin) -> Host {
    proxy_protocol_host(origin).with("client_address = { trusted = [\"127.0.0.1\"] }")
}

/// Connects and sends these bytes.
fn connect_with_header(header: &[u8], address: SocketAddr) -> TcpStream {
    let mut tcp = connect(address).unwrap();
    tcp.write_all(header).unwrap();
    tcp
}

/// Connects, sends a header and completes a TLS handshake.
fn tls_client_with_header(header: &[u8], gatepost: &Gatepost) -> Client {
    let tls = Tls::to(GITLAB).over(connect_with_header(header, gatepost.https())).unwrap();
    Client::new(Arc::new(tls), GITLAB)
}

/// Encodes a header of version 2.
fn v2_header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, block].concat()
}

/// Source 192.0.2.8, port 4660.
const V2_ADDRESSES: [u8; 12] = [192, 0, 2, 8, 192, 0, 2, 1, 0x12, 0x34, 1, 187];

#[track_caller]
fn forwarded_client_address(head: &Head) -> String {
    let real_ip = head.values("x-real-ip");
    assert_eq!((real_ip.len(), head.values("x-forwarded-for")), (1, real_ip.clone()));
    real_ip[0].to_owned()
}

#[test]
fn versions_1_and_2_before_tls_set_the_client_address() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxy_protocol_host(&origin));
    let mut addresses_v6 = [0; 36];
    addresses_v6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    addresses_v6[15] = 9;
    let cases = [
        (V1_HEADER.to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 443\r\n".to_vec(), "2001:db8::7"),
        (v2_header(0x21, 0x11, &V2_ADDRESSES), "192.0.2.8"),
        (v2_header(0x21, 0x21, &addresses_v6), "2001:db8::9"),
    ];
    for (header, _) in &cases {
        assert_eq!(tls_client_with_header(header, &gatepost).get("/").text(), "hello");
    }
    for (request, (header, client)) in origin.requests().iter().zip(&cases) {
        assert_eq!(forwarded_client_address(&request.head), *client, "{header:?}");
    }
}

#[test]
fn http2_is_served_after_a_proxy_header() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxy_protocol_host(&origin));
    assert_eq!(Http2::over(connect_with_header(V1_HEADER, gatepost.https()), GITLAB).get("/").status, 200);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn a_header_is_accepted_byte_by_byte_and_together_with_the_request() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("proxy_protocol = true"));
    for header in [V1_HEADER.to_vec(), v2_header(0x21, 0x11, &V2_ADDRESSES)] {
        let mut byte_by_byte = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        for byte in &header {
            byte_by_byte.send([*byte]);
        }
        assert_eq!(byte_by_byte.get("/").text(), "hello");
        let mut in_one_write = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        in_one_write.send([header, in_one_write.request_bytes("GET / HTTP/1.1", &[])].concat());
        assert_eq!(in_one_write.response().text(), "hello");
    }
    let clients: Vec<_> = origin.requests().iter().map(|request| forwarded_client_address(&request.head)).collect();
    assert_eq!(clients, ["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8"]);
}

#[test]
fn tlv_fields_are_skipped() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxy_protocol_host(&origin));
    let field = [&[0xe0, 0x0b, 0xb8][..], &[b'x'; 3000]].concat();
    tls_client_with_header(&v2_header(0x21, 0x11, &[&V2_ADDRESSES[..], &field].concat()), &gatepost).get("/");
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.8");
}

#[test]
fn unknown_and_local_headers_select_the_peer_address() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting_host(&origin));
    let headers = [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.7 whatever\r\n".to_vec(),
        v2_header(0x20, 0x00, &[]),
        v2_header(0x20, 0x11, &V2_ADDRESSES),
        v2_header(0x21, 0x31, &[b'/'; 216]),
    ];
    for header in &headers {
        tls_client_with_header(header, &gatepost).get("/");
    }
    for (request, header) in origin.requests().iter().zip(&headers) {
        assert_eq!(forwarded_client_address(&request.head), "127.0.0.1", "{header:?}");
    }
    assert!(gatepost.access_log(headers.len()).iter().all(|line| line.starts_with("127.0.0.1 - - [")));
}

#[test]
fn a_connection_without_a_header_is_closed() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxy_protocol_host(&origin));
    assert!(Tls::to(GITLAB).connect(gatepost.https()).is_err());
    let mut plain = gatepost.plain_client_of(GITLAB);
    plain.request("GET / HTTP/1.1", &[]);
    plain.expect_closed();
    assert!(origin.heads().is_empty());
    assert_eq!(tls_client_with_header(V1_HEADER, &gatepost).get("/").text(), "hello");
}

#[test]
fn an_invalid_header_closes_the_connection() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin).with("proxy_protocol = true"));
    let too_long = [b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat();
    let headers = [
        b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
        b"PROXY TCP4 gitlab.test 192.0.2.1 1 2\r\n".to_vec(),
        too_long,
        v2_header(0x21, 0x11, &V2_ADDRESSES[..8]),
        v2_header(0x31, 0x11, &V2_ADDRESSES),
        v2_header(0x21, 0x11, &[0; 5000]),
    ];
    for header in &headers {
        let mut client = Client::new(Arc::new(connect(gatepost.http()).unwrap()), GITLAB);
        client.try_send(header);
        client.expect_closed();
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn the_redirect_port_requires_the_header() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting_host(&origin));
    let mut client = Client::new(Arc::new(connect_with_header(V1_HEADER, gatepost.http())), GITLAB);
    assert_eq!(client.get("/x").status(), 301);
}

#[test]
fn the_access_log_uses_the_header_of_trusted_peers_only() {
    let origin = greeting();
    for (host, address) in [(trusting_host(&origin), "192.0.2.7"), (proxy_protocol_host(&origin), "127.0.0.1")] {
        let gatepost = Gatepost::with_host(host);
        tls_client_with_header(V1_HEADER, &gatepost).get("/");
        let line = gatepost.access_log(1).remove(0);
        assert!(line.starts_with(&format!("{address} - - [")), "{line}");
    }
}

#[test]
fn request_headers_do_not_override_the_proxy_header() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(trusting_host(&origin));
    tls_client_with_header(V1_HEADER, &gatepost).get_with("/", &["X-Forwarded-For: 6.6.6.6", "X-Real-IP: 6.6.6.7"]);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn a_tunnel_after_a_header_is_logged_with_the_client_address() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::with_host(trusting_host(&origin));
    let mut client = tls_client_with_header(V1_HEADER, &gatepost);
    assert_eq!(client.upgrade("/-/cable", "websocket").status(), 101);
    client.send("ping");
    assert_eq!(client.exactly(4), b"ping");
    client.finish();
    client.expect_closed();
    let line = gatepost.access_log(1).remove(0);
    assert!(line.starts_with("192.0.2.7 - - ["), "{line}");
}

#[test]
fn one_host_enables_the_header_for_its_listen_address() {
    let origin = greeting();
    let configuration =
        Configuration::new().host(proxy_protocol_host(&origin)).host(Host::new(MATTERMOST, &origin));
    let gatepost = Gatepost::start(configuration);
    gatepost.wait_stderr(|text| text.contains("require a PROXY header"));
    assert!(Tls::to(MATTERMOST).connect(gatepost.https()).is_err());
    let tls = Tls::to(MATTERMOST).over(connect_with_header(V1_HEADER, gatepost.https())).unwrap();
    Client::new(Arc::new(tls), MATTERMOST).get("/");
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
}

#[test]
#[ignore = "waits for the fixed timeout of 10 s"]
fn a_missing_header_times_out_after_10_seconds() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(proxy_protocol_host(&origin));
    let start = Instant::now();
    let mut incomplete = Client::new(Arc::new(connect_with_header(&V1_HEADER[..20], gatepost.https())), GITLAB);
    let mut idle = Client::new(Arc::new(connect(gatepost.https()).unwrap()), GITLAB);
    for client in [&mut incomplete, &mut idle] {
        client.wire().set_receive_timeout(Duration::from_secs(30)).unwrap();
        client.expect_closed();
    }
    assert!((8..20).contains(&start.elapsed().as_secs()), "closed after {:?}", start.elapsed());
}
