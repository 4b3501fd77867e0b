//! What comes to an end by itself, such as a certificate: when, and how urgent that is.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::file_error::FileError;
use super::validity::days;

/// Something in a file that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    pub kind: ExpiryKind,
    pub file: PathBuf,
    /// Whose it is; empty if the file has only one.
    pub subject: String,
    pub begin: SystemTime,
    pub end: SystemTime,
}

/// What it is that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryKind {
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
pub enum ExpiryState {
    Soon(ExpiryThreshold),
    Over,
}

/// How near an end is. The later, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryThreshold {
    Month,
    Fortnight,
    Week,
    Day,
}

impl Expiry {
    /// Whether there is something to say about it at time `now`. Nothing is before the last third of its life: what
    /// lives for days is renewed in its last days.
    pub fn state(&self, now: SystemTime) -> Option<ExpiryState> {
        let Ok(left) = self.end.duration_since(now) else { return Some(ExpiryState::Over) };
        let life = self.end.duration_since(self.begin).unwrap_or_default();
        let reached = STEPS.iter().find(|(limit, _)| left <= *limit && left <= life / 3);
        reached.map(|(_, step)| ExpiryState::Soon(*step))
    }

    /// The end at `now`, past or to come, in words.
    pub fn to_error(&self, now: SystemTime) -> FileError {
        let subject = &self.subject;
        let (what, advice) = match (self.kind, now > self.end) {
            (ExpiryKind::Certificate, true) => {
                (format!("the certificate expired {} ago", days(now, self.end)), "renew it; clients refuse it")
            }
            (ExpiryKind::Certificate, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it in time; clients will refuse it then",
            ),
            (ExpiryKind::Intermediate, true) => (
                format!("its intermediate certificate of {subject} expired {} ago", days(now, self.end)),
                "get the authority's current one; clients that know no other way refuse the chain",
            ),
            (ExpiryKind::Intermediate, false) => (
                format!("its intermediate certificate of {subject} expires in {}", days(self.end, now)),
                "get the authority's next one, with a new certificate if need be",
            ),
            (ExpiryKind::Identity, true) => (
                format!("the certificate expired {} ago", days(now, self.end)),
                "renew it; the application that it is shown to may refuse it",
            ),
            (ExpiryKind::Identity, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it in time; the application that it is shown to may refuse it then",
            ),
            (ExpiryKind::Authority, true) => (
                format!("the authority {subject} expired {} ago", days(now, self.end)),
                "remove it; until then its clients are believed",
            ),
            (ExpiryKind::Authority, false) => (
                format!("the authority {subject} expires in {}", days(self.end, now)),
                "add its successor, and give its clients new certificates",
            ),
            (ExpiryKind::RevocationList, true) => (
                format!("the list of {subject} has been out of date for {}", days(now, self.end)),
                "get the current one; until then no client of that authority is let in",
            ),
            (ExpiryKind::RevocationList, false) => (
                format!("the list of {subject} is out of date in {}", days(self.end, now)),
                "get the next one in time; no client of that authority will be let in then",
            ),
        };
        FileError::new(&self.file, what, advice)
    }
}

impl ExpiryKind {
    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            ExpiryKind::Certificate => "certificate",
            ExpiryKind::Intermediate => "intermediate",
            ExpiryKind::Identity => "identity",
            ExpiryKind::Authority => "client_authority",
            ExpiryKind::RevocationList => "revocation_list",
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The most urgent first, because the first that fits counts.
const STEPS: [(Duration, ExpiryThreshold); 4] = [
    (DAY, ExpiryThreshold::Day),
    (Duration::from_secs(7 * 86_400), ExpiryThreshold::Week),
    (Duration::from_secs(14 * 86_400), ExpiryThreshold::Fortnight),
    (Duration::from_secs(30 * 86_400), ExpiryThreshold::Month),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of something that lives for so many days, when so many are left.
    fn lapse(life: u32, left: u32) -> Option<ExpiryState> {
        let begin = SystemTime::UNIX_EPOCH;
        let end = begin + DAY * life;
        let expiry =
            Expiry { kind: ExpiryKind::Certificate, file: "a.crt".into(), subject: String::new(), begin, end };
        expiry.state(end - DAY * left)
    }

    #[test]
    fn an_end_comes_nearer_in_steps() {
        assert_eq!(lapse(365, 31), None);
        assert_eq!(lapse(365, 30), Some(ExpiryState::Soon(ExpiryThreshold::Month)));
        assert_eq!(lapse(365, 14), Some(ExpiryState::Soon(ExpiryThreshold::Fortnight)));
        assert_eq!(lapse(365, 7), Some(ExpiryState::Soon(ExpiryThreshold::Week)));
        assert_eq!(lapse(365, 1), Some(ExpiryState::Soon(ExpiryThreshold::Day)));
    }

    #[test]
    fn nothing_is_said_of_a_short_life_before_its_last_third() {
        assert_eq!(lapse(6, 3), None);
        assert_eq!(lapse(6, 2), Some(ExpiryState::Soon(ExpiryThreshold::Week)));
        assert_eq!(lapse(45, 16), None);
        assert_eq!(lapse(45, 15), Some(ExpiryState::Soon(ExpiryThreshold::Month)));
    }
}
