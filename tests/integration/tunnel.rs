//! Tunnels after 101: both directions are forwarded until each is closed.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tungstenite::Message;

use crate::support::TIMEOUT;
use crate::support::client::{Client, ConnectionEnd};
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::{data_with_101, half_closes_after};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, switching_protocols, upgrades_and_echoes};
use crate::support::pattern::{Pattern, pattern};
use crate::support::socket::Duplex;
use crate::support::tls::Tls;

/// Opens a tunnel through the proxy over TLS.
fn open_tunnel(gatepost: &Gatepost) -> Client {
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/tunnel", "websocket").status(), 101);
    client
}

/// Implements `Read` and `Write` for the WebSocket library.
struct Stream<D>(D);

impl<D: Duplex> io::Read for Stream<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buffer)
    }
}

impl<D: Duplex> io::Write for Stream<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn websocket_messages_are_forwarded_in_both_directions() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = listener.local_addr().unwrap().to_string();
    let server_thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::text("welcome")).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &upstream));
    let stream = Stream(Tls::to(GITLAB).connect(gatepost.https()).unwrap());
    let (mut socket, _) = tungstenite::client("wss://gitlab.test/api/v4/websocket", stream).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("welcome"));
    for size in [0, 1, 125, 126, 70_000, 300_000] {
        let message = Message::binary(pattern(size));
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "the message of {size} bytes differs");
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    drop(socket);
    server_thread.join().unwrap();
}

#[test]
fn data_sent_with_the_upgrade_request_is_forwarded() {
    for size in [1, 1000, 64 * 1024] {
        let origin = Origin::tcp(upgrades_and_echoes());
        let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
        let (early_data, late_data) = (pattern(size), pattern(10));
        for mut client in [gatepost.plain_client_of(GITLAB), gatepost.plain_client_of(GITLAB)] {
            client.send([&client.upgrade_bytes("/", "websocket"), &early_data[..]].concat());
            assert_eq!(client.head().status(), 101);
            assert!(client.exactly(size) == early_data, "{size} early bytes differ");
            client.send(&late_data);
            assert_eq!(client.exactly(late_data.len()), late_data);
        }
    }
}

#[test]
fn data_sent_with_the_upgrade_request_is_forwarded_over_tls() {
    for size in [1, 64 * 1024] {
        let origin = Origin::unix(upgrades_and_echoes());
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        let early_data = pattern(size);
        client.send([&client.upgrade_bytes("/", "websocket"), &early_data[..]].concat());
        assert_eq!(client.head().status(), 101);
        assert!(client.exactly(size) == early_data, "{size} early bytes differ");
    }
}

#[test]
fn data_sent_with_the_101_is_forwarded() {
    for size in [1, 64 * 1024] {
        let origin = Origin::tcp(data_with_101(pattern(size)));
        let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin));
        for _ in 0..20 {
            let mut client = open_tunnel(&gatepost);
            assert!(client.exactly(size) == pattern(size), "{size} first bytes differ");
        }
    }
}

#[test]
fn data_is_forwarded_after_the_client_half_closes() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", ""))?;
        // Waits until the client closes its sending direction.
        connection.wait_for_close()?;
        connection.send(pattern(BULK))?;
        connection.wire.finish()
    });
    for host in [Host::new(GITLAB, &origin), Host::plain(GITLAB, &origin)] {
        let gatepost = Gatepost::with_host(host);
        let mut client = open_tunnel_with_or_without_tls(&gatepost);
        client.send("the last words");
        client.finish();
        let (rest, end) = client.read_until_close();
        assert_eq!((rest.len(), end), (BULK, ConnectionEnd::Closed));
        assert!(rest == pattern(BULK), "the bytes differ");
    }
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

/// Opens a tunnel over TLS if the host uses TLS, else without.
fn open_tunnel_with_or_without_tls(gatepost: &Gatepost) -> Client {
    let mut client = match Tls::to(GITLAB).connect(gatepost.https()) {
        Ok(stream) => Client::new(std::sync::Arc::new(stream), GITLAB),
        Err(_) => gatepost.plain_client_of(GITLAB),
    };
    assert_eq!(client.upgrade("/tunnel", "websocket").status(), 101);
    client
}

