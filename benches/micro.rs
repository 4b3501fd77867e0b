//! Microbenchmarks of the request path: `cargo bench --bench micro`.
//!
//! Absolute times are not comparable on a shared machine. Run two builds one after the other, and compare
//! allocations as well as times.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box};
use gatepost::model::access::AccessRules;
use gatepost::model::headers::forwarding::ForwardingHeaders;
use gatepost::model::host::{HostPattern, HostTable, ParsedAuthority};
use gatepost::model::route::{PathMatch, RedirectAction, RedirectTarget, Route, RouteAction, RouteTable};
use gatepost::model::{HostSecurity, Model, path};
use gatepost::proxy::rewrite;
use gatepost::proxy::tunnel::{self, TrafficMeter, TunnelEndpoint};
use gatepost::telemetry::access_log::line::{RequestSummary, ResponseSummary, write_line};
use http::{HeaderValue, StatusCode, request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = [2, 1000])]
fn host_lookup(bencher: Bencher<'_, '_>, hosts: usize) {
    let mut table = HostTable::new();
    for number in 0..hosts {
        table.insert(HostPattern::parse(&format!("host{number}.example.com")).unwrap(), number);
    }
    table.insert(HostPattern::parse("*.pages.example.com").unwrap(), hosts);
    bencher.bench_local(|| {
        let authority = ParsedAuthority::parse(black_box("host1.example.com:443")).unwrap();
        table.find(&authority.host).copied()
    });
}

#[divan::bench]
fn wildcard_host_lookup(bencher: Bencher<'_, '_>) {
    let mut table = HostTable::new();
    table.insert(HostPattern::parse("*.pages.example.com").unwrap(), 1);
    bencher.bench_local(|| table.find(black_box("group.pages.example.com")).copied());
}

#[divan::bench(args = ["/group/project", "/group%2Fproject/../x", "/api/v4/jobs/7/artifacts"])]
fn route_selection(bencher: Bencher<'_, '_>, target: &str) {
    let routes = RouteTable::new(
        [
            PathMatch::Exact("/-/health".into()),
            PathMatch::Regex(regex::Regex::new(r"/api/v\d/jobs/\d+/artifacts$|\.git/git-receive-pack$").unwrap()),
            PathMatch::Regex(regex::Regex::new(r"^/api/v\d").unwrap()),
            PathMatch::Prefix("/assets".into()),
            PathMatch::Prefix("/".into()),
        ]
        .map(redirect_route)
        .into(),
    );
    bencher.bench_local(|| {
        let path = path::normalise(black_box(target)).unwrap();
        routes.select(&path).map(|route| route.path.text().len())
    });
}

#[divan::bench]
fn request_header_rewrite(bencher: Bencher<'_, '_>) {
    let peer = HeaderValue::from_static("192.0.2.7");
    let host = HeaderValue::from_static("gitlab.example.com");
    let introduction = Rc::new(ForwardingHeaders::new(host, peer, tls_security()));
    bencher
        .with_inputs(browser_request)
        .bench_local_values(|mut head| rewrite::to_upstream(&mut head, introduction.clone()).into_http1());
}

#[divan::bench]
fn access_log_line(bencher: Bencher<'_, '_>) {
    let summary = RequestSummary::of(&browser_request());
    let outcome = ResponseSummary { status: 200, sent: 1024, uncompressed: 0 };
    let mut out = Vec::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        let peer = IpAddr::from([192, 0, 2, 7]);
        write_line(&mut out, peer, "23/Nov/2026:16:18:02 +0000", black_box(&summary), outcome);
        out.len()
    });
}

/// One message in each direction through in-memory streams, which excludes system calls and TLS.
#[divan::bench(args = [128, 16 * 1024])]
fn tunnel_round_trip(bencher: Bencher<'_, '_>, size: usize) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let (mut client, mut upstream) = open_tunnel(&runtime);
    let message = vec![7; size];
    let mut received = vec![0; size];
    bencher.bench_local(|| {
        runtime.block_on(async {
            client.write_all(&message).await.unwrap();
            upstream.read_exact(&mut received).await.unwrap();
            upstream.write_all(&received).await.unwrap();
            client.read_exact(&mut received).await.unwrap();
        });
    });
}

struct NoMeter;

impl TrafficMeter for NoMeter {
    fn to_client(&mut self, _: u64) {}
    fn to_application(&mut self, _: u64) {}
}

fn open_tunnel(runtime: &LocalRuntime) -> (DuplexStream, DuplexStream) {
    let (client, near_client) = duplex(64 * 1024);
    let (upstream, near_upstream) = duplex(64 * 1024);
    #[allow(clippy::disallowed_methods, reason = "a benchmark has no graceful shutdown")]
    runtime.spawn_local(tunnel::copy_bidirectional(
        TunnelEndpoint { stream: near_client, early: Bytes::new() },
        TunnelEndpoint { stream: near_upstream, early: Bytes::new() },
        Duration::from_secs(3600),
        NoMeter,
    ));
    (client, upstream)
}

fn redirect_route(path: PathMatch) -> Route {
    let origin = gatepost::model::route::RedirectOrigin::Fixed("https://example.com".into());
    let redirect =
        RedirectAction { status: StatusCode::MOVED_PERMANENTLY, origin, path: RedirectTarget::Unchanged };
    Route {
        path,
        action: RouteAction::Redirect(redirect),
        response_headers: Vec::new(),
        access: AccessRules::default(),
        error_pages: None,
    }
}

/// Returns the security of a TLS host with the smallest configuration.
fn tls_security() -> HostSecurity {
    let text = "[[host]]\nname = \"a.example.com\"\nupstream = \"127.0.0.1:1\"\n";
    static SECURITY: std::sync::OnceLock<HostSecurity> = std::sync::OnceLock::new();
    *SECURITY.get_or_init(|| {
        let loaded = gatepost::config::from_toml(std::path::Path::new("/bench.toml"), text).unwrap();
        let model: &Model = &loaded.model;
        model.hosts().iter().map(|host| host.security).find(|security| *security != HostSecurity::Plain).unwrap()
    })
}

fn browser_request() -> request::Parts {
    let headers = [
        ("host", "gitlab.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("referer", "https://gitlab.example.com/group/project"),
        ("connection", "keep-alive"),
        ("cookie", "_gitlab_session=0123456789abcdef0123456789abcdef; preferred_language=en"),
        ("upgrade-insecure-requests", "1"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let mut request = http::Request::builder().uri("/group/project/-/issues?scope=all&state=opened");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}
