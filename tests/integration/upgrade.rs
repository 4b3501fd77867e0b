//! The handshake of an upgrade: nothing becomes a tunnel before the application says 101.

use crate::support::TIMEOUT;
use crate::support::configuration::{GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::faulty::{no_response, rejects_upgrade, unexpected_101};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, OriginConnection, ok, responds, upgrades_and_echoes};

#[test]
fn a_websocket_passes_with_its_handshake() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        let request = app.read_request()?;
        let key = request.head.value("sec-websocket-key").unwrap_or_default();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        app.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
        ))?;
        app.echo()
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
    let answer = client.head();
    assert_eq!(answer.status(), 101);
    // The example of RFC 6455 section 1.3.
    assert_eq!(answer.value("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.value("sec-websocket-protocol"), Some("chat"));
    assert!(answer.value("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
    assert!(answer.value("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")));
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
fn a_refused_upgrade_stays_http() {
    for status in ["200 OK", "403 Forbidden", "426 Upgrade Required"] {
        let origin = Origin::tcp(rejects_upgrade(status));
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        let second = client.request_bytes("GET /second HTTP/1.1", &[]);
        client.send([client.upgrade_bytes("/first", "websocket"), second].concat());
        let responses = [client.answer(), client.answer()];
        assert_eq!(responses.each_ref().map(|it| it.text()), ["no upgrade at /first", "no upgrade at /second"]);
        assert!(status.starts_with(&responses[0].status().to_string()));
        assert_eq!(client.get("/third").text(), "no upgrade at /third");
        let requests = origin.requests();
        assert_eq!(requests.iter().map(|it| it.target()).collect::<Vec<_>>(), ["/first", "/second", "/third"]);
        assert!(!requests[1].head.has("upgrade"));
    }
}

#[test]
fn a_refusal_without_a_declared_end_arrives_whole() {
    let origin = Origin::tcp(|app: &mut OriginConnection| {
        app.read_request()?;
        app.send("HTTP/1.1 401 Unauthorized\r\n\r\nsign in first")
    });
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send(client.upgrade_bytes("/", "websocket"));
    assert_eq!(client.answer().text(), "sign in first");
}

#[test]
fn an_application_that_switches_unasked_is_a_502() {
    let origin = Origin::tcp(unexpected_101());
    let gatepost = Gatepost::serving(&origin);
    let answer = gatepost.client().get("/");
    assert_eq!(answer.status(), 502);
    assert!(!answer.text().contains("nobody asked for"));
    assert_eq!(gatepost.http2().get("/").status, 502);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}

#[test]
fn any_protocol_can_be_switched_to() {
    for token in ["SPDY/3.1", "tcp", "WebSocket", "x-private"] {
        let origin = Origin::tcp(upgrades_and_echoes());
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.client();
        let answer = client.upgrade("/", token);
        assert_eq!((answer.status(), answer.value("upgrade")), (101, Some(token)));
        client.send("through");
        assert_eq!(client.exactly(7), b"through");
    }
}

#[test]
fn an_upgrade_to_http2_is_not_passed_on() {
    // A tunnel of HTTP/2 would carry requests past every rule of the host.
    let origin = Origin::tcp(responds(|_| ok("stayed")));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    let mut client = gatepost.plain_client_of(GITLAB);
    let fields = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    assert_eq!(client.get_with("/", &fields).text(), "stayed");
    let head = origin.only_request().head;
    assert!(!head.has("upgrade") && !head.has("http2-settings"));
}

#[test]
fn h2c_among_other_protocols_is_not_offered_to_the_application() {
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
fn an_upgrade_that_connection_does_not_name_is_none() {
    // RFC 9110 section 7.8: `Upgrade` is only meant if `Connection` names it.
    let origin = Origin::tcp(responds(|_| ok("stayed")));
    let gatepost = Gatepost::serving(&origin);
    assert_eq!(gatepost.client().get_with("/", &["Upgrade: websocket"]).text(), "stayed");
    assert!(!origin.only_request().head.has("upgrade"));
}

#[test]
fn a_client_that_vanishes_before_the_101_ends_its_request() {
    let origin = Origin::tcp(no_response());
    let gatepost = Gatepost::serving(&origin);
    let client = gatepost.client();
    client.send(client.upgrade_bytes("/", "websocket"));
    eventually(TIMEOUT, || origin.requests().len() == 1);
    drop(client);
    eventually(TIMEOUT, || origin.open_connections() == 0);
}
