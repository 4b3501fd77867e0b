//! Request headers: forwarding headers, untrusted and hop-by-hop fields.

use crate::support::client::Client;
use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::message::Head;
use crate::support::origin::{Origin, ok, responds};
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Returns the head forwarded for a request with these header lines over TLS.
fn forwarded_head(fields: &[&str]) -> Head {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    gatepost.client().get_with("/", fields);
    origin.only_request().head
}

#[test]
fn forwarding_headers_describe_client_and_scheme() {
    let head = forwarded_head(&[]);
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(head.value("x-forwarded-ssl"), Some("on"));
}

#[test]
fn host_is_forwarded_unchanged() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for host in ["gitlab.test:8443", "GitLab.test", "gitlab.test."] {
        Client::tls(gatepost.https(), &Tls::to(GITLAB), host).get("/");
    }
    let hosts: Vec<_> = origin.requests().iter().map(|it| it.head.value("host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["gitlab.test:8443", "GitLab.test", "gitlab.test."]);
}

#[test]
fn client_supplied_forwarding_headers_are_replaced() {
    let head = forwarded_head(&[
        "X-Real-IP: 6.6.6.6",
        "X-Forwarded-For: 6.6.6.6",
        "X-Forwarded-For: 6.6.6.7, 6.6.6.8",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Ssl: off",
    ]);
    assert_eq!(head.value("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(head.value("x-forwarded-ssl"), Some("on"));
}

#[test]
fn other_untrusted_forwarding_headers_are_removed() {
    let names = [
        "X-Forwarded-User",
        "X-Forwarded-Prefix",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "Forwarded",
        "X-Client-IP",
        "True-Client-IP",
        "X-Forwarded-Scheme",
    ];
    let lines = names.map(|name| format!("{name}: evil"));
    let head = forwarded_head(&lines.each_ref().map(String::as_str));
    for name in names {
        assert!(!head.has(name), "{name}");
    }
    assert!(!String::from_utf8_lossy(&head.raw).contains("evil"));
}

/// A server that merges trailers into headers would trust them.
#[test]
fn untrusted_fields_are_removed_from_trailers() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    let chunked = ["Transfer-Encoding: chunked", "Trailer: X-Real-IP, X-SSL-Client-Verify, X_Real_IP, X-Sum"];
    client.request("POST / HTTP/1.1", &chunked);
    client.send("1\r\nx\r\n0\r\nX-Real-IP: 6.6.6.6\r\nX-SSL-Client-Verify: SUCCESS\r\nX_Real_IP: 6.6.6.6\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    assert_eq!(origin.only_request().trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

#[test]
fn a_plain_host_is_forwarded_with_scheme_http() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    gatepost.plain_client_of(GITLAB).get_with("/", &["X-Forwarded-Ssl: on", "X-Forwarded-Proto: https"]);
    let head = origin.only_request().head;
    assert_eq!(head.value("x-forwarded-proto"), Some("http"));
    assert!(!head.has("x-forwarded-ssl"));
}

#[test]
fn header_names_with_underscore_are_removed() {
    // Applications that convert header names to CGI variables cannot distinguish `_` and `-`.
    let head = forwarded_head(&["X_Forwarded_For: 6.6.6.6", "X_Real_IP: 6.6.6.6", "Good-Name: kept"]);
    assert_eq!(head.value("good-name"), Some("kept"));
    assert!(!String::from_utf8_lossy(&head.raw).contains("6.6.6.6"));
}

#[test]
fn hop_by_hop_headers_are_removed() {
    let head = forwarded_head(&[
        "Connection: keep-alive, X-Private",
        "Connection: x-more",
        "X-Private: stays here",
        "X-More: stays here",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eDp5",
    ]);
    for name in ["x-private", "x-more", "keep-alive", "proxy-connection", "proxy-authorization", "upgrade"] {
        assert!(!head.has(name), "{name}");
    }
    assert!(!head.values("connection").iter().any(|value| value.contains("private") || value.contains("close")));
}

#[test]
fn connection_options_cannot_remove_forwarding_headers() {
    let head =
        forwarded_head(&["Connection: x-forwarded-for, x-real-ip, X-Forwarded-Proto, x-forwarded-ssl, host"]);
    assert_eq!(head.value("host"), Some(GITLAB));
    assert_eq!(head.value("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.value("x-real-ip"), Some("127.0.0.1"));
    assert_eq!(head.value("x-forwarded-proto"), Some("https"));
    assert_eq!(head.value("x-forwarded-ssl"), Some("on"));
}

#[test]
fn end_to_end_headers_are_forwarded_unchanged_and_in_order() {
    let sent = [
        ("User-Agent", "test/1.0 (a; b)"),
        ("Accept-Encoding", "gzip, br"),
        ("Authorization", "Bearer abc"),
        ("Cookie", "a=1; b=\"2\""),
        ("If-None-Match", "W/\"x\""),
        ("Range", "bytes=0-9"),
        ("Referer", "https://gitlab.test/?private_token=x"),
        ("Origin", "https://gitlab.test"),
        ("X-Many", "first"),
        ("X-Many", "second"),
        ("Gitlab-Empty", ""),
    ];
    let lines = sent.map(|(name, value)| format!("{name}: {value}"));
    let head = forwarded_head(&lines.each_ref().map(String::as_str));
    for (name, _) in sent {
        let expected: Vec<_> = sent.iter().filter(|it| it.0 == name).map(|it| it.1).collect();
        assert_eq!(head.values(name), expected, "{name}");
    }
}

#[test]
fn non_ascii_header_values_are_forwarded_unchanged() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send(b"GET / HTTP/1.1\r\nHost: gitlab.test\r\nX-Name: gr\xfc\xdfe\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    let raw = origin.only_request().head.raw;
    assert!(raw.windows(6).any(|it| it == b"gr\xfc\xdfe\r"));
}

#[test]
fn configured_request_headers_are_set_and_removed() {
    let origin = greeting();
    let host = Host::new(GITLAB, &origin)
        .with(r#"request_headers = { "X-Frame-Options" = "SAMEORIGIN", "X-Gone" = false }"#);
    let gatepost = Gatepost::with_host(host);
    gatepost.client().get_with("/", &["X-Gone: here", "X-Frame-Options: DENY"]);
    let head = origin.only_request().head;
    assert_eq!(head.value("x-frame-options"), Some("SAMEORIGIN"));
    assert!(!head.has("x-gone"));
}

#[test]
fn method_target_and_body_are_forwarded_byte_for_byte() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let body: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let targets = ["/a%2Fb/../c?x=1&y=%20", "/?", "//x//y", "/;a=b,c?x?y", "/%25%32%46?%zz", "/~!$'()*@:&=+"];
    let mut client = gatepost.client();
    for target in targets {
        assert_eq!(client.post(target, &body).status(), 200, "{target}");
    }
    let long = format!("/x?{}", "q".repeat(7000));
    client.request(&format!("PROPFIND {long} HTTP/1.1"), &[]);
    assert_eq!(client.response().status(), 200);
    let requests = origin.requests();
    for (request, target) in requests.iter().zip(targets) {
        assert_eq!((request.head.method().as_str(), request.target().as_str()), ("POST", target));
        assert!(request.body == body, "the body of {target} differs");
    }
    let last = requests.last().unwrap();
    assert_eq!((last.head.method(), last.target()), ("PROPFIND".to_owned(), long));
}

#[test]
fn a_unix_socket_upstream_gets_the_same_headers() {
    let origin = Origin::unix(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    assert_eq!(gatepost.client().get("/x").text(), "hello");
    let head = origin.only_request().head;
    assert_eq!((head.value("host"), head.value("x-forwarded-for")), (Some(GITLAB), Some("127.0.0.1")));
}
