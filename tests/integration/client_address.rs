//! Client address from a header of a trusted load balancer.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::gatepost::Gatepost;
use crate::support::message::Head;
use crate::support::origin::{Origin, ok, responds, upgrades_and_echoes};
use crate::support::socket::connect_from;
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Starts a host with this value of `client_address`.
fn gatepost_trusting(client_address: &str, origin: &Origin) -> Gatepost {
    let settings = format!("client_address = {client_address}");
    Gatepost::with_host(Host::new(GITLAB, origin).with(&settings))
}

/// Connects over TLS from another loopback address, which is not trusted.
fn untrusted_client(gatepost: &Gatepost) -> Client {
    let tcp = connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), gatepost.https()).unwrap();
    Client::new(Arc::new(Tls::to(GITLAB).over(tcp).unwrap()), GITLAB)
}

/// Returns the client address in `X-Real-IP` and `X-Forwarded-For`; fails if the two differ.
#[track_caller]
fn forwarded_client_address(head: &Head) -> String {
    let real_ip = head.values("x-real-ip");
    assert_eq!((real_ip.len(), head.values("x-forwarded-for")), (1, real_ip.clone()));
    real_ip[0].to_owned()
}

const LOAD_BALANCER: &str = r#"{ trusted = ["127.0.0.1"], from = "X-Forwarded-For" }"#;

#[test]
fn a_trusted_load_balancer_sets_the_client_address() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    gatepost.client().get_with("/", &["X-Forwarded-For: 6.6.6.6, 192.0.2.7"]);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
    assert!(gatepost.access_log(1)[0].starts_with("192.0.2.7 - - ["));
}

#[test]
fn headers_of_an_untrusted_peer_are_ignored() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    untrusted_client(&gatepost).get_with("/", &["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 192.0.2.7"]);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "127.0.0.2");
    assert!(gatepost.access_log(1)[0].starts_with("127.0.0.2 - - ["));
}

#[test]
fn each_request_on_a_connection_has_its_own_client_address() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    let mut client = gatepost.client();
    for address in ["192.0.2.7", "192.0.2.8", "2001:db8::9"] {
        client.get_with("/", &[&format!("X-Forwarded-For: {address}")]);
    }
    client.get("/");
    let clients: Vec<_> = origin.requests().iter().map(|request| forwarded_client_address(&request.head)).collect();
    assert_eq!(clients, ["192.0.2.7", "192.0.2.8", "2001:db8::9", "127.0.0.1"]);
}

#[test]
fn recursive_selects_the_last_untrusted_address() {
    let origin = greeting();
    let settings = r#"{ trusted = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"], from = "X-Forwarded-For", recursive = true }"#;
    let gatepost = gatepost_trusting(settings, &origin);
    let mut client = gatepost.client();
    let cases: [(&[&str], &str); 6] = [
        (&["X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        (&["X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 10.0.0.3,10.0.0.2"], "192.0.2.7"),
        (&["X-Forwarded-For: 2001:db9::7, [2001:db8::1]:4711"], "2001:db9::7"),
        (&["X-Forwarded-For: 10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        (&["X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
        (&["X-Forwarded-For: unknown"], "127.0.0.1"),
    ];
    for (fields, _) in cases {
        client.get_with("/", fields);
    }
    for (request, (fields, expected)) in origin.requests().iter().zip(cases) {
        assert_eq!(forwarded_client_address(&request.head), expected, "{fields:?}");
    }
}

#[test]
fn a_custom_client_address_header_is_used_and_not_forwarded() {
    let origin = greeting();
    let gatepost = gatepost_trusting(r#"{ trusted = ["127.0.0.1"], from = "CF-Connecting-IP" }"#, &origin);
    gatepost.client().get_with("/", &["CF-Connecting-IP: 192.0.2.7:4711", "X-Forwarded-For: 6.6.6.6"]);
    let head = origin.only_request().head;
    assert_eq!(forwarded_client_address(&head), "192.0.2.7");
    assert!(!head.has("cf-connecting-ip"));
}

#[test]
fn x_real_ip_is_the_default_header() {
    let origin = greeting();
    let gatepost = gatepost_trusting(r#"{ trusted = ["127.0.0.1"] }"#, &origin);
    gatepost.client().get_with("/", &["X-Real-IP: 192.0.2.7", "X-Forwarded-For: 6.6.6.6"]);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn http2_requests_use_the_client_address_header() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    let mut client = gatepost.http2();
    let mut request = client.request("GET", "/");
    request.headers_mut().insert("x-forwarded-for", "192.0.2.7".parse().unwrap());
    assert_eq!(client.send(request).unwrap().status, 200);
    assert_eq!(forwarded_client_address(&origin.only_request().head), "192.0.2.7");
}

#[test]
fn a_tunnel_is_logged_with_the_client_address() {
    let origin = Origin::tcp(upgrades_and_echoes());
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    let mut client = gatepost.client();
    let fields = ["Connection: Upgrade", "Upgrade: websocket", "X-Forwarded-For: 192.0.2.8"];
    client.request("GET /tunnel HTTP/1.1", &fields);
    assert_eq!(client.head().status(), 101);
    client.finish();
    client.expect_closed();
    let line = gatepost.access_log(1).remove(0);
    assert!(line.starts_with("192.0.2.8 - - [") && line.contains("/tunnel"), "{line}");
}

#[test]
fn hosts_on_one_address_have_separate_trusted_peers() {
    let origin = greeting();
    let trusting = Host::new(GITLAB, &origin).with(&format!("client_address = {LOAD_BALANCER}"));
    let gatepost = Gatepost::start(Configuration::new().host(trusting).host(Host::new(MATTERMOST, &origin)));
    for host in [GITLAB, MATTERMOST] {
        gatepost.client_of(host).get_with("/", &["X-Forwarded-For: 192.0.2.7"]);
    }
    let clients: Vec<_> = origin.requests().iter().map(|request| forwarded_client_address(&request.head)).collect();
    assert_eq!(clients, ["192.0.2.7", "127.0.0.1"]);
}

#[test]
fn a_redirect_is_logged_with_the_peer_address() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    gatepost.plain_client_of(GITLAB).get_with("/", &["X-Forwarded-For: 192.0.2.7"]);
    assert!(gatepost.access_log(1)[0].starts_with("127.0.0.1 - - ["));
}

#[test]
fn a_misdirected_request_is_logged_with_the_client_address_of_the_selected_host() {
    let origin = greeting();
    let gatepost = gatepost_trusting(LOAD_BALANCER, &origin);
    let mut client = Client::tls(gatepost.https(), &Tls::to(GITLAB), "unknown.test");
    assert_eq!(client.get_with("/", &["X-Forwarded-For: 192.0.2.7"]).status(), 421);
    assert!(gatepost.access_log(1)[0].starts_with("192.0.2.7 - - ["));
}
