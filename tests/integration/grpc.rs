//! gRPC: HTTP/2 from the client to the application, with trailers, and with streams in both directions.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue, Request};

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::http2::{Exchange, Http2};
use crate::support::pattern::pattern;
use crate::support::upstream_server::UpstreamServer;

fn host_of(upstream: &UpstreamServer) -> Host {
    Host::to(GITLAB, &format!("grpc://127.0.0.1:{}", upstream.port()))
}

fn serving(upstream: &UpstreamServer) -> Gatepost {
    Gatepost::with_host(host_of(upstream))
}

fn call(client: &Http2, target: &str) -> Request<()> {
    let mut request = client.request("POST", target);
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
    request
}

fn start(client: &mut Http2, target: &str) -> Exchange {
    client.start_upload(call(client, target)).unwrap()
}

#[test]
fn a_call_passes_with_its_trailers_in_both_directions() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo?x=%2F");
    exchange.body.send_data(Bytes::from_static(b"message"), false).unwrap();
    let trailers = HeaderMap::from_iter([("checksum".parse().unwrap(), HeaderValue::from_static("7"))]);
    exchange.body.send_trailers(trailers).unwrap();
    let answer = client.finish(exchange).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"message"[..]));
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!(answer.trailers["checksum"], "7");
    let record = upstream.record();
    let head = &record.requests[0];
    assert_eq!(head.uri.to_string(), format!("http://{GITLAB}/echo?x=%2F"));
    for (name, value) in [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
    ] {
        assert_eq!(head.headers[name], value, "{name}");
    }
    assert!(!head.headers.contains_key("host"), "the host is in :authority");
}

#[test]
fn trailers_do_not_say_what_headers_must_not() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo");
    let names = ["x-real-ip", "x-ssl-client-verify", "host", "content-length", "checksum"];
    let trailers = names.map(|name| (name.parse().unwrap(), HeaderValue::from_static("7")));
    exchange.body.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
    let mut told: Vec<_> = client.finish(exchange).unwrap().trailers.keys().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(told, ["checksum", "grpc-status"]);
}

#[test]
fn a_target_without_a_path_reaches_the_application_with_one() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    gatepost.client().get(&format!("https://{GITLAB}?x=1"));
    assert_eq!(upstream.record().requests[0].uri.path_and_query().unwrap().as_str(), "/?x=1");
}

#[test]
fn an_answer_of_several_messages_arrives_with_its_status() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let answer = client.send(call(&client, "/counts")).unwrap();
    assert_eq!(answer.body, b"onetwothree");
    assert_eq!(answer.trailers["grpc-status"], "0");
}

#[test]
fn both_sides_can_speak_at_once() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/echo");
    let (answer, mut upload) = client.head(exchange).unwrap();
    let mut stream = answer.into_body();
    for message in ["first", "second", "third"] {
        upload.send_data(Bytes::from_static(message.as_bytes()), false).unwrap();
        assert_eq!(client.piece(&mut stream).unwrap().unwrap(), message);
    }
    upload.send_data(Bytes::new(), true).unwrap();
    assert!(client.piece(&mut stream).is_none());
}

#[test]
fn large_messages_pass_unchanged() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let body = pattern(900_000);
    let answer = client.send_with(call(&client, "/echo"), &body).unwrap();
    assert!(answer.body == body, "the body differs");
}

#[test]
fn an_answer_that_is_only_trailers_stays_one() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/only-trailers");
    let (answer, _upload) = client.head(exchange).unwrap();
    assert_eq!(answer.headers()["grpc-status"], "5");
    assert!(answer.body().is_end_stream());
}

#[test]
fn a_client_that_cancels_before_the_answer_cancels_at_the_application() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/never-responds");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    exchange.body.send_reset(Reason::CANCEL);
    client.make_progress_until(|| !upstream.record().resets.is_empty());
    assert_eq!(upstream.record().resets, [Reason::CANCEL]);
}

#[test]
fn a_client_that_cancels_within_the_answer_cancels_at_the_application() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/echo");
    let (answer, mut upload) = client.head(exchange).unwrap();
    upload.send_reset(Reason::CANCEL);
    client.make_progress_until(|| !upstream.record().resets.is_empty());
    assert_eq!(upstream.record().resets, [Reason::CANCEL]);
    drop(answer);
}

