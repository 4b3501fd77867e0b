//! gRPC: HTTP/2 on both sides, with trailers and bidirectional streams.

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

fn gatepost_serving(upstream: &UpstreamServer) -> Gatepost {
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
fn request_and_response_trailers_are_forwarded() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo?x=%2F");
    exchange.body.send_data(Bytes::from_static(b"message"), false).unwrap();
    let trailers = HeaderMap::from_iter([("checksum".parse().unwrap(), HeaderValue::from_static("7"))]);
    exchange.body.send_trailers(trailers).unwrap();
    let response = client.finish(exchange).unwrap();
    assert_eq!((response.status, response.body.as_slice()), (200, &b"message"[..]));
    assert_eq!(response.trailers["grpc-status"], "0");
    assert_eq!(response.trailers["checksum"], "7");
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
    assert!(!head.headers.contains_key("host"), "the host is sent in :authority");
}

#[test]
fn untrusted_fields_are_removed_from_trailers() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo");
    let names = ["x-real-ip", "x-ssl-client-verify", "host", "content-length", "checksum"];
    let trailers = names.map(|name| (name.parse().unwrap(), HeaderValue::from_static("7")));
    exchange.body.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
    let mut forwarded: Vec<_> = client.finish(exchange).unwrap().trailers.keys().map(ToString::to_string).collect();
    forwarded.sort();
    assert_eq!(forwarded, ["checksum", "grpc-status"]);
}

#[test]
fn a_target_without_path_is_forwarded_with_a_path() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    gatepost.client().get(&format!("https://{GITLAB}?x=1"));
    assert_eq!(upstream.record().requests[0].uri.path_and_query().unwrap().as_str(), "/?x=1");
}

#[test]
fn a_response_of_several_messages_keeps_its_grpc_status() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let response = client.send(call(&client, "/counts")).unwrap();
    assert_eq!(response.body, b"onetwothree");
    assert_eq!(response.trailers["grpc-status"], "0");
}

#[test]
fn bidirectional_streaming_is_not_buffered() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/echo");
    let (response, mut upload) = client.head(exchange).unwrap();
    let mut stream = response.into_body();
    for message in ["first", "second", "third"] {
        upload.send_data(Bytes::from_static(message.as_bytes()), false).unwrap();
        assert_eq!(client.piece(&mut stream).unwrap().unwrap(), message);
    }
    upload.send_data(Bytes::new(), true).unwrap();
    assert!(client.piece(&mut stream).is_none());
}

#[test]
fn large_messages_are_forwarded_unchanged() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let body = pattern(900_000);
    let response = client.send_with(call(&client, "/echo"), &body).unwrap();
    assert!(response.body == body, "the body differs");
}

#[test]
fn a_trailers_only_response_stays_trailers_only() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/only-trailers");
    let (response, _upload) = client.head(exchange).unwrap();
    assert_eq!(response.headers()["grpc-status"], "5");
    assert!(response.body().is_end_stream());
}

#[test]
fn cancellation_before_the_response_resets_the_upstream_stream() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/never-responds");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    exchange.body.send_reset(Reason::CANCEL);
    client.make_progress_until(|| !upstream.record().resets.is_empty());
    assert_eq!(upstream.record().resets, [Reason::CANCEL]);
}

#[test]
fn cancellation_during_the_response_resets_the_upstream_stream() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/echo");
    let (response, mut upload) = client.head(exchange).unwrap();
    upload.send_reset(Reason::CANCEL);
    client.make_progress_until(|| !upstream.record().resets.is_empty());
    assert_eq!(upstream.record().resets, [Reason::CANCEL]);
    drop(response);
}

#[test]
fn the_reset_reason_of_the_upstream_is_forwarded() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/resets");
    let (response, mut upload) = client.head(exchange).unwrap();
    let mut stream = response.into_body();
    assert_eq!(client.piece(&mut stream).unwrap().unwrap(), "so far");
    upload.send_data(Bytes::from_static(b"more"), false).unwrap();
    let error = client.piece(&mut stream).unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
}

#[test]
fn concurrent_calls_share_an_upstream_connection() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
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
fn a_low_max_concurrent_streams_opens_more_connections() {
    let upstream = UpstreamServer::h2c_with_max_streams(2);
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchanges = Vec::new();
    for count in 1..=5 {
        exchanges.push(start(&mut client, "/never-responds"));
        client.make_progress_until(|| upstream.record().requests.len() == count);
    }
    assert_eq!(upstream.record().connections, 3);
}

#[test]
fn a_connection_with_goaway_finishes_its_calls_and_is_replaced() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut in_flight = start(&mut client, "/sends-goaway");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
    assert_eq!(upstream.record().connections, 2);
    in_flight.body.send_data(Bytes::from_static(b"still here"), true).unwrap();
    assert_eq!(client.finish(in_flight).unwrap().body, b"still here");
}

#[test]
fn a_disconnected_connection_fails_its_calls_and_is_replaced() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let exchange = start(&mut client, "/disconnects");
    assert_eq!(client.finish(exchange).unwrap().status, 502);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
}

#[test]
fn an_unreachable_upstream_is_a_502() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    drop(upstream);
    let mut client = gatepost.http2();
    let response = client.send(call(&client, "/echo")).unwrap();
    assert_eq!(response.status, 502);
}

#[test]
fn a_body_over_the_limit_without_length_is_rejected_with_413() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with("max_request_body = 1000"));
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/collects");
    exchange.body.send_data(Bytes::from(vec![0; 1001]), false).unwrap();
    assert_eq!(client.finish(exchange).unwrap().status, 413);
    assert_eq!(client.send(call(&client, "/counts")).unwrap().status, 200);
}

#[test]
fn upstream_read_timeout_cancels_the_stream_with_504() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with(r#"upstream_read_timeout = "100ms""#));
    let mut client = gatepost.http2();
    assert_eq!(client.send(call(&client, "/never-responds")).unwrap().status, 504);
    eventually(TIMEOUT, || upstream.record().resets == [Reason::CANCEL]);
}

#[test]
fn an_http_1_1_client_gets_a_response_from_a_grpc_upstream() {
    let upstream = UpstreamServer::h2c();
    let gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.client();
    assert_eq!(client.post("/echo", b"hello").text(), "hello");
    let head = client.upgrade("/counts", "websocket");
    assert_eq!(head.status(), 200);
    assert!(!upstream.record().requests[1].headers.contains_key("upgrade"));
}

#[test]
fn an_idle_connection_is_closed_after_its_timeout() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(host_of(&upstream).with(r#"upstream_keepalive_timeout = "100ms""#));
    let base = gatepost.settled_descriptors();
    let mut client = gatepost.http2();
    client.send(call(&client, "/counts")).unwrap();
    drop(client);
    gatepost.wait_descriptors(base);
}

#[test]
fn graceful_shutdown_waits_for_calls() {
    let upstream = UpstreamServer::h2c();
    let mut gatepost = gatepost_serving(&upstream);
    let mut client = gatepost.http2();
    let mut exchange = start(&mut client, "/echo");
    client.make_progress_until(|| upstream.record().requests.len() == 1);
    gatepost.terminate();
    gatepost.wait_stderr(|text| text.contains("shutdown: waiting"));
    exchange.body.send_data(Bytes::from_static(b"last"), true).unwrap();
    assert_eq!(client.finish(exchange).unwrap().body, b"last");
    drop(client);
    assert!(gatepost.wait_exit(Duration::from_secs(10)).success());
}
