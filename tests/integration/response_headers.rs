//! Response headers: forwarded, added and removed fields.

use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::message::Message;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::ports::ReservedPort;

/// Returns what a TLS client receives if the upstream sends `response`.
fn response_of(response: Vec<u8>) -> Message {
    let origin = Origin::tcp(responds(move |_| response.clone()));
    Gatepost::serving(&origin).client().get("/")
}

#[test]
fn server_and_x_accel_headers_of_the_upstream_are_removed() {
    let response = response_of(response_bytes(
        "200 OK",
        &[("Server", "puma 6"), ("X-Accel-Buffering", "no"), ("X-Accel-Redirect", "/secret"), ("X-Other", "kept")],
        "body",
    ));
    assert!(!response.head.values("server").contains(&"puma 6"));
    assert!(!response.head.has("x-accel-buffering"));
    assert!(!response.head.has("x-accel-redirect"));
    assert_eq!(response.head.value("x-other"), Some("kept"));
}

#[test]
fn header_names_are_capitalized() {
    let head =
        response_of(response_bytes("200 OK", &[("Docker-Content-Digest", "sha256:0"), ("location", "/x")], ""))
            .head;
    for name in ["Docker-Content-Digest", "Location", "Content-Length", "Referrer-Policy", "Date"] {
        assert!(head.fields.iter().any(|(written, _)| written == name), "{name} is not among {:?}", head.fields);
    }
}

#[test]
fn the_upstream_date_is_kept_and_a_missing_date_is_added() {
    let date = "Tue, 01 Sep 2026 10:00:00 GMT";
    assert_eq!(response_of(response_bytes("200 OK", &[("Date", date)], "")).head.value("date"), Some(date));
    assert!(response_of(ok("")).head.value("date").is_some_and(|date| date.ends_with(" GMT")));
}

#[test]
fn responses_have_hsts_and_referrer_policy() {
    for status in ["200 OK", "404 Not Found", "500 Internal Server Error"] {
        let head = response_of(response_bytes(status, &[("Strict-Transport-Security", "max-age=1")], "")).head;
        assert_eq!(head.value("strict-transport-security"), Some("max-age=63072000"), "{status}");
        assert_eq!(head.value("referrer-policy"), Some("strict-origin-when-cross-origin"), "{status}");
    }
}

#[test]
fn the_referrer_policy_of_the_upstream_yields_only_to_a_configured_one() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[("Referrer-Policy", "no-referrer")], "")));
    let unset = Gatepost::with_host(Host::new(GITLAB, &origin));
    assert_eq!(unset.client().get("/").head.value("referrer-policy"), Some("no-referrer"));
    let set = Gatepost::with_host(Host::new(GITLAB, &origin).with("referrer_policy = \"same-origin\""));
    assert_eq!(set.client().get("/").head.value("referrer-policy"), Some("same-origin"));
}

#[test]
fn local_responses_have_hsts_and_referrer_policy() {
    let unused_port = ReservedPort::new();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &unused_port.address().to_string()));
    let response = gatepost.client().get("/");
    assert_eq!(response.status(), 502);
    assert_eq!(response.head.value("strict-transport-security"), Some("max-age=63072000"));
    assert_eq!(response.head.value("referrer-policy"), Some("strict-origin-when-cross-origin"));
}

#[test]
fn hsts_and_referrer_policy_can_be_changed_and_disabled() {
    let origin = Origin::tcp(responds(|_| response_bytes("200 OK", &[("Referrer-Policy", "no-referrer")], "")));
    let off = Gatepost::with_host(Host::new(GITLAB, &origin).with("hsts = false\nreferrer_policy = false"));
    let head = off.client().get("/").head;
    assert!(!head.has("strict-transport-security"));
    assert_eq!(head.value("referrer-policy"), Some("no-referrer"));
    let changed = Gatepost::with_host(Host::new(GITLAB, &origin).with("hsts = \"max-age=1\""));
    assert_eq!(changed.client().get("/").head.value("strict-transport-security"), Some("max-age=1"));
}

#[test]
fn a_plain_host_sends_no_hsts() {
    let origin = Origin::tcp(responds(|_| ok("")));
    let gatepost = Gatepost::with_host(Host::plain(GITLAB, &origin));
    assert!(!gatepost.plain_client_of(GITLAB).get("/").head.has("strict-transport-security"));
}

#[test]
fn hop_by_hop_headers_of_the_upstream_are_removed() {
    let head = response_of(response_bytes(
        "200 OK",
        &[
            ("Connection", "keep-alive, X-Internal"),
            ("X-Internal", "stays here"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Proxy-Connection", "keep-alive"),
        ],
        "",
    ))
    .head;
    for name in ["x-internal", "keep-alive", "proxy-authenticate", "proxy-connection"] {
        assert!(!head.has(name), "{name}");
    }
}

#[test]
fn other_response_headers_are_forwarded_unchanged_and_in_order() {
    let fields = [
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2; Secure, x"),
        ("Set-Cookie", "a=3"),
        ("WWW-Authenticate", "Bearer realm=\"https://gitlab.test/jwt/auth\""),
        ("Location", "http://elsewhere.test/a%2Fb"),
        ("ETag", "W/\"1\""),
        ("Content-Encoding", "gzip"),
        ("Docker-Distribution-Api-Version", "registry/2.0"),
        ("X-Empty", ""),
    ];
    let response = response_of(response_bytes("401 Unauthorized", &fields, "body"));
    assert_eq!((response.status(), response.text().as_str()), (401, "body"));
    for (name, _) in fields {
        let expected: Vec<_> = fields.iter().filter(|it| it.0 == name).map(|it| it.1).collect();
        assert_eq!(response.head.values(name), expected, "{name}");
    }
}

#[test]
fn configured_response_headers_are_set_and_removed() {
    let origin =
        Origin::tcp(responds(|_| response_bytes("200 OK", &[("X-Powered-By", "ruby"), ("X-Set", "old")], "")));
    let host = Host::new(GITLAB, &origin).with(r#"response_headers = { "X-Powered-By" = false, "X-Set" = "new" }"#);
    let head = Gatepost::with_host(host).client().get("/").head;
    assert!(!head.has("x-powered-by"));
    assert_eq!(head.value("x-set"), Some("new"));
}

#[test]
fn unusual_status_codes_are_forwarded() {
    for status in ["226 IM Used", "418 Teapot", "451 Unavailable", "599 Own"] {
        let response = response_of(response_bytes(status, &[], "as it is"));
        assert_eq!(
            (response.status(), response.text().as_str()),
            (status[..3].parse::<u16>().unwrap(), "as it is")
        );
    }
}
