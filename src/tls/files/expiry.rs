//! Expiry dates of certificates and revocation lists, and warning thresholds.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::time::ASN1Time;

use super::file_error::FileError;

/// Validity period of a certificate, CA or revocation list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    pub kind: ExpiryKind,
    pub file: PathBuf,
    /// Distinguished name of the subject or the issuer of a list; empty for the leaf, of which a file has only one.
    pub subject: String,
    pub begin: SystemTime,
    pub end: SystemTime,
}

/// What expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryKind {
    /// A server certificate.
    Certificate,
    /// A CA certificate in the chain of a server certificate.
    Intermediate,
    /// A client certificate for an upstream.
    Identity,
    /// A CA of client certificates.
    ClientCa,
    /// A revocation list of client certificates; it expires at its `nextUpdate`.
    RevocationList,
}

/// Expired, or about to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryState {
    ExpiresSoon(ExpiryThreshold),
    Expired,
}

/// Warning thresholds: 30, 14, 7 and 1 day. The nearer the expiry, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryThreshold {
    Month,
    Fortnight,
    Week,
    Day,
}

impl Expiry {
    /// Returns whether the item is expired or about to expire at time `now`; `None` if neither. A threshold counts
    /// only in the last third of the lifetime, because certificates with a lifetime of days are renewed in their
    /// last days.
    pub fn state(&self, now: SystemTime) -> Option<ExpiryState> {
        let Ok(left) = self.end.duration_since(now) else { return Some(ExpiryState::Expired) };
        let lifetime = self.end.duration_since(self.begin).unwrap_or_default();
        let reached = THRESHOLDS.iter().find(|(limit, _)| left <= *limit && left <= lifetime / 3);
        reached.map(|(_, threshold)| ExpiryState::ExpiresSoon(*threshold))
    }

    /// Returns the expiry, past or future at time `now`, as a file error with advice.
    pub fn to_error(&self, now: SystemTime) -> FileError {
        let subject = &self.subject;
        let (what, advice) = match (self.kind, now > self.end) {
            (ExpiryKind::Certificate, true) => {
                (format!("the certificate expired {} ago", days(now, self.end)), "renew it; clients reject it")
            }
            (ExpiryKind::Certificate, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it before then; clients will reject it afterwards",
            ),
            (ExpiryKind::Intermediate, true) => (
                format!("the intermediate certificate {subject} expired {} ago", days(now, self.end)),
                "install the CA's current one; clients without another path to a root reject the chain",
            ),
            (ExpiryKind::Intermediate, false) => (
                format!("the intermediate certificate {subject} expires in {}", days(self.end, now)),
                "install the CA's next one, with a new certificate if necessary",
            ),
            (ExpiryKind::Identity, true) => (
                format!("the certificate expired {} ago", days(now, self.end)),
                "renew it; the upstream that it authenticates to may reject it",
            ),
            (ExpiryKind::Identity, false) => (
                format!("the certificate expires in {}", days(self.end, now)),
                "renew it before then; the upstream that it authenticates to may reject it afterwards",
            ),
            (ExpiryKind::ClientCa, true) => (
                format!("the client CA {subject} expired {} ago", days(now, self.end)),
                "remove it; until then its client certificates are accepted",
            ),
            (ExpiryKind::ClientCa, false) => (
                format!("the client CA {subject} expires in {}", days(self.end, now)),
                "add its successor, and issue new client certificates",
            ),
            (ExpiryKind::RevocationList, true) => (
                format!("the revocation list of {subject} expired {} ago", days(now, self.end)),
                "install the current one; until then all client certificates of this CA are rejected",
            ),
            (ExpiryKind::RevocationList, false) => (
                format!("the revocation list of {subject} expires in {}", days(self.end, now)),
                "install the next one before then; afterwards all client certificates of this CA are rejected",
            ),
        };
        FileError::new(&self.file, what, advice)
    }
}

impl ExpiryKind {
    /// Returns the name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            ExpiryKind::Certificate => "certificate",
            ExpiryKind::Intermediate => "intermediate",
            ExpiryKind::Identity => "identity",
            ExpiryKind::ClientCa => "client_authority",
            ExpiryKind::RevocationList => "revocation_list",
        }
    }
}

/// Converts a date of a certificate or a revocation list; dates before 1970 become 1970.
pub(crate) fn system_time(date: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(date.timestamp().max(0).unsigned_abs())
}

/// Formats the time between two moments in whole days.
pub(super) fn days(later: SystemTime, earlier: SystemTime) -> String {
    let seconds = later.duration_since(earlier).unwrap_or_default().as_secs();
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The most urgent first, because the first match counts.
const THRESHOLDS: [(Duration, ExpiryThreshold); 4] = [
    (DAY, ExpiryThreshold::Day),
    (Duration::from_secs(7 * 86_400), ExpiryThreshold::Week),
    (Duration::from_secs(14 * 86_400), ExpiryThreshold::Fortnight),
    (Duration::from_secs(30 * 86_400), ExpiryThreshold::Month),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the state of a certificate with a lifetime of `lifetime` days, `left` days before its expiry.
    fn state(lifetime: u32, left: u32) -> Option<ExpiryState> {
        let begin = SystemTime::UNIX_EPOCH;
        let end = begin + DAY * lifetime;
        let expiry =
            Expiry { kind: ExpiryKind::Certificate, file: "a.crt".into(), subject: String::new(), begin, end };
        expiry.state(end - DAY * left)
    }

    #[test]
    fn thresholds_are_30_14_7_and_1_day() {
        assert_eq!(state(365, 31), None);
        assert_eq!(state(365, 30), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Month)));
        assert_eq!(state(365, 14), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Fortnight)));
        assert_eq!(state(365, 7), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Week)));
        assert_eq!(state(365, 1), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Day)));
    }

    #[test]
    fn a_short_lifetime_warns_only_in_its_last_third() {
        assert_eq!(state(6, 3), None);
        assert_eq!(state(6, 2), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Week)));
        assert_eq!(state(45, 16), None);
        assert_eq!(state(45, 15), Some(ExpiryState::ExpiresSoon(ExpiryThreshold::Month)));
    }
}
