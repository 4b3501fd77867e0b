//! The plain port: 301 to the same place over HTTPS, and never anywhere else.

use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Where a GET for `target` on the plain port is sent.
fn location(gatepost: &Gatepost, host: &str, target: &[u8]) -> Vec<u8> {
    let mut client = gatepost.plain_client_of(host);
    client.send([b"GET ", target, b" HTTP/1.1\r\nHost: ", host.as_bytes(), b"\r\n\r\n"].concat());
    let answer = client.answer();
    assert_eq!(answer.status(), 301);
    let raw = answer.head.raw;
    let mark = b"location: ";
    let at = raw.windows(mark.len()).position(|it| it.eq_ignore_ascii_case(mark)).unwrap() + mark.len();
    let end = raw[at..].iter().position(|byte| *byte == b'\r').unwrap();
    raw[at..at + end].to_vec()
}

#[test]
fn redirect_keeps_path_and_query_byte_for_byte() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let start = format!("https://gitlab.test:{}", gatepost.https().port()).into_bytes();
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
        let shown = String::from_utf8_lossy(target);
        assert_eq!(location(&gatepost, GITLAB, target), [&start, target].concat(), "{shown}");
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn an_absolute_target_without_a_path_leads_to_the_root() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let start = format!("https://gitlab.test:{}", gatepost.https().port());
    assert_eq!(location(&gatepost, "gitlab.test", b"http://gitlab.test?a=b"), format!("{start}/?a=b").into_bytes());
}

#[test]
fn the_port_is_left_out_when_the_public_one_is_443() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("public_port = 443"));
    assert_eq!(location(&gatepost, GITLAB, b"/x"), b"https://gitlab.test/x");
}

#[test]
fn another_public_port_is_named() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("public_port = 8443"));
    assert_eq!(location(&gatepost, "gitlab.test:8080", b"/x"), b"https://gitlab.test:8443/x");
}

#[test]
fn redirect_stays_on_the_name_that_was_asked_for() {
    let origin = greeting();
    let host = Host::new(GITLAB, &origin).with("aliases = [\"git.test\"]\npublic_port = 443");
    let gatepost = Gatepost::with_host(host);
    assert_eq!(location(&gatepost, "git.test", b"/x"), b"https://git.test/x");
}

#[test]
fn redirect_of_a_wildcard_stays_on_the_name_that_was_asked_for() {
    let origin = greeting();
    let gatepost = Gatepost::with_host(Host::new("*.pages.test", &origin).with("public_port = 443"));
    assert_eq!(location(&gatepost, "a.b.pages.test:80", b"/x"), b"https://a.b.pages.test/x");
}

#[test]
fn an_unknown_host_is_never_redirected() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for host in ["evil.test", "gitlab.test.evil.test", "127.0.0.1"] {
        let answer = gatepost.plain_client_of(host).get("/");
        assert_eq!(answer.status(), 421, "{host}");
        assert!(!answer.head.has("location"), "{host}");
    }
}

#[test]
fn a_bad_host_is_never_redirected() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    for host in ["gitlab.test@evil.test", "", "gitlab.test:0"] {
        let answer = gatepost.plain_client_of(host).get("/");
        assert_eq!(answer.status(), 400, "{host}");
        assert!(!answer.head.has("location"), "{host}");
    }
}

#[test]
fn redirect_carries_no_transport_security() {
    // RFC 6797 section 7.2: never over plain HTTP.
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    assert!(!gatepost.plain_client_of(GITLAB).get("/").head.has("strict-transport-security"));
}

#[test]
fn redirect_answers_head_without_a_body() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.plain_client_of(GITLAB);
    client.request("HEAD /x HTTP/1.1", &[]);
    assert_eq!(client.answer_to("HEAD").status(), 301);
    assert_eq!(client.get("/y").status(), 301);
}

#[test]
fn a_route_before_the_redirect_is_answered_on_the_plain_port() {
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
fn the_body_of_a_redirected_request_is_never_read_as_a_request() {
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
        let answer = client.answer();
        assert!(answer.head.value("location").unwrap().ends_with("/first"));
        let (rest, _) = client.rest();
        assert!(!String::from_utf8_lossy(&rest).contains("smuggled"), "{framing}");
    }
}
