//! Status pages and metrics.

use std::net::{Ipv6Addr, SocketAddr};

use crate::support::TIMEOUT;
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::ports::ReservedPort;

fn gatepost_serving(origin: &Origin, status: &str) -> Gatepost {
    let hosts = Configuration::new().host(Host::new(GITLAB, origin)).host(Host::new(MATTERMOST, origin));
    Gatepost::start(hosts.process(&format!("[status]\n{status}")))
}

fn listening(port: &ReservedPort) -> String {
    format!("listen = [\"{}\"]", port.address())
}

/// Returns the value of a sample by its name and labels.
#[track_caller]
fn sample(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in\n{page}")).parse().unwrap()
}

#[test]
fn nginx_status_counts_connections_for_any_host_name() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let port = ReservedPort::new();
    let gatepost = gatepost_serving(&origin, &listening(&port));
    let mut idle = gatepost.client();
    idle.get("/");
    let mut status_client = Client::plain(port.address(), "127.0.0.1:8060");
    let mut requests = 1;
    // The other worker may update its connection state slightly after the client has received the response.
    eventually(TIMEOUT, || {
        requests += 1;
        let response = status_client.get("/nginx_status");
        assert_eq!(response.head.value("content-type"), Some("text/plain"));
        response.text()
            == format!(
                "Active connections: 2 \nserver accepts handled requests\n 2 2 {requests} \n\
                 Reading: 0 Writing: 1 Waiting: 1 \n"
            )
    });
}

#[test]
fn metrics_count_requests_and_bytes_of_all_workers_by_host() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let port = ReservedPort::new();
    let gatepost = gatepost_serving(&origin, &listening(&port));
    // Any worker may accept each of the connections.
    for _ in 0..8 {
        gatepost.client().get("/");
    }
    gatepost.client_of(MATTERMOST).get("/");
    gatepost.plain_client_of(MATTERMOST).get("/");
    let response = Client::plain(port.address(), "any.test").get("/metrics");
    assert_eq!(response.head.value("content-type"), Some("text/plain; version=0.0.4"));
    let page = response.text();
    assert_eq!(sample(&page, "nginx_vts_server_requests_total{host=\"gitlab.test\",code=\"2xx\"}"), 8);
    assert_eq!(sample(&page, "nginx_vts_server_bytes_total{host=\"gitlab.test\",direction=\"out\"}"), 40);
    assert_eq!(sample(&page, "nginx_vts_server_requests_total{host=\"mattermost.test\",code=\"2xx\"}"), 1);
    assert_eq!(sample(&page, "nginx_vts_server_requests_total{host=\"mattermost.test\",code=\"3xx\"}"), 1);
    assert_eq!(sample(&page, "nginx_vts_server_requests_total{host=\"*\",code=\"total\"}"), 10);
    assert_eq!(sample(&page, "nginx_vts_main_connections{status=\"accepted\"}"), 11);
    assert!(page.contains("\nnginx_vts_server_request_seconds_total{host=\"gitlab.test\"} 0."), "{page}");
}

#[test]
fn access_rules_protect_the_status_pages() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let port = ReservedPort::new();
    let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port.address().port()));
    let listen =
        format!("listen = [\"{}\", \"{ipv6}\"]\naccess = [\"allow 127.0.0.1\", \"deny all\"]", port.address());
    let _gatepost = gatepost_serving(&origin, &listen);
    assert_eq!(Client::plain(port.address(), "localhost").get("/nginx_status").status(), 200);
    for target in ["/nginx_status", "/metrics", "/"] {
        assert_eq!(Client::plain(ipv6, "localhost").get(target).status(), 403, "{target}");
    }
}

#[test]
fn metrics_can_be_disabled_and_other_paths_are_404() {
    let origin = Origin::tcp(responds(|_| ok("hello")));
    let port = ReservedPort::new();
    let gatepost = gatepost_serving(&origin, &format!("{}\nmetrics = false", listening(&port)));
    let mut client = Client::plain(port.address(), "localhost");
    for target in ["/metrics", "/", "/nginx_status/x"] {
        assert_eq!(client.get(target).status(), 404, "{target}");
    }
    assert_eq!(gatepost.client().get("/nginx_status").text(), "hello");
    assert_eq!(gatepost.client().get("/metrics").text(), "hello");
}

#[test]
fn an_open_tunnel_is_an_active_connection() {
    let origin = Origin::tcp(crate::support::origin::upgrades_and_echoes());
    let port = ReservedPort::new();
    let gatepost = gatepost_serving(&origin, &listening(&port));
    let mut tunnel = gatepost.client();
    assert_eq!(tunnel.upgrade("/", "websocket").status(), 101);
    tunnel.send("x");
    assert_eq!(tunnel.exactly(1), b"x");
    let mut status_client = Client::plain(port.address(), "localhost");
    // The HTTP connection of the tunnel ends slightly later.
    eventually(TIMEOUT, || {
        sample(&status_client.get("/metrics").text(), "nginx_vts_main_connections{status=\"active\"}") == 2
    });
    let page = status_client.get("/metrics").text();
    assert_eq!(sample(&page, "nginx_vts_server_requests_total{host=\"gitlab.test\",code=\"1xx\"}"), 1);
    assert_eq!(sample(&page, "gatepost_tunnels"), 1);
    // nginx counts an open tunnel as writing; the other connection that writes is that of this request.
    assert!(status_client.get("/nginx_status").text().contains("Reading: 0 Writing: 2 Waiting: 0 "));
    drop(tunnel);
    eventually(TIMEOUT, || sample(&status_client.get("/metrics").text(), "gatepost_tunnels") == 0);
}

#[test]
fn upstream_metrics_are_requested_without_forwarding_headers() {
    let origin = Origin::tcp(responds(|_| ok("ruby_gc_stat 1\n")));
    let port = ReservedPort::new();
    let status = format!("{}\nupstream_metrics = \"{}\"", listening(&port), origin.upstream());
    let _gatepost = gatepost_serving(&origin, &status);
    let mut client = Client::plain(port.address(), "status.test");
    assert_eq!(client.get_with("/rails-metrics", &["X-Forwarded-For: 192.0.2.1"]).text(), "ruby_gc_stat 1\n");
    let head = origin.only_request().head;
    assert_eq!((head.target(), head.value("host")), (&b"/-/metrics"[..], Some("gitlab-workhorse")));
    assert!(!head.has("x-forwarded-for") && !head.has("x-real-ip"));
}