#[test]
fn the_reason_of_a_reset_by_the_application_reaches_the_client() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/resets");
    let (answer, mut upload) = client.head(exchange).unwrap();
    let mut stream = answer.into_body();
    assert_eq!(client.piece(&mut stream).unwrap().unwrap(), "so far");
    upload.send_data(Bytes::from_static(b"more"), false).unwrap();
    let error = client.piece(&mut stream).unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
}

#[test]
fn calls_at_the_same_time_share_a_connection() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchanges: Vec<Exchange> = (0..20).map(|_| start(&mut client, "/echo")).collect();
    client.make_progress_until(|| upstream.record().requests.len() == 20);
    for exchange in &mut exchanges {
        exchange.body.send_data(Bytes::from_static(b"x"), true).unwrap();
    }
    for exchange in exchanges {
        assert_eq!(client.finish(exchange).unwrap().body, b"x");
    }
    assert_eq!(upstream.record().connections, 1);
}

#[test]
fn an_application_that_allows_few_calls_at_once_gets_more_connections() {
    let upstream = UpstreamServer::h2c_with_max_streams(2);
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchanges = Vec::new();
    for count in 1..=5 {
        exchanges.push(start(&mut client, "/never-responds"));
        client.make_progress_until(|| upstream.record().requests.len() == count);
    }
    assert_eq!(upstream.record().connections, 3);
}

#[test]
fn a_connection_that_says_goodbye_finishes_its_calls_and_is_replaced() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut long = start(&mut client, "/sends-goaway");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
    assert_eq!(upstream.record().connections, 2);
    long.body.send_data(Bytes::from_static(b"still here"), true).unwrap();
    assert_eq!(client.finish(long).unwrap().body, b"still here");
}

#[test]
fn a_connection_that_breaks_fails_its_calls_and_is_replaced() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/disconnects");
    assert_eq!(client.finish(exchange).unwrap().status, 502);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
}

#[test]
fn an_application_that_is_not_there_is_a_bad_gateway() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    drop(upstream);
    let mut client = gatepost.http2();
    let answer = client.send(call(&client, "/echo")).unwrap();
    assert_eq!(answer.status, 502);
}

#[test]
fn a_message_over_the_limit_is_refused_even_if_its_length_is_unknown() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with("max_body = 1000"));
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/collects");
    exchange.body.send_data(Bytes::from(vec![0; 1001]), false).unwrap();
    assert_eq!(client.finish(exchange).unwrap().status, 413);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
}

#[test]
fn an_application_that_stays_silent_is_given_up() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with(r#"read_timeout = "100ms""#));
    let mut client = gatepost.http2();
    assert_eq!(client.send(call(&client, "/never-responds")).unwrap().status, 504);
    eventually(TIMEOUT, || upstream.record().resets == [Reason::CANCEL]);
}

#[test]
fn a_client_of_http_1_1_gets_an_answer_too() {
    let upstream = UpstreamServer::h2c();
    let gatepost = serving(&upstream);
    let mut client = gatepost.client();
    assert_eq!(client.post("/echo", b"hello").text(), "hello");
    let head = client.upgrade("/counts", "websocket");
    assert_eq!(head.status(), 200);
    assert!(!upstream.record().requests[1].headers.contains_key("upgrade"));
}

#[test]
fn a_connection_without_calls_is_closed_after_its_rest() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with(r#"keepalive_timeout = "100ms""#));
    let base = gatepost.settled_descriptors();
    let mut client = gatepost.http2();
    client.send(call(&client, "/counts")).unwrap();
    drop(client);
    gatepost.wait_descriptors(base);
}

#[test]
fn a_stop_waits_for_calls() {
    let upstream = UpstreamServer::h2c();
    let mut gatepost = serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    gatepost.terminate();
    gatepost.wait_stderr(|text| text.contains("stopping"));
    exchange.body.send_data(Bytes::from_static(b"last"), true).unwrap();
    assert_eq!(client.finish(exchange).unwrap().body, b"last");
    drop(client);
    assert!(gatepost.wait_exit(Duration::from_secs(10)).success());
}
