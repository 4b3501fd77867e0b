//! Error pages for local errors and for intercepted upstream errors.

use std::fs;

use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::ports::ReservedPort;

/// An upstream whose response status depends on the path.
fn origin() -> Origin {
    Origin::tcp(responds(|request| match String::from_utf8_lossy(request.head.target()).as_ref() {
        "/404" | "/api/404" => response_bytes("404 Not Found", &[("X-Own", "yes")], "upstream body"),
        "/401" => response_bytes("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"x\"")], "who are you"),
        "/503" => response_bytes("503 Service Unavailable", &[], "upstream body"),
        _ => ok("fine"),
    }))
}

const NOT_FOUND: &str = "{ status = 404, title = \"T & t\", header = \"<h>\", message = \"<b>gone</b>\" }";

#[test]
fn an_error_page_file_is_served_when_the_upstream_is_down() {
    let unused_port = ReservedPort::new();
    let configuration = Configuration::new();
    fs::write(configuration.directory().join("502.html"), "<h1>back soon</h1>").unwrap();
    let host = Host::to(GITLAB, &unused_port.address().to_string())
        .with("error_page = [{ status = 502, file = \"502.html\" }]");
    let gatepost = Gatepost::start(configuration.host(host));
    let response = gatepost.client().get_with("/api/v4/projects", &["Accept: application/json"]);
    assert_eq!((response.status(), response.text().as_str()), (502, "<h1>back soon</h1>"));
    assert_eq!(response.head.value("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.head.has("strict-transport-security"));
}

#[test]
fn an_unreadable_error_page_falls_back_to_the_default_and_is_logged() {
    let unused_port = ReservedPort::new();
    let host = Host::to(GITLAB, &unused_port.address().to_string())
        .with("error_page = [{ status = 502, file = \"/nonexistent/502.html\" }]");
    let gatepost = Gatepost::with_host(host);
    assert!(gatepost.client().get("/").text().starts_with("502 Bad Gateway"));
    gatepost.wait_stderr(|text| text.contains("/nonexistent/502.html"));
}

#[test]
fn upstream_errors_are_forwarded_without_intercept_errors() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin).with(&format!("error_page = [{NOT_FOUND}]"));
    let gatepost = Gatepost::with_host(host);
    let response = gatepost.client().get("/404");
    assert_eq!((response.status(), response.text().as_str()), (404, "upstream body"));
}

#[test]
fn intercepted_errors_keep_only_their_status() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin)
        .with(&format!("intercept_errors = true\nerror_page = [{NOT_FOUND}, {{ status = 401, body = \"no\" }}]"))
        .route("prefix = \"/api/\"\nintercept_errors = false");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    let response = client.get("/404");
    assert_eq!(response.status(), 404);
    assert!(response.text().contains("<title>T &amp; t</title>"), "{}", response.text());
    assert!(response.text().contains("&lt;h&gt;</h1><p><b>gone</b></p>"), "{}", response.text());
    assert!(!response.head.has("x-own") && response.head.has("referrer-policy"));
    let response = client.get("/401");
    assert_eq!(
        (response.text().as_str(), response.head.value("www-authenticate")),
        ("no", Some("Basic realm=\"x\""))
    );
    assert_eq!(client.get("/503").text(), "upstream body");
    assert_eq!(client.get("/api/404").text(), "upstream body");
    assert_eq!(client.get("/").text(), "fine");
}

#[test]
fn route_error_pages_replace_host_error_pages() {
    let unused_port = ReservedPort::new();
    let host = Host::to(GITLAB, &unused_port.address().to_string())
        .with("error_page = [{ status = 502, body = \"of the host\" }]")
        .route("exact = \"/-/health\"\nbefore_redirect = true\nerror_page = [{ status = 502, body = \"down\\n\" }]")
        .route("exact = \"/bare\"\nerror_page = []");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    assert_eq!(client.get("/").text(), "of the host");
    assert!(client.get("/bare").text().starts_with("502 Bad Gateway"));
    for mut client in [gatepost.client(), gatepost.plain_client_of(GITLAB)] {
        let response = client.get("/-/health");
        assert_eq!((response.status(), response.text().as_str()), (502, "down\n"));
        assert_eq!(response.head.value("content-type"), Some("text/plain"));
    }
}

#[test]
fn every_local_error_uses_its_error_page() {
    let origin = origin();
    let pages = [400, 403, 404, 405, 413, 418].map(|code| format!("{{ status = {code}, body = \"page {code}\" }}"));
    let host = Host::new(GITLAB, &origin)
        .with(&format!("error_page = [{}]\nmax_request_body = 3", pages.join(", ")))
        .route("exact = \"/denied\"\naccess = [\"deny all\"]")
        .route("prefix = \"/files/\"\nfiles = { root = \"/nonexistent\" }")
        .route("exact = \"/teapot\"\nrespond = { status = 418 }")
        .route("exact = \"/words\"\nrespond = { status = 418, body = \"own words\" }");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    for (target, text) in [
        ("/..", "page 400"),
        ("/denied", "page 403"),
        ("/files/x", "page 404"),
        ("/teapot", "page 418"),
        ("/words", "own words"),
    ] {
        assert_eq!(client.get(target).text(), text, "{target}");
    }
    client.request("TRACE / HTTP/1.1", &[]);
    assert_eq!(client.response_to("TRACE").text(), "page 405");
    assert_eq!(gatepost.client().post("/", b"four").text(), "page 413");
}
