//! Per-worker counters and their sum.
//!
//! Each worker writes only its own counters. Counting is therefore an addition without a lock and without waiting
//! for another core; only a request for a status page adds up the counters of all workers.

pub mod counter;
pub mod expiry;
pub mod handshakes;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;

use crate::model::{HostId, Model};
use counter::Counter;
use handshakes::{HandshakeCounters, HandshakeFailureKind, HandshakeMetrics, NegotiatedParameters};

/// Counters of one worker, with access to those of all workers.
#[derive(Clone)]
pub struct WorkerMetrics {
    own: Arc<WorkerCounters>,
    all: Arc<[Arc<WorkerCounters>]>,
    started: SystemTime,
}

/// Counts a connection as active until dropped.
pub struct ConnectionGuard(Rc<WorkerMetrics>);

/// Counts a tunnel, and the connection that became it, until dropped.
pub struct TunnelGuard(ConnectionGuard);

/// Counts a request as in flight until dropped.
pub struct RequestGuard {
    metrics: Rc<WorkerMetrics>,
    host: usize,
    started: Instant,
}

/// Totals over all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Start of the process.
    pub started: SystemTime,
    /// Client connections accepted since the start.
    pub accepted: u64,
    /// Open client connections, tunnels included.
    pub active: u64,
    /// Requests since the start.
    pub requests: u64,
    /// Requests in flight, tunnels excluded.
    pub in_flight: u64,
    /// Open tunnels.
    pub tunnels: u64,
    pub handshakes: HandshakeMetrics,
    /// By [`HostId`]; the last entry counts requests without a host.
    pub hosts: Vec<HostMetrics>,
}

/// Totals of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostMetrics {
    /// Responses by the first digit of their status: 1xx to 5xx.
    pub responses: [u64; 5],
    /// Bytes of response bodies.
    pub sent: u64,
    /// Time from request heads to the ends of their responses, tunnels excluded.
    pub request_time: Duration,
}

/// Counters of one worker.
#[derive(Default)]
struct WorkerCounters {
    accepted: Counter,
    active: Counter,
    requests: Counter,
    in_flight: Counter,
    tunnels: Counter,
    handshakes: HandshakeCounters,
    hosts: Vec<HostCounters>,
}

/// Counters of one host on one worker.
#[derive(Default)]
struct HostCounters {
    responses: [Counter; 5],
    sent: Counter,
    request_micros: Counter,
}

impl WorkerMetrics {
    /// Returns the metrics of each worker; `None` if the model has no status host.
    pub fn for_workers(model: &Model) -> Option<Vec<WorkerMetrics>> {
        model.status?;
        let counters = |_| Arc::new(WorkerCounters::for_hosts(model.hosts().len() + 1));
        let all: Arc<[Arc<WorkerCounters>]> = (0..model.process.workers.get()).map(counters).collect();
        let started = SystemTime::now();
        Some(all.iter().map(|own| WorkerMetrics { own: own.clone(), all: all.clone(), started }).collect())
    }

    /// Counts an accepted connection.
    pub fn connection_accepted(self: &Rc<Self>) -> ConnectionGuard {
        self.own.accepted.add(1);
        self.connection_opened()
    }

    /// Counts a completed TLS handshake.
    pub fn handshake_completed(&self, parameters: NegotiatedParameters) {
        self.own.handshakes.count_completed(parameters);
    }

    /// Counts a failed TLS handshake.
    pub fn handshake_failed(&self, kind: HandshakeFailureKind) {
        self.own.handshakes.count_failed(kind);
    }

    /// Counts a tunnel as an active connection. The connection that it was is no longer counted when its own guard
    /// is dropped.
    pub fn tunnel_opened(self: &Rc<Self>) -> TunnelGuard {
        self.own.tunnels.add(1);
        TunnelGuard(self.connection_opened())
    }

    fn connection_opened(self: &Rc<Self>) -> ConnectionGuard {
        self.own.active.add(1);
        ConnectionGuard(self.clone())
    }

    /// Counts a request; `None` is a request without a host.
    pub fn request_started(self: &Rc<Self>, host: Option<HostId>) -> RequestGuard {
        self.own.requests.add(1);
        self.own.in_flight.add(1);
        let host = host.map_or(self.own.hosts.len() - 1, HostId::index);
        RequestGuard { metrics: self.clone(), host, started: Instant::now() }
    }

    /// Returns the totals over all workers.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let sum =
            |counter: fn(&WorkerCounters) -> &Counter| self.all.iter().map(|worker| counter(worker).read()).sum();
        let host = |nth: usize| {
            let workers = || self.all.iter().filter_map(move |worker| worker.hosts.get(nth));
            HostMetrics {
                responses: std::array::from_fn(|class| workers().map(|host| host.responses[class].read()).sum()),
                sent: workers().map(|host| host.sent.read()).sum(),
                request_time: Duration::from_micros(workers().map(|host| host.request_micros.read()).sum()),
            }
        };
        MetricsSnapshot {
            started: self.started,
            accepted: sum(|worker| &worker.accepted),
            active: sum(|worker| &worker.active),
            requests: sum(|worker| &worker.requests),
            in_flight: sum(|worker| &worker.in_flight),
            tunnels: sum(|worker| &worker.tunnels),
            handshakes: HandshakeMetrics::from_workers(self.all.iter().map(|worker| &worker.handshakes)),
            hosts: (0..self.own.hosts.len()).map(host).collect(),
        }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.own.active.decrement();
    }
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        self.0.0.own.tunnels.decrement();
    }
}

impl RequestGuard {
    /// Counts a response by the class of its status.
    pub fn response_started(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.counters().responses.get(class) {
            counter.add(1);
        }
    }

    /// Adds bytes of the response body that were sent to the client.
    pub fn add_sent(&self, bytes: u64) {
        self.counters().sent.add(bytes);
    }

    fn counters(&self) -> &HostCounters {
        &self.metrics.own.hosts[self.host]
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters().request_micros.add(micros);
        self.metrics.own.in_flight.decrement();
    }
}

impl WorkerCounters {
    fn for_hosts(count: usize) -> WorkerCounters {
        WorkerCounters { hosts: (0..count).map(|_| HostCounters::default()).collect(), ..WorkerCounters::default() }
    }
}
