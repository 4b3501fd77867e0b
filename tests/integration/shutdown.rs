//! Graceful shutdown: new connections, requests in flight, and the timeout.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::no_response;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, upgrades_and_echoes};
use crate::support::signal::test_signal;

fn gatepost_with_shutdown_timeout(origin: &Origin, timeout: &str) -> Gatepost {
    let line = format!("shutdown_timeout = \"{timeout}\"");
    Gatepost::start(Configuration::new().process(&line).host(Host::new(GITLAB, origin)))
}

#[test]
fn shutdown_without_connections_is_immediate() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn requests_in_flight_finish_and_new_connections_are_rejected() {
    let (finish, signal) = test_signal();
    let origin = Origin::tcp(move |connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.wait_for(&signal)?;
        connection.send(ok("finished"))
    });
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    finish.send();
    assert_eq!(client.response().text(), "finished");
    client.expect_closed();
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn idle_connections_are_closed_immediately() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut used = gatepost.client();
    used.get("/");
    let mut new = gatepost.client();
    let mut plain = gatepost.plain_client_of(GITLAB);
    plain.get("/");
    let start = Instant::now();
    gatepost.terminate();
    for client in [&mut used, &mut new, &mut plain] {
        client.expect_closed();
    }
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_partially_received_request_gets_a_response_before_the_close() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut client = gatepost.client();
    // The response to the first request shows that the part of the second one has been read, too.
    let first = client.request_bytes("GET /first HTTP/1.1", &[]);
    client.send([&first[..], b"GET /second HTTP/1.1\r\n"].concat());
    assert_eq!(client.response().text(), "/first");
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    client.send(format!("Host: {GITLAB}\r\n\r\n"));
    let response = client.response();
    assert_eq!((response.text().as_str(), response.head.value("connection")), ("/second", Some("close")));
    client.expect_closed();
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn http2_clients_receive_goaway() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut client = gatepost.http2();
    client.get("/");
    gatepost.terminate();
    // Only GOAWAY with NO_ERROR is a graceful close.
    assert!(client.wait_for_close().is_ok());
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn an_http2_request_in_flight_finishes() {
    let (finish, signal) = test_signal();
    let origin = Origin::tcp(move |connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.wait_for(&signal)?;
        connection.send(ok("finished"))
    });
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut client = gatepost.http2();
    let exchange = client.start(client.request("GET", "/")).unwrap();
    client.make_progress_until(|| origin.requests().len() == 1);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    finish.send();
    assert_eq!(client.finish(exchange).unwrap().body, b"finished");
    drop(client);
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn a_tunnel_stays_open_until_its_peers_close_it() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "30s");
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/", "websocket").status(), 101);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    client.send("still here");
    assert_eq!(client.exactly(10), b"still here");
    assert!(!gatepost.has_ended());
    client.finish();
    client.expect_closed();
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn tunnels_that_exceed_the_timeout_are_aborted_and_counted() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "1s");
    let mut clients = [gatepost.client(), gatepost.client()];
    for client in &mut clients {
        assert_eq!(client.upgrade("/", "websocket").status(), 101);
    }
    let start = Instant::now();
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    assert!(start.elapsed() > Duration::from_millis(900), "aborted after only {:?}", start.elapsed());
    for client in &mut clients {
        client.expect_closed();
    }
    gatepost.wait_stderr(|text| text.contains("2 tunnels aborted"));
    assert_eq!(gatepost.access_log(2).len(), 2);
}

#[test]
fn an_http2_upload_that_exceeds_the_timeout_is_aborted() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| connection.read_request().map(drop));
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "1s");
    let mut client = gatepost.http2();
    let mut exchange = client.start_upload(client.request("POST", "/")).unwrap();
    exchange.body.send_data("the first part".into(), false).unwrap();
    client.make_progress_until(|| !origin.heads().is_empty());
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    assert!(client.finish(exchange).is_err());
}

#[test]
fn a_request_that_exceeds_the_timeout_is_aborted() {
    let origin = Origin::tcp(no_response());
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "1s");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    client.read_until_close();
    gatepost.wait_stderr(|text| text.contains("1 connection"));
}

#[test]
fn a_second_sigterm_stops_immediately() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = gatepost_with_shutdown_timeout(&origin, "1h");
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/", "websocket").status(), 101);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    assert!(!gatepost.has_ended());
    gatepost.terminate();
    gatepost.wait_exit(Duration::from_secs(2));
    client.expect_closed();
    gatepost.wait_stderr(|text| text.contains("1 tunnels aborted"));
    assert!(gatepost.access_log(1)[0].contains(" 101 "));
}
