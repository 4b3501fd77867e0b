//! TLS handshakes, counted by what was agreed on, and those that failed by the reason.

use super::counter::Counter;
use crate::model::tls::{CipherSuite, HandshakeKind, NamedGroup};

/// What a handshake has agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedParameters {
    pub suite: CipherSuite,
    /// `None` where a session was resumed without a new exchange of keys.
    pub group: Option<NamedGroup>,
    pub beginning: HandshakeKind,
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailureKind {
    PlainHttp,
    Timeout,
    /// The certificate of the client is not one that is accepted.
    ClientCertificate,
    /// Nothing that both sides have: a version, a suite, a group.
    NoCommonParameters,
    /// The client said no, perhaps to the certificate that it was shown.
    AlertReceived,
    /// The client went away.
    ClientDisconnected,
    Error,
}

/// One worker's counters.
pub(super) struct HandshakeCounters {
    agreements: Vec<Counter>,
    faults: [Counter; HandshakeFailureKind::ALL.len()],
}

/// All workers together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandshakeMetrics {
    /// Those that have been seen.
    pub agreements: Vec<(NegotiatedParameters, u64)>,
    pub faults: Vec<(HandshakeFailureKind, u64)>,
}

impl HandshakeCounters {
    pub(super) fn agreed(&self, agreement: NegotiatedParameters) {
        if let Some(counter) = self.agreements.get(agreement.index()) {
            counter.add(1);
        }
    }

    pub(super) fn failed(&self, fault: HandshakeFailureKind) {
        self.faults[fault as usize].add(1);
    }
}

impl Default for HandshakeCounters {
    fn default() -> HandshakeCounters {
        let agreements = NegotiatedParameters::all().map(|_| Counter::default()).collect();
        HandshakeCounters { agreements, faults: Default::default() }
    }
}

impl HandshakeMetrics {
    pub(super) fn of<'a>(workers: impl Iterator<Item = &'a HandshakeCounters> + Clone) -> HandshakeMetrics {
        let agreed = |agreement: NegotiatedParameters| {
            let counts = workers.clone().filter_map(|worker| worker.agreements.get(agreement.index()));
            (agreement, counts.map(Counter::read).sum::<u64>())
        };
        let failed = |fault: HandshakeFailureKind| {
            (fault, workers.clone().map(|worker| worker.faults[fault as usize].read()).sum())
        };
        HandshakeMetrics {
            agreements: NegotiatedParameters::all().map(agreed).filter(|(_, count)| *count > 0).collect(),
            faults: HandshakeFailureKind::ALL.into_iter().map(failed).collect(),
        }
    }
}

impl NegotiatedParameters {
    /// All that there can be, each at its index.
    fn all() -> impl Iterator<Item = NegotiatedParameters> {
        CipherSuite::ALL.into_iter().flat_map(|suite| {
            groups()
                .flat_map(move |group| BEGINNINGS.map(|beginning| NegotiatedParameters { suite, group, beginning }))
        })
    }

    fn index(self) -> usize {
        let suite = CipherSuite::ALL.iter().position(|it| *it == self.suite).unwrap_or(CipherSuite::ALL.len());
        let group = groups().position(|it| it == self.group).unwrap_or_default();
        let beginning = BEGINNINGS.iter().position(|it| *it == self.beginning).unwrap_or_default();
        (suite * groups().count() + group) * BEGINNINGS.len() + beginning
    }
}

impl HandshakeFailureKind {
    /// In the order of their numbers.
    const ALL: [HandshakeFailureKind; 7] = [
        HandshakeFailureKind::PlainHttp,
        HandshakeFailureKind::Timeout,
        HandshakeFailureKind::ClientCertificate,
        HandshakeFailureKind::NoCommonParameters,
        HandshakeFailureKind::AlertReceived,
        HandshakeFailureKind::ClientDisconnected,
        HandshakeFailureKind::Error,
    ];

    /// As metrics name it.
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

const BEGINNINGS: [HandshakeKind; 2] = [HandshakeKind::New, HandshakeKind::Resumed];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agreement_and_every_fault_has_a_counter_of_its_own() {
        let indexes: Vec<usize> = NegotiatedParameters::all().map(NegotiatedParameters::index).collect();
        assert_eq!(indexes, (0..indexes.len()).collect::<Vec<_>>());
        let faults: Vec<usize> = HandshakeFailureKind::ALL.iter().map(|fault| *fault as usize).collect();
        assert_eq!(faults, (0..HandshakeFailureKind::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn workers_are_added_up() {
        let agreement =
            NegotiatedParameters { suite: CipherSuite::ALL[3], group: None, beginning: HandshakeKind::Resumed };
        let workers = [HandshakeCounters::default(), HandshakeCounters::default()];
        workers.iter().for_each(|worker| worker.agreed(agreement));
        workers[1].failed(HandshakeFailureKind::ClientDisconnected);
        let sums = HandshakeMetrics::of(workers.iter());
        assert_eq!(sums.agreements, [(agreement, 2)]);
        assert!(
            sums.faults.contains(&(HandshakeFailureKind::ClientDisconnected, 1))
                && sums.faults.contains(&(HandshakeFailureKind::Error, 0))
        );
    }
}
