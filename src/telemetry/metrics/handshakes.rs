//! TLS handshakes, counted by what was agreed on, and those that failed by the reason.

use super::counter::Counter;
use crate::model::tls::{Beginning, CipherSuite, KeyGroup};

/// What a handshake has agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    pub suite: CipherSuite,
    /// `None` where a session was resumed without a new exchange of keys.
    pub group: Option<KeyGroup>,
    pub beginning: Beginning,
}

/// Why a handshake came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    PlainHttp,
    TooSlow,
    /// The certificate of the client is not one that is accepted.
    ClientCertificate,
    /// Nothing that both sides have: a version, a suite, a group.
    NothingInCommon,
    /// The client said no, perhaps to the certificate that it was shown.
    ClientRefused,
    /// The client went away.
    Left,
    Broken,
}

/// One worker's counters.
pub(super) struct Handshakes {
    agreements: Vec<Counter>,
    faults: [Counter; Fault::ALL.len()],
}

/// All workers together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandshakeSums {
    /// Those that have been seen.
    pub agreements: Vec<(Agreement, u64)>,
    pub faults: Vec<(Fault, u64)>,
}

impl Handshakes {
    pub(super) fn agreed(&self, agreement: Agreement) {
        if let Some(counter) = self.agreements.get(agreement.index()) {
            counter.add(1);
        }
    }

    pub(super) fn failed(&self, fault: Fault) {
        self.faults[fault as usize].add(1);
    }
}

impl Default for Handshakes {
    fn default() -> Handshakes {
        let agreements = Agreement::all().map(|_| Counter::default()).collect();
        Handshakes { agreements, faults: Default::default() }
    }
}

impl HandshakeSums {
    pub(super) fn of<'a>(workers: impl Iterator<Item = &'a Handshakes> + Clone) -> HandshakeSums {
        let agreed = |agreement: Agreement| {
            let counts = workers.clone().filter_map(|worker| worker.agreements.get(agreement.index()));
            (agreement, counts.map(Counter::read).sum::<u64>())
        };
        let failed =
            |fault: Fault| (fault, workers.clone().map(|worker| worker.faults[fault as usize].read()).sum());
        HandshakeSums {
            agreements: Agreement::all().map(agreed).filter(|(_, count)| *count > 0).collect(),
            faults: Fault::ALL.into_iter().map(failed).collect(),
        }
    }
}

impl Agreement {
    /// All that there can be, each at its index.
    fn all() -> impl Iterator<Item = Agreement> {
        CipherSuite::ALL.into_iter().flat_map(|suite| {
            groups().flat_map(move |group| BEGINNINGS.map(|beginning| Agreement { suite, group, beginning }))
        })
    }

    fn index(self) -> usize {
        let suite = CipherSuite::ALL.iter().position(|it| *it == self.suite).unwrap_or(CipherSuite::ALL.len());
        let group = groups().position(|it| it == self.group).unwrap_or_default();
        let beginning = BEGINNINGS.iter().position(|it| *it == self.beginning).unwrap_or_default();
        (suite * groups().count() + group) * BEGINNINGS.len() + beginning
    }
}

impl Fault {
    /// In the order of their numbers.
    const ALL: [Fault; 7] = [
        Fault::PlainHttp,
        Fault::TooSlow,
        Fault::ClientCertificate,
        Fault::NothingInCommon,
        Fault::ClientRefused,
        Fault::Left,
        Fault::Broken,
    ];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::PlainHttp => "plain_http",
            Fault::TooSlow => "too_slow",
            Fault::ClientCertificate => "client_certificate",
            Fault::NothingInCommon => "nothing_in_common",
            Fault::ClientRefused => "client_refused",
            Fault::Left => "left",
            Fault::Broken => "broken",
        }
    }
}

fn groups() -> impl Iterator<Item = Option<KeyGroup>> {
    KeyGroup::ALL.into_iter().map(Some).chain([None])
}

const BEGINNINGS: [Beginning; 2] = [Beginning::New, Beginning::Resumed];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agreement_and_every_fault_has_a_counter_of_its_own() {
        let indexes: Vec<usize> = Agreement::all().map(Agreement::index).collect();
        assert_eq!(indexes, (0..indexes.len()).collect::<Vec<_>>());
        let faults: Vec<usize> = Fault::ALL.iter().map(|fault| *fault as usize).collect();
        assert_eq!(faults, (0..Fault::ALL.len()).collect::<Vec<_>>());
    }

    #[test]
    fn workers_are_added_up() {
        let agreement = Agreement { suite: CipherSuite::ALL[3], group: None, beginning: Beginning::Resumed };
        let workers = [Handshakes::default(), Handshakes::default()];
        workers.iter().for_each(|worker| worker.agreed(agreement));
        workers[1].failed(Fault::Left);
        let sums = HandshakeSums::of(workers.iter());
        assert_eq!(sums.agreements, [(agreement, 2)]);
        assert!(sums.faults.contains(&(Fault::Left, 1)) && sums.faults.contains(&(Fault::Broken, 0)));
    }
}