#[test]
fn data_is_forwarded_after_the_upstream_half_closes() {
    let (report, reported) = mpsc::channel();
    for origin in
        [Origin::tcp(half_closes_after(b"bye", report.clone())), Origin::unix(half_closes_after(b"bye", report))]
    {
        let gatepost = Gatepost::serving(&origin);
        let mut client = open_tunnel(&gatepost);
        assert_eq!(client.read_until_close(), (b"bye".to_vec(), ConnectionEnd::Closed));
        client.send(pattern(BULK));
        client.finish();
        assert!(reported.recv_timeout(TIMEOUT).unwrap() == pattern(BULK), "the bytes differ");
    }
}

#[test]
fn a_client_reset_closes_the_tunnel() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::serving(&origin);
    let client = open_tunnel(&gatepost);
    assert_eq!(origin.open_connections(), 1);
    client.reset();
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn an_upstream_reset_closes_the_tunnel() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", ""))?;
        connection.wire.read_exactly(2)?;
        connection.reset_on_close()
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = open_tunnel(&gatepost);
    client.send("go");
    client.expect_closed();
    let lines = gatepost.access_log(1);
    assert!(lines[0].contains("\"GET /tunnel HTTP/1.1\" 101 0 "), "{lines:?}");
}

#[test]
fn an_idle_tunnel_is_closed_on_both_sides() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("tunnel_idle_timeout = \"1s\""));
    let mut client = open_tunnel(&gatepost);
    client.send("alive");
    assert_eq!(client.exactly(5), b"alive");
    client.expect_no_data(Duration::from_millis(500));
    client.expect_closed();
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn traffic_in_one_direction_keeps_a_tunnel_open() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send(switching_protocols("websocket", ""))?;
        connection.wire.set_receive_timeout(Duration::from_millis(300))?;
        for _ in 0..8 {
            // The read times out: the client sends nothing.
            assert!(connection.wire.read_some().is_err(), "the tunnel ended early");
            connection.send("tick")?;
        }
        connection.wire.finish()
    });
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("tunnel_idle_timeout = \"1s\""));
    let mut client = open_tunnel(&gatepost);
    assert_eq!(client.read_until_close(), ("tick".repeat(8).into_bytes(), ConnectionEnd::Closed));
}

#[test]
fn request_limits_do_not_apply_to_tunnels() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let host = Host::new(GITLAB, &origin)
        .with("upstream_read_timeout = \"500ms\"\nclient_timeout = \"500ms\"\nmax_request_body = \"10\"");
    let gatepost = Gatepost::with_host(host);
    let mut client = open_tunnel(&gatepost);
    client.expect_no_data(Duration::from_millis(1200));
    client.send("more than ten bytes");
    assert_eq!(client.exactly(19), b"more than ten bytes");
}

#[test]
fn bulk_data_is_forwarded_in_both_directions_concurrently() {
    let (tcp, unix) = (Origin::tcp(upgrades_and_echoes()), Origin::unix(upgrades_and_echoes()));
    for host in [Host::new(GITLAB, &tcp), Host::new(GITLAB, &unix), Host::plain(GITLAB, &unix)] {
        let gatepost = Gatepost::with_host(host);
        let mut client = open_tunnel_with_or_without_tls(&gatepost);
        let sender = client.sender();
        let sending = thread::spawn(move || {
            sender.send(pattern(BULK))?;
            sender.finish()
        });
        let mut expected = Pattern::default();
        client.wire().read_in_pieces(BULK as u64, |piece| expected.check(piece)).unwrap();
        sending.join().unwrap().unwrap();
        client.expect_closed();
    }
}

#[test]
fn tunnels_leak_no_descriptors_and_do_not_reuse_connections() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = Gatepost::serving(&origin);
    let base = gatepost.settled_descriptors();
    for round in 0..30 {
        let mut client = open_tunnel(&gatepost);
        client.send("x");
        assert_eq!(client.exactly(1), b"x");
        if round % 2 == 0 {
            client.finish();
            client.expect_closed();
        } else {
            client.reset();
        }
    }
    eventually(TIMEOUT, || origin.open_connections() == 0);
    gatepost.wait_descriptors(base);
    assert_eq!(origin.connections(), 30, "the connection of a tunnel was reused");
}

/// Exceeds every buffer on the path many times.
const BULK: usize = 10 * 1024 * 1024;
