//! What clients are shown instead of a bare error.

use std::fs;

use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::ports::ReservedPort;

/// An application that answers with the status that the path names.
fn origin() -> Origin {
    Origin::tcp(responds(|request| match String::from_utf8_lossy(request.head.target()).as_ref() {
        "/404" | "/api/404" => response_bytes("404 Not Found", &[("X-Own", "yes")], "the application's own"),
        "/401" => response_bytes("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"x\"")], "who are you"),
        "/503" => response_bytes("503 Service Unavailable", &[], "the application's own"),
        _ => ok("fine"),
    }))
}

const NOT_FOUND: &str = "{ status = 404, title = \"T & t\", header = \"<h>\", message = \"<b>gone</b>\" }";

#[test]
fn a_page_from_a_file_is_shown_when_the_application_is_down() {
    let nobody = ReservedPort::new();
    let configuration = Configuration::new();
    fs::write(configuration.directory().join("502.html"), "<h1>back soon</h1>").unwrap();
    let host = Host::to(GITLAB, &nobody.address().to_string())
        .with("error_page = [{ status = 502, file = \"502.html\" }]");
    let gatepost = Gatepost::start(configuration.host(host));
    let answer = gatepost.client().get_with("/api/v4/projects", &["Accept: application/json"]);
    assert_eq!((answer.status(), answer.text().as_str()), (502, "<h1>back soon</h1>"));
    assert_eq!(answer.head.value("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.head.has("strict-transport-security"));
}

#[test]
fn a_page_that_cannot_be_read_leaves_the_plain_one_and_is_named_in_the_log() {
    let nobody = ReservedPort::new();
    let host = Host::to(GITLAB, &nobody.address().to_string())
        .with("error_page = [{ status = 502, file = \"/nonexistent/502.html\" }]");
    let gatepost = Gatepost::with_host(host);
    assert!(gatepost.client().get("/").text().starts_with("502 Bad Gateway"));
    gatepost.wait_stderr(|text| text.contains("/nonexistent/502.html"));
}

#[test]
fn answers_of_the_application_pass_unless_they_are_to_be_replaced() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin).with(&format!("error_page = [{NOT_FOUND}]"));
    let gatepost = Gatepost::with_host(host);
    let answer = gatepost.client().get("/404");
    assert_eq!((answer.status(), answer.text().as_str()), (404, "the application's own"));
}

#[test]
fn replaced_answers_keep_their_status_and_nothing_else() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin)
        .with(&format!("intercept_errors = true\nerror_page = [{NOT_FOUND}, {{ status = 401, body = \"no\" }}]"))
        .route("prefix = \"/api/\"\nintercept_errors = false");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    let answer = client.get("/404");
    assert_eq!(answer.status(), 404);
    assert!(answer.text().contains("<title>T &amp; t</title>"), "{}", answer.text());
    assert!(answer.text().contains("&lt;h&gt;</h1><p><b>gone</b></p>"), "{}", answer.text());
    assert!(!answer.head.has("x-own") && answer.head.has("referrer-policy"));
    let answer = client.get("/401");
    assert_eq!((answer.text().as_str(), answer.head.value("www-authenticate")), ("no", Some("Basic realm=\"x\"")));
    assert_eq!(client.get("/503").text(), "the application's own");
    assert_eq!(client.get("/api/404").text(), "the application's own");
    assert_eq!(client.get("/").text(), "fine");
}

#[test]
fn pages_of_a_route_stand_in_the_place_of_those_of_its_host() {
    let nobody = ReservedPort::new();
    let host = Host::to(GITLAB, &nobody.address().to_string())
        .with("error_page = [{ status = 502, body = \"of the host\" }]")
        .route("exact = \"/-/health\"\nbefore_redirect = true\nerror_page = [{ status = 502, body = \"down\\n\" }]")
        .route("exact = \"/bare\"\nerror_page = []");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    assert_eq!(client.get("/").text(), "of the host");
    assert!(client.get("/bare").text().starts_with("502 Bad Gateway"));
    for mut client in [gatepost.client(), gatepost.plain_client_of(GITLAB)] {
        let answer = client.get("/-/health");
        assert_eq!((answer.status(), answer.text().as_str()), (502, "down\n"));
        assert_eq!(answer.head.value("content-type"), Some("text/plain"));
    }
}

#[test]
fn every_error_of_the_proxy_has_its_page() {
    let origin = origin();
    let pages = [400, 403, 404, 405, 413, 418].map(|code| format!("{{ status = {code}, body = \"page {code}\" }}"));
    let host = Host::new(GITLAB, &origin)
        .with(&format!("error_page = [{}]\nmax_body = 3", pages.join(", ")))
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
    assert_eq!(client.answer_to("TRACE").text(), "page 405");
    assert_eq!(gatepost.client().post("/", b"four").text(), "page 413");
}
