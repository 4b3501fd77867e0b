//! Status endpoints: `stub_status` text and Prometheus exposition.
//!
//! Formats and metric names are those of nginx and of its VTS module, so that existing monitoring works unchanged.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

use super::metrics::expiry::HostCertificateExpiry;
use super::metrics::handshakes::{HandshakeMetrics, NegotiatedParameters};
use super::metrics::{HostMetrics, MetricsSnapshot};
use crate::model::tls::{HandshakeKind, NamedGroup};
use crate::model::{Model, VirtualHost};

/// Renders the text of nginx's `stub_status`, with its spaces at the ends of lines.
///
/// A connection counts as writing while a request on it is in flight or a tunnel is open, else as waiting. Reading is always 0, because
/// reading a head takes too little time to be observed.
pub fn stub_status(totals: &MetricsSnapshot) -> String {
    let MetricsSnapshot { accepted, active, requests, .. } = totals;
    let (writing, waiting) = writing_and_waiting(totals);
    format!(
        "Active connections: {active} \nserver accepts handled requests\n {accepted} {accepted} {requests} \n\
         Reading: 0 Writing: {writing} Waiting: {waiting} \n"
    )
}

/// Renders all metrics in the Prometheus text format.
///
/// Metrics of nginx's VTS module have its names; the others start with `gatepost_`.
pub fn prometheus(totals: &MetricsSnapshot, model: &Model, expiries: &[HostCertificateExpiry]) -> String {
    let mut page = ExpositionWriter(String::new());
    page.family("nginx_vts_info", "gauge", "Version of Gatepost");
    page.sample("nginx_vts_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("nginx_vts_start_time_seconds", "gauge", "Start time of the process");
    let started = totals.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    page.sample("nginx_vts_start_time_seconds", &[], started);
    main_connections(&mut page, totals);
    let hosts = by_name(totals, model);
    page.family("nginx_vts_server_bytes_total", "counter", "Bytes of response bodies");
    for (host, it) in &hosts {
        page.sample("nginx_vts_server_bytes_total", &[("host", host), ("direction", "out")], it.sent);
    }
    page.family("nginx_vts_server_requests_total", "counter", "Requests by the status class of their response");
    for (host, it) in &hosts {
        for (class, count) in CLASSES.iter().zip(it.responses) {
            page.sample("nginx_vts_server_requests_total", &[("host", host), ("code", class)], count);
        }
        let total: u64 = it.responses.iter().sum();
        page.sample("nginx_vts_server_requests_total", &[("host", host), ("code", "total")], total);
    }
    page.family(
        "nginx_vts_server_request_seconds_total",
        "counter",
        "Time from request heads to the ends of the responses",
    );
    for (host, it) in &hosts {
        page.sample("nginx_vts_server_request_seconds_total", &[("host", host)], it.request_time.as_secs_f64());
    }
    page.family(
        "gatepost_tls_expiry_timestamp_seconds",
        "gauge",
        "Expiry date of a certificate or a revocation list",
    );
    for HostCertificateExpiry { host, kind, file, at } in expiries {
        page.sample("gatepost_tls_expiry_timestamp_seconds", &[("host", host), ("kind", kind), ("file", file)], at);
    }
    handshakes(&mut page, &totals.handshakes);
    page.0
}

/// Writes Prometheus text exposition.
struct ExpositionWriter(String);

impl ExpositionWriter {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let _ = match &labels[..] {
            [] => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{}}} {value}", labels.join(",")),
        };
    }
}

fn handshakes(page: &mut ExpositionWriter, totals: &HandshakeMetrics) {
    page.family("gatepost_tls_handshakes_total", "counter", "Completed TLS handshakes");
    for (NegotiatedParameters { suite, group, kind }, count) in &totals.completed {
        let labels = [
            ("version", if suite.is_tls13() { "TLSv1.3" } else { "TLSv1.2" }),
            ("suite", suite.name()),
            ("group", group.map_or("", NamedGroup::name)),
            ("resumed", if *kind == HandshakeKind::Resumed { "yes" } else { "no" }),
        ];
        page.sample("gatepost_tls_handshakes_total", &labels, count);
    }
    page.family("gatepost_tls_handshake_failures_total", "counter", "Failed TLS handshakes");
    for (kind, count) in &totals.failed {
        page.sample("gatepost_tls_handshake_failures_total", &[("kind", kind.name())], count);
    }
}

/// Escapes the value of a label: file names may contain any character.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn main_connections(page: &mut ExpositionWriter, totals: &MetricsSnapshot) {
    let (writing, waiting) = writing_and_waiting(totals);
    let states = [
        ("accepted", totals.accepted),
        ("active", totals.active),
        ("handled", totals.accepted),
        ("reading", 0),
        ("requests", totals.requests),
        ("waiting", waiting),
        ("writing", writing),
    ];
    page.family("nginx_vts_main_connections", "gauge", "Client connections by state");
    for (state, count) in states {
        page.sample("nginx_vts_main_connections", &[("status", state)], count);
    }
    page.family("gatepost_tunnels", "gauge", "Open tunnels: WebSocket and other upgraded connections");
    page.sample("gatepost_tunnels", &[], totals.tunnels);
}

/// Returns the numbers of writing and waiting connections. Several requests in flight may be streams of one HTTP/2
/// connection, so the number of connections is the upper limit.
fn writing_and_waiting(totals: &MetricsSnapshot) -> (u64, u64) {
    let writing = (totals.in_flight + totals.tunnels).min(totals.active);
    (writing, totals.active - writing)
}

/// Returns the totals by host name; hosts of one name, such as a host and its redirect, are added up. `*` is the
/// total of all hosts.
fn by_name(totals: &MetricsSnapshot, model: &Model) -> BTreeMap<String, HostMetrics> {
    let name = |host: &VirtualHost| host.names.first().map(ToString::to_string);
    let mut hosts: BTreeMap<String, HostMetrics> = BTreeMap::new();
    for (nth, it) in totals.hosts.iter().enumerate() {
        let own = model.hosts().get(nth).and_then(name);
        for name in own.into_iter().chain(["*".to_owned()]) {
            hosts.entry(name).or_default().add(it);
        }
    }
    hosts
}

impl HostMetrics {
    fn add(&mut self, other: &HostMetrics) {
        self.sent += other.sent;
        self.request_time += other.request_time;
        for (own, more) in self.responses.iter_mut().zip(other.responses) {
            *own += more;
        }
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
