//! Dates in certificates and revocation lists, and how far they are away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::time::ASN1Time;

/// A date as the clock has it; what lies before 1970 is 1970.
pub(crate) fn date(written: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(written.timestamp().max(0).unsigned_abs())
}

/// The whole days between two moments, in words.
pub(super) fn days(later: SystemTime, earlier: SystemTime) -> String {
    let seconds = later.duration_since(earlier).unwrap_or_default().as_secs();
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}
