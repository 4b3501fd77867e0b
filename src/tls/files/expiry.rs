//! What comes to an end by itself, such as a certificate: when, and how urgent that is.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::file_error::FileProblem;
use super::validity::days;

/// Something in a file that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    pub kind: Kind,
    pub file: PathBuf,
    /// Whose it is; empty if the file has only one.
    pub subject: String,
    pub begin: SystemTime,
    pub end: SystemTime,
}

/// What it is that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Shown to clients.
    Certificate,
    /// Of an authority, shown to clients between a certificate and what they know.
    Intermediate,
    /// Shown to an application.
    Identity,
    /// Of an authority that vouches for clients.
    Authority,
    /// Out of date after the time of its next update.
    RevocationList,
}

/// That something has ended, or will before long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lapse {
    Soon(Step),
    Over,
}

/// How near an end is. The later, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Month,
    Fortnight,
    Week,
    Day,
}

impl Expiry {
    /// Whether there is something to say about it at time `now`. Nothing is before the last third of its life: what
    /// lives for days is renewed in its last days.
    pub fn lapse(&self, now: SystemTime) -> Option<Lapse> {
        let Ok(left) = self.end.duration_since(now) else { return Some(Lapse::Over) };
        let life = self.end.duration_since(self.begin).unwrap_or_default();
        let reached = STEPS.iter().find(|(limit, _)| left <= *limit && left <= life / 3);
        reached.map(|(_, step)| Lapse::Soon(*step))
    }

    /// The end at `now`, past or to come, in words.
    pub fn problem(&self, now: SystemTime) -> FileProblem {
        let subject = &self.subject;
        let (what, advice) = match (self.kind, now > self.end) {
            (Kind::Certificate, true) => {
                (format!("the certificate expired {} ago", days(now, self.end)), "renew it; clients refuse it")
            }
            (Kind::Certificate, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it in time; clients will refuse it then",
            ),
            (Kind::Intermediate, true) => (
                format!("its intermediate certificate of {subject} expired {} ago", days(now, self.end)),
                "get the authority's current one; clients that know no other way refuse the chain",
            ),
            (Kind::Intermediate, false) => (
                format!("its intermediate certificate of {subject} expires in {}", days(self.end, now)),
                "get the authority's next one, with a new certificate if need be",
            ),
            (Kind::Identity, true) => (
                format!("the certificate expired {} ago", days(now, self.end)),
                "renew it; the application that it is shown to may refuse it",
            ),
            (Kind::Identity, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it in time; the application that it is shown to may refuse it then",
            ),
            (Kind::Authority, true) => (
                format!("the authority {subject} expired {} ago", days(now, self.end)),
                "remove it; until then its clients are believed",
            ),
            (Kind::Authority, false) => (
                format!("the authority {subject} expires in {}", days(self.end, now)),
                "add its successor, and give its clients new certificates",
            ),
            (Kind::RevocationList, true) => (
                format!("the list of {subject} has been out of date for {}", days(now, self.end)),
                "get the current one; until then no client of that authority is let in",
            ),
            (Kind::RevocationList, false) => (
                format!("the list of {subject} is out of date in {}", days(self.end, now)),
                "get the next one in time; no client of that authority will be let in then",
            ),
        };
        FileProblem::new(&self.file, what, advice)
    }
}

impl Kind {
    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Certificate => "certificate",
            Kind::Intermediate => "intermediate",
            Kind::Identity => "identity",
            Kind::Authority => "client_authority",
            Kind::RevocationList => "revocation_list",
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The most urgent first, because the first that fits counts.
const STEPS: [(Duration, Step); 4] = [
    (DAY, Step::Day),
    (Duration::from_secs(7 * 86_400), Step::Week),
    (Duration::from_secs(14 * 86_400), Step::Fortnight),
    (Duration::from_secs(30 * 86_400), Step::Month),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of something that lives for so many days, when so many are left.
    fn lapse(life: u32, left: u32) -> Option<Lapse> {
        let begin = SystemTime::UNIX_EPOCH;
        let end = begin + DAY * life;
        let expiry = Expiry { kind: Kind::Certificate, file: "a.crt".into(), subject: String::new(), begin, end };
        expiry.lapse(end - DAY * left)
    }

    #[test]
    fn an_end_comes_nearer_in_steps() {
        assert_eq!(lapse(365, 31), None);
        assert_eq!(lapse(365, 30), Some(Lapse::Soon(Step::Month)));
        assert_eq!(lapse(365, 14), Some(Lapse::Soon(Step::Fortnight)));
        assert_eq!(lapse(365, 7), Some(Lapse::Soon(Step::Week)));
        assert_eq!(lapse(365, 1), Some(Lapse::Soon(Step::Day)));
    }

    #[test]
    fn nothing_is_said_of_a_short_life_before_its_last_third() {
        assert_eq!(lapse(6, 3), None);
        assert_eq!(lapse(6, 2), Some(Lapse::Soon(Step::Week)));
        assert_eq!(lapse(45, 16), None);
        assert_eq!(lapse(45, 15), Some(Lapse::Soon(Step::Month)));
    }
}
