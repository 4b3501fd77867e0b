//! Tests of the harness: a client connected directly to a scripted upstream.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::version::TLS13;

use crate::support::TIMEOUT;
use crate::support::certs::{self, KeyEncoding, KeyKind};
use crate::support::client::{Client, ConnectionEnd};
use crate::support::configuration::GITLAB;
use crate::support::eventually::eventually;
use crate::support::faulty::{accepts_then_resets, no_response, slow_response, truncated_body};
use crate::support::origin::{Origin, OriginConnection, Upstream, ok, responds};
use crate::support::ports::ReservedPort;
use crate::support::tls::{EarlyData, Tls};
use crate::support::upstream_server::UpstreamServer;

fn direct(origin: &Origin) -> Client {
    match origin.upstream() {
        Upstream::Tcp(address) => Client::plain(*address, GITLAB),
        Upstream::Unix(path) => panic!("a client cannot connect to {}", path.display()),
    }
}

#[test]
fn an_origin_records_requests_byte_for_byte() {
    let origin = Origin::tcp(responds(|request| ok(request.head.target())));
    let mut client = direct(&origin);
    assert_eq!(client.get("/a%2Fb?x").text(), "/a%2Fb?x");
    assert_eq!(client.post("/upload", b"body").status(), 200);
    let requests = origin.requests();
    assert_eq!(requests[0].head.raw, b"GET /a%2Fb?x HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    assert_eq!(requests[1].body, b"body");
    assert_eq!((origin.connections(), origin.open_connections()), (1, 1));
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn a_chunked_request_is_read_with_its_trailers() {
    let origin = Origin::tcp(responds(|request| ok(&request.body)));
    let mut client = direct(&origin);
    client.request("POST / HTTP/1.1", &["Transfer-Encoding: chunked"]);
    client.send("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    assert_eq!(client.response().body, b"abcde");
    assert_eq!(origin.only_request().trailers, [("X-Sum".to_owned(), "5".to_owned())]);
}

#[test]
fn ambiguous_framing_is_an_error_at_the_origin() {
    let origin = Origin::tcp(responds(|_| ok("accepted")));
    let mut client = direct(&origin);
    client.request("POST / HTTP/1.1", &["Content-Length: 3", "Transfer-Encoding: chunked"]);
    client.expect_closed();
    assert_eq!((origin.heads().len(), origin.requests().len()), (1, 0));
}

#[test]
fn a_truncated_response_is_an_error_at_the_client() {
    let origin = Origin::tcp(truncated_body());
    let mut client = direct(&origin);
    client.request("GET / HTTP/1.1", &[]);
    assert!(client.try_response().is_err());
}

#[test]
fn a_reset_differs_from_a_graceful_close() {
    let origin = Origin::tcp(accepts_then_resets());
    let mut client = direct(&origin);
    client.request("GET / HTTP/1.1", &[]);
    assert_eq!(client.read_until_close(), (Vec::new(), ConnectionEnd::Aborted));
}

#[test]
fn a_response_sent_byte_by_byte_is_reassembled() {
    let origin = Origin::tcp(slow_response(ok("slowly")));
    assert_eq!(direct(&origin).get("/").text(), "slowly");
}

#[test]
fn a_client_detects_allowed_early_data() {
    let mut server = certs::leaf(&[GITLAB]).server_config(&["http/1.1"]);
    server.max_early_data_size = 1000;
    let upstream = UpstreamServer::tls(server);
    let tls = Tls::to(GITLAB).only(&TLS13);
    let mut config = tls.config();
    config.enable_early_data = true;
    let client_config = Arc::new(config);
    let early_data = [(); 2].map(|()| {
        let stream = Arc::new(tls.connect_with(&client_config, upstream.address()).unwrap());
        assert_eq!(Client::new(stream.clone(), GITLAB).get("/").status(), 200);
        stream.early_data()
    });
    assert_eq!(early_data, [EarlyData::Forbidden, EarlyData::Allowed]);
}

#[test]
fn dropping_an_origin_ends_a_waiting_script() {
    let origin = Origin::tcp(no_response());
    let mut client = direct(&origin);
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || !origin.requests().is_empty());
    drop(origin);
    client.expect_closed();
}

#[test]
#[should_panic(expected = "the script failed")]
fn a_panic_in_a_script_fails_the_test() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        panic!("the script failed")
    });
    let mut client = direct(&origin);
    client.request("GET / HTTP/1.1", &[]);
    client.expect_closed();
}

#[test]
fn a_reserved_port_accepts_one_listener_with_reuse_port() {
    let port = ReservedPort::new();
    let address: SocketAddr = port.address();
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(std::net::TcpListener::bind(address).is_err());
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.set_reuse_port(true).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(1).unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok());
}

#[test]
fn every_key_encoding_matches_its_certificate() {
    let directory = tempfile::TempDir::new().unwrap();
    for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
        let leaf = certs::leaf_with_key(kind, &[GITLAB]);
        for encoding in [KeyEncoding::Pkcs8, KeyEncoding::Traditional] {
            let files = leaf.write_key_as(encoding, directory.path(), "pair");
            let chain = rustls_pemfile::certs(&mut std::fs::read(files.certificate).unwrap().as_slice())
                .collect::<Result<Vec<_>, _>>()
                .unwrap();
            let key = rustls_pemfile::private_key(&mut std::fs::read(files.key).unwrap().as_slice()).unwrap();
            let server =
                rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.unwrap());
            assert!(server.is_ok(), "{kind:?} {encoding:?}: {server:?}");
        }
    }
}
