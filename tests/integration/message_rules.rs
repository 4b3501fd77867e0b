//! Rules of RFC 9110, 9112 and 9113 for messages that a proxy converts or forwards.

use http::header::HeaderValue;

use crate::support::configuration::{GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::upstream_server::UpstreamServer;

/// A chunked response with trailer fields.
fn with_trailers(fields: &'static str) -> Origin {
    Origin::tcp(responds(move |_| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n";
        format!("{head}5\r\nhello\r\n0\r\nx-sum: 1\r\n{fields}\r\n").into_bytes()
    }))
}

#[test]
fn forbidden_trailers_are_removed_and_the_body_arrives() {
    let fields = [
        "Connection: close\r\n",
        "Connection: X-Secret\r\nX-Secret: 1\r\n",
        "Keep-Alive: timeout=5\r\n",
        "TE: trailers\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Upgrade: websocket\r\n",
        "Proxy-Connection: close\r\n",
        "Content-Length: 5\r\n",
        "Host: other.test\r\n",
        "Set-Cookie: a=b\r\n",
        "Content-Type: text/html\r\n",
        "Cache-Control: no-store\r\n",
    ];
    for fields in fields {
        let origin = with_trailers(fields);
        let gatepost = Gatepost::serving(&origin);
        let mut client = gatepost.http2();
        let mut request = client.request("GET", "/");
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let response = client.send(request).unwrap_or_else(|error| panic!("{fields}: {error}"));
        assert_eq!((response.status, response.body.as_slice()), (200, &b"hello"[..]), "{fields}");
        let names: Vec<_> = response.trailers.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["x-sum"], "{fields}");

        let response = gatepost.client().get_with("/", &["TE: trailers"]);
        assert_eq!(response.body, b"hello", "{fields}");
        let forbidden = fields.split(':').next().unwrap();
        assert!(response.trailers.iter().all(|(name, _)| !name.eq_ignore_ascii_case(forbidden)), "{fields}");
    }
}

#[test]
fn a_204_has_no_content_length() {
    let origin = Origin::tcp(responds(|_| b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n".to_vec()));
    let gatepost = Gatepost::serving(&origin);
    let response = gatepost.http2().get("/");
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert!(!response.headers.contains_key("content-length"));
    let mut client = gatepost.client();
    for _ in 0..2 {
        assert!(!client.get("/").head.has("content-length"));
    }
}

#[test]
fn a_204_of_an_http2_upstream_has_no_content_length() {
    let upstream = UpstreamServer::h2c();
    let gatepost = Gatepost::with_host(Host::to(GITLAB, &format!("grpc://127.0.0.1:{}", upstream.port())));
    let response = gatepost.http2().get("/no-content");
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert!(!response.headers.contains_key("content-length"));
    assert!(!gatepost.client().get("/no-content").head.has("content-length"));
}

#[test]
fn a_304_and_a_response_to_head_keep_their_content_length() {
    let origin = Origin::tcp(responds(|request| match &request.head.method()[..] {
        "HEAD" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".to_vec(),
    }));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.http2();
    for method in ["HEAD", "GET"] {
        let response = client.send(client.request(method, "/")).unwrap();
        assert_eq!(response.headers["content-length"], "5", "{method}");
        assert!(response.body.is_empty(), "{method}");
    }
}

#[test]
fn fields_named_by_connection_are_removed_beside_an_invalid_member() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send(b"GET / HTTP/1.1\r\nHost: gitlab.test\r\nX-Foo: 1\r\nConnection: X-Foo, \xe4\r\n\r\n");
    assert_eq!(client.response().head.status(), 200);
    assert!(!origin.only_request().head.has("x-foo"));
}

#[test]
fn white_space_before_the_colon_of_a_response_field_is_removed() {
    let origin = Origin::tcp(responds(|_| b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok".to_vec()));
    let response = Gatepost::serving(&origin).client().get("/");
    assert_eq!((response.head.status(), response.head.value("x-a")), (200, Some("1")));
}

#[test]
fn a_426_keeps_upgrade_for_http1_clients() {
    let fields = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let origin = Origin::tcp(responds(move |_| response_bytes("426 Upgrade Required", &fields, "")));
    let gatepost = Gatepost::serving(&origin);
    let response = gatepost.client().get("/");
    assert_eq!(response.head.status(), 426);
    assert_eq!(
        (response.head.value("upgrade"), response.head.value("connection")),
        (Some("websocket"), Some("upgrade"))
    );
    assert!(!gatepost.http2().get("/").headers.contains_key("upgrade"));
}

#[test]
fn a_target_that_is_no_path_is_400() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    for target in ["a", "a/b", "gitlab.test:443", "?q"] {
        let mut client = gatepost.client();
        client.request(&format!("GET {target} HTTP/1.1"), &[]);
        assert_eq!(client.response().head.status(), 400, "{target}");
    }
    assert_eq!(gatepost.http2().get("/").status, 200);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_refused_connect_closes_the_connection() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let gatepost = Gatepost::serving(&origin);
    let mut client = gatepost.client();
    client.send("CONNECT gitlab.test:443 HTTP/1.1\r\nHost: gitlab.test\r\n\r\nGET /inner HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    let response = client.response();
    assert_eq!((response.head.status(), response.head.value("connection")), (405, Some("close")));
    client.expect_closed();
    assert!(origin.requests().is_empty());
}

#[test]
fn no_transform_and_digests_prevent_compression() {
    let fields = [
        ("Cache-Control", "public, no-transform"),
        ("Content-Digest", "sha-256=:AA==:"),
        ("Content-MD5", "AA=="),
        ("Repr-Digest", "sha-256=:AA==:"),
    ];
    for field in fields {
        let origin = Origin::tcp(responds(move |_| {
            response_bytes("200 OK", &[field, ("Content-Type", "text/html")], "x".repeat(4096))
        }));
        let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
        let response = gatepost.client().get_with("/", &["Accept-Encoding: gzip"]);
        assert!(!response.head.has("content-encoding"), "{field:?}");
        assert_eq!(response.body.len(), 4096);
    }
}

#[test]
fn an_announced_digest_trailer_prevents_compression() {
    let announcements = [
        "Trailer: Repr-Digest\r\n",
        "Trailer: x-sum, CONTENT-DIGEST\r\n",
        "Trailer: x-sum\r\nTrailer: content-md5\r\n",
    ];
    for trailer in announcements {
        assert_eq!(coding_with_trailer(trailer), None, "{trailer}");
    }
    assert_eq!(coding_with_trailer("Trailer: x-sum, x-repr-digest\r\n").as_deref(), Some("gzip"));
}

/// The content coding of a compressible chunked response with this `Trailer`.
fn coding_with_trailer(trailer: &'static str) -> Option<String> {
    let origin = Origin::tcp(responds(move |_| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n";
        format!("{head}{trailer}\r\n1000\r\n{}\r\n0\r\n\r\n", "x".repeat(4096)).into_bytes()
    }));
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with("compression = true"));
    let response = gatepost.client().get_with("/", &["Accept-Encoding: gzip"]);
    response.head.value("content-encoding").map(str::to_owned)
}
