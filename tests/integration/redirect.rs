//! Plain port: 301 to the same target over HTTPS, never to another host.

use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Returns the `Location` for a GET request on the plain port.
fn location(gatepost: &Gatepost, host: &str, target: &[u8]) -> Vec<u8> {
    let mut client = gatepost.plain_client_of(host);
    client.send([b"GET ", target, b" HTTP/1.1\r\nHost: ", host.as_bytes(), b"\r\n\r\n"].concat());
    let response = client.response();
    assert_eq!(response.status(), 301);
    let raw = response.head.raw;
    let prefix = b"location: ";
    let at = raw.windows(prefix.len()).position(|it| it.eq_ignore_ascii_case(prefix)).unwrap() + prefix.len();
    let end = raw[at..].iter().position(|byte| *byte == b'\r').unwrap();
    raw[at..at + end].to_vec()
}

#[test]
fn redirect_keeps_path_and_query_byte_for_byte() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let origin_url = format!("https://gitlab.test:{}", gatepost.https().port()).into_bytes();
    let targets: [&[u8]; 9] = [
        b"/",
        b"/?",
        b"//x",
        b"/a%2Fb/../c?x=1&y=%20",
        b"/a;b=c,d?x=y?z",
        b"/%e2%82%ac?%zz",
        "/grüße?q=ä€".as_bytes(),
        b"/x?next=https://evil.test/",
        b"/a?b=%0d%0aSet-Cookie:x",
    ];
    for target in targets {
        let target_text = String::from_utf8_lossy(target);
        assert_eq!(location(&gatepost, GITLAB, target), [&origin_url, target].concat(), "{target_text}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn an_absolute_target_without_path_redirects_to_the_root() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let origin_url = format!("https://gitlab.test:{}", gatepost.https().port());
    assert_eq!(
        location(&gatepost, "gitlab.test", b"http://gitlab.test?a=b"),
        format!("{origin_url}/?a=b").into_bytes()
    );
}

#[test]
fn public_port_443_is_omitted() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("public_port = 443"));
    assert_eq!(location(&gatepost, GITLAB, b"/x"), b"https://gitlab.test/x");
}

#[test]
fn another_public_port_is_part_of_the_location() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("public_port = 8443"));
    assert_eq!(location(&gatepost, "gitlab.test:8080", b"/x"), b"https://gitlab.test:8443/x");
}

#[test]
fn redirect_keeps_the_requested_alias() {
    let origin = greeting();
    let host = Host::new(GITLAB, &origin).with("aliases = [\"git.test\"]\npublic_port = 443");
    let gatepost = Gatepost::with_host(host);
    assert_eq!(location(&gatepost, "git.test", b"/x"), b"https://git.test/x");
}

#[test]
fn redirect_of_a_wildcard_host_keeps_the_requested_name() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new("*.pages.test", &origin).with("public_port = 443"));
    assert_eq!(location(&gatepost, "a.b.pages.test:80", b"/x"), b"https://a.b.pages.test/x");
}

#[test]
fn an_unknown_host_is_never_redirected() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for host in ["evil.test", "gitlab.test.evil.test", "127.0.0.1"] {
        let response = gatepost.plain_client_of(host).get("/");
        assert_eq!(response.status(), 421, "{host}");
        assert!(!response.head.has("location"), "{host}");
    }
}

#[test]
fn an_invalid_host_is_never_redirected() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for host in ["gitlab.test@evil.test", "", "gitlab.test:0"] {
        let response = gatepost.plain_client_of(host).get("/");
        assert_eq!(response.status(), 400, "{host}");
        assert!(!response.head.has("location"), "{host}");
    }
}

#[test]
fn redirect_has_no_strict_transport_security() {
    // RFC 6797 section 7.2: HSTS is not sent over plain HTTP.
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    assert!(!gatepost.plain_client_of(GITLAB).get("/").head.has("strict-transport-security"));
}

#[test]
fn redirect_of_head_has_no_body() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.plain_client_of(GITLAB);
    client.request("HEAD /x HTTP/1.1", &[]);
    assert_eq!(client.response_to("HEAD").status(), 301);
    assert_eq!(client.get("/y").status(), 301);
}

#[test]
fn a_route_before_the_redirect_is_served_on_the_plain_port() {
    let origin = greeting();
    let host = Host::new(GITLAB, &origin)
        .route("exact = \"/-/health\"\nbefore_redirect = true")
        .route("exact = \"/-/secure\"");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.plain_client_of(GITLAB);
    assert_eq!(client.get("/-/health").text(), "hello");
    assert_eq!(client.get("/-/secure").status(), 301);
    assert_eq!(gatepost.client().get("/-/health").text(), "hello");
}

#[test]
fn the_body_of_a_redirected_request_is_never_parsed_as_a_request() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let body = "GET /smuggled HTTP/1.1\r\nHost: gitlab.test\r\n\r\n";
    let length = format!("Content-Length: {}", body.len());
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (framing, body) in [(length.as_str(), body), ("Transfer-Encoding: chunked", chunk.as_str())] {
        let mut client = gatepost.plain_client_of(GITLAB);
        let post = client.request_bytes("POST /first HTTP/1.1", &[framing]);
        let second = client.request_bytes("GET /second HTTP/1.1", &["Connection: close"]);
        client.send([&post, body.as_bytes(), &second].concat());
        let response = client.response();
        assert!(response.head.value("location").unwrap().ends_with("/first"));
        let (rest, _) = client.read_until_close();
        assert!(!String::from_utf8_lossy(&rest).contains("smuggled"), "{framing}");
    }
}
