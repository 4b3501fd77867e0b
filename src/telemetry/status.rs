//! The status pages as text, in nginx's words, which monitoring that is there already understands.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

use super::metrics::expiry::HostCertificateExpiry;
use super::metrics::handshakes::{HandshakeMetrics, NegotiatedParameters};
use super::metrics::{HostMetrics, MetricsSnapshot};
use crate::model::tls::{HandshakeKind, NamedGroup};
use crate::model::{Model, VirtualHost};

/// The page of nginx's `stub_status`, blanks at the ends of lines included. A connection is writing while an
/// exchange is under way on it, else waiting; heads are read too fast to be seen.
pub fn stub_status(sums: &MetricsSnapshot) -> String {
    let MetricsSnapshot { accepted, active, requests, .. } = sums;
    let (writing, waiting) = writing_and_waiting(sums);
    format!(
        "Active connections: {active} \nserver accepts handled requests\n {accepted} {accepted} {requests} \n\
         Reading: 0 Writing: {writing} Waiting: {waiting} \n"
    )
}

/// Counters in the text format of Prometheus, named as nginx's VTS module names them, and what that module does not
/// have.
pub fn prometheus(sums: &MetricsSnapshot, model: &Model, expiries: &[HostCertificateExpiry]) -> String {
    let mut page = ExpositionWriter(String::new());
    page.family("nginx_vts_info", "gauge", "The program");
    page.sample("nginx_vts_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("nginx_vts_start_time_seconds", "gauge", "When the program started");
    let started = sums.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    page.sample("nginx_vts_start_time_seconds", &[], started);
    main_connections(&mut page, sums);
    let hosts = by_name(sums, model);
    page.family("nginx_vts_server_bytes_total", "counter", "Bytes of bodies");
    for (host, it) in &hosts {
        page.sample("nginx_vts_server_bytes_total", &[("host", host), ("direction", "out")], it.sent);
    }
    page.family("nginx_vts_server_requests_total", "counter", "Requests that were answered");
    for (host, it) in &hosts {
        for (class, count) in CLASSES.iter().zip(it.responses) {
            page.sample("nginx_vts_server_requests_total", &[("host", host), ("code", class)], count);
        }
        let total: u64 = it.responses.iter().sum();
        page.sample("nginx_vts_server_requests_total", &[("host", host), ("code", "total")], total);
    }
    page.family("nginx_vts_server_request_seconds_total", "counter", "Time that requests took");
    for (host, it) in &hosts {
        page.sample("nginx_vts_server_request_seconds_total", &[("host", host)], it.busy.as_secs_f64());
    }
    page.family("gatepost_tls_expiry_timestamp_seconds", "gauge", "When a certificate or a revocation list ends");
    for HostCertificateExpiry { host, kind, file, at } in expiries {
        page.sample("gatepost_tls_expiry_timestamp_seconds", &[("host", host), ("kind", kind), ("file", file)], at);
    }
    handshakes(&mut page, &sums.handshakes);
    page.0
}

struct ExpositionWriter(String);

impl ExpositionWriter {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail, here and below.
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

fn handshakes(page: &mut ExpositionWriter, sums: &HandshakeMetrics) {
    page.family("gatepost_tls_handshakes_total", "counter", "TLS handshakes that were completed");
    for (NegotiatedParameters { suite, group, beginning }, count) in &sums.agreements {
        let labels = [
            ("version", if suite.is_tls13() { "TLSv1.3" } else { "TLSv1.2" }),
            ("suite", suite.name()),
            ("group", group.map_or("", NamedGroup::name)),
            ("resumed", if *beginning == HandshakeKind::Resumed { "yes" } else { "no" }),
        ];
        page.sample("gatepost_tls_handshakes_total", &labels, count);
    }
    page.family("gatepost_tls_handshake_failures_total", "counter", "TLS handshakes that came to nothing");
    for (fault, count) in &sums.faults {
        page.sample("gatepost_tls_handshake_failures_total", &[("kind", fault.name())], count);
    }
}

/// The value of a label. Names of files can hold anything.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn main_connections(page: &mut ExpositionWriter, sums: &MetricsSnapshot) {
    let (writing, waiting) = writing_and_waiting(sums);
    let states = [
        ("accepted", sums.accepted),
        ("active", sums.active),
        ("handled", sums.accepted),
        ("reading", 0),
        ("requests", sums.requests),
        ("waiting", waiting),
        ("writing", writing),
    ];
    page.family("nginx_vts_main_connections", "gauge", "Connections of clients");
    for (state, count) in states {
        page.sample("nginx_vts_main_connections", &[("status", state)], count);
    }
}

/// Streams of one HTTP/2 connection are several exchanges, but no more than one connection.
fn writing_and_waiting(sums: &MetricsSnapshot) -> (u64, u64) {
    let writing = sums.busy.min(sums.active);
    (writing, sums.active - writing)
}

/// What hosts of one name did together, such as a host and the redirect to it; `*` is all.
fn by_name(sums: &MetricsSnapshot, model: &Model) -> BTreeMap<String, HostMetrics> {
    let name = |host: &VirtualHost| host.names.first().map(ToString::to_string);
    let mut hosts: BTreeMap<String, HostMetrics> = BTreeMap::new();
    for (nth, it) in sums.hosts.iter().enumerate() {
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
        self.busy += other.busy;
        for (own, more) in self.responses.iter_mut().zip(other.responses) {
            *own += more;
        }
    }
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
