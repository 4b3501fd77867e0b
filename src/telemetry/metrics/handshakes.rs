//! TLS handshake counters.
//!
//! Completed handshakes are counted by their negotiated parameters, failed ones by their cause.

use super::counter::Counter;
use crate::model::tls::{CipherSuite, HandshakeKind, NamedGroup};

/// Cipher suite, group and handshake kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedParameters {
    pub suite: CipherSuite,
    /// Key exchange group. `None` if a session was resumed without a new key exchange.
    pub group: Option<NamedGroup>,
    pub kind: HandshakeKind,
}

/// Failure reason used as a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailureKind {
    /// The client sent an HTTP request without TLS.
    PlainHttp,
    Timeout,
    /// The client certificate was rejected.
    ClientCertificate,
    /// Client and host have no TLS version, cipher suite or key exchange group in common.
    NoCommonParameters,
    /// The client sent a fatal alert, for example because it rejected the server certificate.
    AlertReceived,
    /// The client closed the connection.
    ClientDisconnected,
    /// Any other error.
    Error,
}

/// Handshake counters of one worker.
pub(super) struct HandshakeCounters {
    completed: Vec<Counter>,
    failed: [Counter; HandshakeFailureKind::ALL.len()],
}

/// Handshake totals over all workers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandshakeMetrics {
    /// Completed handshakes. Combinations without a handshake are left out.
    pub completed: Vec<(NegotiatedParameters, u64)>,
    /// Failed handshakes, all kinds.
    pub failed: Vec<(HandshakeFailureKind, u64)>,
}

impl HandshakeCounters {
    pub(super) fn count_completed(&self, parameters: NegotiatedParameters) {
        if let Some(counter) = self.completed.get(parameters.index()) {
            counter.add(1);
        }
    }

    pub(super) fn count_failed(&self, kind: HandshakeFailureKind) {
        self.failed[kind as usize].add(1);
    }
}

impl Default for HandshakeCounters {
    fn default() -> HandshakeCounters {
        let completed = NegotiatedParameters::all().map(|_| Counter::default()).collect();
        HandshakeCounters { completed, failed: Default::default() }
    }
}

impl HandshakeMetrics {
    /// Adds up the counters of all workers.
    pub(super) fn from_workers<'a>(
        workers: impl Iterator<Item = &'a HandshakeCounters> + Clone,
    ) -> HandshakeMetrics {
        let completed = |parameters: NegotiatedParameters| {
            let counts = workers.clone().filter_map(|worker| worker.completed.get(parameters.index()));
            (parameters, counts.map(Counter::read).sum::<u64>())
        };
        let failed = |kind: HandshakeFailureKind| {
            (kind, workers.clone().map(|worker| worker.failed[kind as usize].read()).sum())
        };
        HandshakeMetrics {
            completed: NegotiatedParameters::all().map(completed).filter(|(_, count)| *count > 0).collect(),
            failed: HandshakeFailureKind::ALL.into_iter().map(failed).collect(),
        }
    }
}

impl NegotiatedParameters {
    /// Returns all combinations, in the order of [`NegotiatedParameters::index`].
    fn all() -> impl Iterator<Item = NegotiatedParameters> {
        CipherSuite::ALL.into_iter().flat_map(|suite| {
            groups().flat_map(move |group| KINDS.map(|kind| NegotiatedParameters { suite, group, kind }))
        })
    }

    /// Returns the position of the counter of this combination.
    fn index(self) -> usize {
        let suite = CipherSuite::ALL.iter().position(|it| *it == self.suite).unwrap_or(CipherSuite::ALL.len());
        let group = groups().position(|it| it == self.group).unwrap_or_default();
        let kind = KINDS.iter().position(|it| *it == self.kind).unwrap_or_default();
        (suite * groups().count() + group) * KINDS.len() + kind
    }
}

impl HandshakeFailureKind {
    /// All kinds, in the order of their discriminants, which index the counters.
    const ALL: [HandshakeFailureKind; 7] = [
        HandshakeFailureKind::PlainHttp,
        HandshakeFailureKind::Timeout,
        HandshakeFailureKind::ClientCertificate,
        HandshakeFailureKind::NoCommonParameters,
        HandshakeFailureKind::AlertReceived,
        HandshakeFailureKind::ClientDisconnected,
        HandshakeFailureKind::Error,
    ];

    /// Returns the value of the metric label `kind`.
    pub fn name(self) -> &'static str {
        match self {
            HandshakeFailureKind::PlainHttp => "plain_http",
            HandshakeFailureKind::Timeout => "timeout",
            HandshakeFailureKind::ClientCertificate => "client_certificate",
            HandshakeFailureKind::NoCommonParameters => "no_common_parameters",
            HandshakeFailureKind::AlertReceived => "alert_received",
            HandshakeFailureKind::ClientDisconnected => "client_disconnected",
            HandshakeFailureKind::Error => "error",
        }
    }
}

fn groups() -> impl Iterator<Item = Option<NamedGroup>> {
    NamedGroup::ALL.into_iter().map(Some).chain([None])
}

const KINDS: [HandshakeKind; 2] = [HandshakeKind::New, HandshakeKind::Resumed];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_and_each_failure_kind_has_its_own_counter() {
        let indexes: Vec<usize> = NegotiatedParameters::all().map(NegotiatedParameters::index).collect();
        assert_eq!(indexes, (0..indexes.len()).collect::<Vec<_>>());
        let failed: Vec<usize> = HandshakeFailureKind::ALL.iter().map(|kind| *kind as usize).collect();
        assert_eq!(failed, (0..HandshakeFailureKind::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_totals_are_the_sum_of_all_workers() {
        let parameters =
            NegotiatedParameters { suite: CipherSuite::ALL[3], group: None, kind: HandshakeKind::Resumed };
        let workers = [HandshakeCounters::default(), HandshakeCounters::default()];
        workers.iter().for_each(|worker| worker.count_completed(parameters));
        workers[1].count_failed(HandshakeFailureKind::ClientDisconnected);
        let totals = HandshakeMetrics::from_workers(workers.iter());
        assert_eq!(totals.completed, [(parameters, 2)]);
        assert!(
            totals.failed.contains(&(HandshakeFailureKind::ClientDisconnected, 1))
                && totals.failed.contains(&(HandshakeFailureKind::Error, 0))
        );
    }
}
