//! Access rules by client address.

use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};

fn origin() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn status_under(rules: &str) -> u16 {
    let origin = origin();
    let host = Host::new(GITLAB, &origin).with(&format!("access = {rules}"));
    let gatepost = Gatepost::with_host(host);
    let status = gatepost.client().get("/").status();
    assert_eq!(origin.requests().len(), usize::from(status == 200), "only permitted requests are forwarded");
    status
}

#[test]
fn first_matching_rule_decides() {
    assert_eq!(status_under("[\"deny 127.0.0.0/8\", \"allow all\"]"), 403);
    assert_eq!(status_under("[\"allow 127.0.0.1\", \"deny all\"]"), 200);
    assert_eq!(status_under("[\"deny ::1\", \"deny 10.0.0.0/8\"]"), 200);
    assert_eq!(status_under("[\"deny ::ffff:127.0.0.0/104\"]"), 403);
}

#[test]
fn route_rules_replace_host_rules() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin)
        .with("access = [\"deny all\"]")
        .route("exact = \"/open\"\naccess = []")
        .route("exact = \"/also\"\naccess = [\"allow 127.0.0.1\", \"deny all\"]")
        .route("exact = \"/fixed\"\nrespond = { body = \"x\" }");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    assert_eq!(client.get("/").status(), 403);
    assert_eq!(client.get("/open").status(), 200);
    assert_eq!(client.get("/also").status(), 200);
    assert_eq!(client.get("/fixed").status(), 403);
    assert_eq!(client.get("/%6fpen").status(), 200);
}

#[test]
fn encoded_and_unnormalized_paths_do_not_bypass_rules() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin).route("prefix = \"/-/metrics\"\naccess = [\"deny all\"]");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    for target in ["/-/metrics", "//-//metrics", "/-/%6detrics", "/x/../-/metrics", "/-%2fmetrics"] {
        assert_eq!(client.get(target).status(), 403, "{target}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn forbidden_response_keeps_connection_alive_and_carries_host_headers() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin).route("exact = \"/no\"\naccess = [\"deny all\"]");
    let gatepost = Gatepost::with_host(host);
    let mut client = gatepost.client();
    let forbidden = client.post("/no", b"body");
    assert_eq!(forbidden.status(), 403);
    assert!(forbidden.head.has("strict-transport-security"));
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn redirect_is_exempt_from_access_rules_and_its_routes_are_not() {
    let origin = origin();
    let host = Host::new(GITLAB, &origin)
        .with("access = [\"deny all\"]")
        .route("exact = \"/-/health\"\nbefore_redirect = true");
    let gatepost = Gatepost::start(Configuration::new().host(host));
    let mut client = gatepost.plain_client_of(GITLAB);
    assert_eq!(client.get("/").status(), 301);
    assert_eq!(client.get("/-/health").status(), 403);
}
