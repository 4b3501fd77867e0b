//! HTTP upgrades: a connection becomes a tunnel only after 101 from the upstream.

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::{no_response, rejects_upgrade, unexpected_101};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, upgrades_and_echoes};

#[test]
fn a_websocket_handshake_is_forwarded() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        let request = connection.read_request()?;
        let key = request.head.value("sec-websocket-key").unwrap_or_default();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        connection.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        ))?;
        connection.echo()
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.request(
        "GET /api/v4/websocket HTTP/1.1",
        &[
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Origin: https://gitlab.test",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: chat, superchat",
            "Sec-WebSocket-Extensions: permessage-deflate",
        ],
    );
    let response = client.head();
    assert_eq!(response.status(), 101);
    // The example of RFC 6455 section 1.3.
    assert_eq!(response.value("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(response.value("sec-websocket-protocol"), Some("chat"));
    assert!(response.value("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
    assert!(response.value("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")));
    let head = origin.only_request().head;
    assert!(head.value("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
    for (name, value) in [
        ("upgrade", "websocket"),
        ("origin", "https://gitlab.test"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("host", GITLAB),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
    ] {
        assert_eq!(head.value(name), Some(value), "{name}");
    }
}

#[test]
fn a_rejected_upgrade_stays_http() {
    for status in ["200 OK", "403 Forbidden", "426 Upgrade Required"] {
        let origin = Origin::tcp(rejects_upgrade(status));
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        let second = client.request_bytes("GET /second HTTP/1.1", &[]);
        client.send([client.upgrade_bytes("/first", "websocket"), second].concat());
        let responses = [client.response(), client.response()];
        assert_eq!(responses.each_ref().map(|it| it.text()), ["no upgrade at /first", "no upgrade at /second"]);
        assert!(status.starts_with(&responses[0].status().to_string()));
        assert_eq!(client.get("/third").text(), "no upgrade at /third");
        let requests = origin.requests();
        assert_eq!(requests.iter().map(|it| it.target()).collect::<Vec<_>>(), ["/first", "/second", "/third"]);
        assert!(!requests[1].head.has("upgrade"));
    }
}

#[test]
fn a_close_delimited_rejection_is_complete() {
    let origin = Origin::tcp(|connection: &mut OriginConnection| {
        connection.read_request()?;
        connection.send("HTTP/1.1 401 Unauthorized\r\n\r\nsign in first")
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send(client.upgrade_bytes("/", "websocket"));
    assert_eq!(client.response().text(), "sign in first");
}

#[test]
fn an_unexpected_101_is_a_502() {
    let origin = Origin::tcp(unexpected_101());
    let gatepost = Gatepost::serving(&origin);
    let response = gatepost.client().get("/");
    assert_eq!(response.status(), 502);
    assert!(!response.text().contains("unexpected tunnel"));
    assert_eq!(gatepost.http2().get("/").status, 502);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn any_protocol_can_be_upgraded_to() {
    for token in ["SPDY/3.1", "tcp", "WebSocket", "x-private"] {
        let origin = Origin::tcp(upgrades_and_echoes());
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        let response = client.upgrade("/", token);
        assert_eq!((response.status(), response.value("upgrade")), (101, Some(token)));
        client.send("through");
        assert_eq!(client.exactly(7), b"through");
    }
}

#[test]
fn an_h2c_upgrade_is_not_forwarded() {
    // An HTTP/2 tunnel would bypass the access rules of the host.
    let origin = Origin::tcp(responds(|_| ok("stayed")));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let fields = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    assert_eq!(client.get_with("/", &fields).text(), "stayed");
    let head = origin.only_request().head;
    assert!(!head.has("upgrade") && !head.has("http2-settings"));
}

#[test]
fn h2c_among_other_protocols_is_not_forwarded() {
    let origin = Origin::tcp(responds(|_| ok("stayed")));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    for upgrade in ["h2c, websocket", "websocket, h2c", "H2C"] {
        let fields = ["Connection: Upgrade", &format!("Upgrade: {upgrade}")];
        gatepost.plain_client_of(GITLAB).get_with("/", &fields);
    }
    for request in origin.requests() {
        assert!(!request.head.values("upgrade").iter().any(|it| it.to_ascii_lowercase().contains("h2c")));
    }
}

#[test]
fn upgrade_without_connection_upgrade_is_ignored() {
    // RFC 9110 section 7.8: `Upgrade` is effective only if `Connection` lists it.
    let origin = Origin::tcp(responds(|_| ok("stayed")));
    let gatepost = Gatepost::serving(&origin);
    assert_eq!(gatepost.client().get_with("/", &["Upgrade: websocket"]).text(), "stayed");
    assert!(!origin.only_request().head.has("upgrade"));
}

#[test]
fn a_client_disconnect_before_the_101_cancels_the_request() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let client = gatepost.client();
    client.send(client.upgrade_bytes("/", "websocket"));
    eventually(TIMEOUT, || origin.requests().len() == 1);
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}
