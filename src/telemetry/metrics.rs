//! What the status pages tell: connections, requests, answers.
//!
//! Each worker counts for itself, in counters that nobody else writes. So counting is an addition, without
//! a lock and without a wait for another core; only who asks for a page adds the workers up.

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

/// One worker's counters, beside those of all others.
#[derive(Clone)]
pub struct WorkerMetrics {
    own: Arc<WorkerCounters>,
    all: Arc<[Arc<WorkerCounters>]>,
    started: SystemTime,
}

/// A connection that is open, as a connection or as the tunnel that it became.
pub struct ConnectionGuard(Rc<WorkerMetrics>);

/// An exchange that is under way.
pub struct RequestGuard {
    tallies: Rc<WorkerMetrics>,
    host: usize,
    since: Instant,
}

/// All workers together, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSnapshot {
    pub started: SystemTime,
    pub accepted: u64,
    pub active: u64,
    pub requests: u64,
    /// Exchanges that are under way.
    pub busy: u64,
    pub handshakes: HandshakeMetrics,
    /// By host of the model; the last is for requests that no host is there for.
    pub hosts: Vec<HostMetrics>,
}

/// What one host did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostMetrics {
    /// Answers by the first digit of their status: 1xx, 2xx and so on.
    pub responses: [u64; 5],
    /// Bytes of bodies.
    pub sent: u64,
    /// From heads of requests to ends of answers, tunnels left aside.
    pub busy: Duration,
}

#[derive(Default)]
struct WorkerCounters {
    accepted: Counter,
    active: Counter,
    requests: Counter,
    busy: Counter,
    handshakes: HandshakeCounters,
    hosts: Vec<HostCounters>,
}

#[derive(Default)]
struct HostCounters {
    answers: [Counter; 5],
    sent: Counter,
    busy_micros: Counter,
}

impl WorkerMetrics {
    /// One for each worker; `None` if the model has no page that would tell them.
    pub fn for_workers(model: &Model) -> Option<Vec<WorkerMetrics>> {
        model.status?;
        let of_worker = |_| Arc::new(WorkerCounters::for_hosts(model.hosts().len() + 1));
        let all: Arc<[Arc<WorkerCounters>]> = (0..model.process.workers.get()).map(of_worker).collect();
        let started = SystemTime::now();
        Some(all.iter().map(|own| WorkerMetrics { own: own.clone(), all: all.clone(), started }).collect())
    }

    /// A connection was accepted.
    pub fn connection_accepted(self: &Rc<Self>) -> ConnectionGuard {
        self.own.accepted.add(1);
        self.tunnel_opened()
    }

    /// A TLS handshake was completed.
    pub fn handshake_completed(&self, agreement: NegotiatedParameters) {
        self.own.handshakes.agreed(agreement);
    }

    /// A TLS handshake was not.
    pub fn handshake_failed(&self, fault: HandshakeFailureKind) {
        self.own.handshakes.failed(fault);
    }

    /// A connection lives on as a tunnel.
    pub fn tunnel_opened(self: &Rc<Self>) -> ConnectionGuard {
        self.own.active.add(1);
        ConnectionGuard(self.clone())
    }

    /// A request came in.
    pub fn request_started(self: &Rc<Self>, host: Option<HostId>) -> RequestGuard {
        self.own.requests.add(1);
        self.own.busy.add(1);
        let host = host.map_or(self.own.hosts.len() - 1, HostId::index);
        RequestGuard { tallies: self.clone(), host, since: Instant::now() }
    }

    /// All workers added up.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let sum = |of: fn(&WorkerCounters) -> &Counter| self.all.iter().map(|worker| of(worker).read()).sum();
        let host = |nth: usize| {
            let workers = || self.all.iter().filter_map(move |worker| worker.hosts.get(nth));
            HostMetrics {
                responses: std::array::from_fn(|class| workers().map(|host| host.answers[class].read()).sum()),
                sent: workers().map(|host| host.sent.read()).sum(),
                busy: Duration::from_micros(workers().map(|host| host.busy_micros.read()).sum()),
            }
        };
        MetricsSnapshot {
            started: self.started,
            accepted: sum(|worker| &worker.accepted),
            active: sum(|worker| &worker.active),
            requests: sum(|worker| &worker.requests),
            busy: sum(|worker| &worker.busy),
            handshakes: HandshakeMetrics::of(self.all.iter().map(|worker| &worker.handshakes)),
            hosts: (0..self.own.hosts.len()).map(host).collect(),
        }
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.own.active.decrement();
    }
}

impl RequestGuard {
    /// The head of the answer is on its way.
    pub fn response_finished(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.counters().answers.get(class) {
            counter.add(1);
        }
    }

    /// Bytes of the body went to the client.
    pub fn sent(&self, bytes: u64) {
        self.counters().sent.add(bytes);
    }

    fn counters(&self) -> &HostCounters {
        &self.tallies.own.hosts[self.host]
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let lasted = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counters().busy_micros.add(lasted);
        self.tallies.own.busy.decrement();
    }
}

impl WorkerCounters {
    fn for_hosts(count: usize) -> WorkerCounters {
        WorkerCounters { hosts: (0..count).map(|_| HostCounters::default()).collect(), ..WorkerCounters::default() }
    }
}
