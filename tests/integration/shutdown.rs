//! Stopping: nothing new is taken, what runs may finish, and there is an end to waiting.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::no_response;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, upgrades_and_echoes};
use crate::support::signal::test_signal;

fn with_grace(origin: &Origin, grace: &str) -> Gatepost {
    let line = format!("shutdown_grace = \"{grace}\"");
    Gatepost::start(Configuration::new().process(&line).host(Host::new(GITLAB, origin)))
}

#[test]
fn a_stop_with_nothing_to_do_is_immediate_and_clean() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = with_grace(&origin, "30s");
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn requests_under_way_finish_and_new_connections_are_refused() {
    let (finish, signal) = test_signal();
    let origin = Origin::tcp(move |app: &mut OriginConnection| {
        app.read_request()?;
        app.wait_for(&signal)?;
        app.send(ok("finished"))
    });
    let mut gatepost = with_grace(&origin, "30s");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    finish.send();
    assert_eq!(client.answer().text(), "finished");
    client.expect_closed();
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn connections_without_a_request_are_closed_at_once() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = with_grace(&origin, "30s");
    let mut used = gatepost.client();
    used.get("/");
    let mut unused = gatepost.client();
    let mut plain = gatepost.plain_client_of(GITLAB);
    plain.get("/");
    let start = Instant::now();
    gatepost.terminate();
    for client in [&mut used, &mut unused, &mut plain] {
        client.expect_closed();
    }
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_head_that_has_begun_is_answered_before_the_end() {
    let origin = Origin::tcp(responds(|request| ok(request.target())));
    let mut gatepost = with_grace(&origin, "30s");
    let mut client = gatepost.client();
    // The answer to the first shows that the part of the second has been read, too.
    let first = client.request_bytes("GET /first HTTP/1.1", &[]);
    client.send([&first[..], b"GET /second HTTP/1.1\r\n"].concat());
    assert_eq!(client.answer().text(), "/first");
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    client.send(format!("Host: {GITLAB}\r\n\r\n"));
    let answer = client.answer();
    assert_eq!((answer.text().as_str(), answer.head.value("connection")), ("/second", Some("close")));
    client.expect_closed();
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn clients_of_http2_are_told_to_go_away() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let mut gatepost = with_grace(&origin, "30s");
    let mut client = gatepost.http2();
    client.get("/");
    gatepost.terminate();
    // Only a GOAWAY without an error is an orderly end.
    assert!(client.wait_for_close().is_ok());
    assert_eq!(gatepost.wait_exit(TIMEOUT).code(), Some(0));
}

#[test]
fn a_request_of_http2_under_way_finishes() {
    let (finish, signal) = test_signal();
    let origin = Origin::tcp(move |app: &mut OriginConnection| {
        app.read_request()?;
        app.wait_for(&signal)?;
        app.send(ok("finished"))
    });
    let mut gatepost = with_grace(&origin, "30s");
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
fn a_tunnel_goes_on_until_it_ends_by_itself() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = with_grace(&origin, "30s");
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
fn what_outlives_the_grace_is_cut_and_counted() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = with_grace(&origin, "1s");
    let mut clients = [gatepost.client(), gatepost.client()];
    for client in &mut clients {
        assert_eq!(client.upgrade("/", "websocket").status(), 101);
    }
    let start = Instant::now();
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    assert!(start.elapsed() > Duration::from_millis(900), "cut after {:?} already", start.elapsed());
    for client in &mut clients {
        client.expect_closed();
    }
    gatepost.wait_stderr(|text| text.contains("2 tunnels were cut"));
    assert_eq!(gatepost.access_log(2).len(), 2);
}

#[test]
fn an_upload_of_http2_that_outlives_the_grace_is_cut() {
    let origin = Origin::tcp(|app: &mut OriginConnection| app.read_request().map(drop));
    let mut gatepost = with_grace(&origin, "1s");
    let mut client = gatepost.http2();
    let mut exchange = client.start_upload(client.request("POST", "/")).unwrap();
    exchange.body.send_data("the first part".into(), false).unwrap();
    client.make_progress_until(|| !origin.heads().is_empty());
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    assert!(client.finish(exchange).is_err());
}

#[test]
fn a_request_that_outlives_the_grace_is_cut() {
    let origin = Origin::tcp(no_response());
    let mut gatepost = with_grace(&origin, "1s");
    let mut client = gatepost.client();
    client.request("GET / HTTP/1.1", &[]);
    eventually(TIMEOUT, || origin.requests().len() == 1);
    gatepost.terminate();
    assert_eq!(gatepost.wait_exit(Duration::from_secs(4)).code(), Some(0));
    client.rest();
    gatepost.wait_stderr(|text| text.contains("1 connection"));
}

#[test]
fn a_second_request_to_stop_ends_at_once() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let mut gatepost = with_grace(&origin, "1h");
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/", "websocket").status(), 101);
    gatepost.terminate();
    eventually(TIMEOUT, || TcpStream::connect(gatepost.https()).is_err());
    assert!(!gatepost.has_ended());
    gatepost.terminate();
    gatepost.wait_exit(Duration::from_secs(2));
    client.expect_closed();
    gatepost.wait_stderr(|text| text.contains("1 tunnels were cut"));
    assert!(gatepost.access_log(1)[0].contains(" 101 "));
}
