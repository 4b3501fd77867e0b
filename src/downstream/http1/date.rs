//! Cached `Date` header (RFC 9110 section 6.6.1).
//!
//! Formatted once a second on each worker.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

thread_local! {
    static LAST: RefCell<CachedDate> = const { RefCell::new(CachedDate { until: SystemTime::UNIX_EPOCH, text: String::new() }) };
}

/// The formatted date of the current second.
struct CachedDate {
    /// Start of the next second.
    until: SystemTime,
    text: String,
}

/// Appends the value of a `Date` field.
pub(super) fn write(text: &mut Vec<u8>) {
    LAST.with_borrow_mut(|last| text.extend_from_slice(last.at(SystemTime::now()).as_bytes()));
}

impl CachedDate {
    fn at(&mut self, now: SystemTime) -> &str {
        // The lower bound matters when the clock is set back.
        let is_current = now < self.until && self.until - Duration::from_secs(1) <= now;
        if !is_current {
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.until = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs() + 1);
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_changes_every_second() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let mut cached = CachedDate { until: SystemTime::UNIX_EPOCH, text: String::new() };
        for (millis, expected) in [
            (1_000_000_999, "Mon, 12 Jan 1970 13:46:40 GMT"),
            (1_000_000_000, "Mon, 12 Jan 1970 13:46:40 GMT"),
            (1_000_001_000, "Mon, 12 Jan 1970 13:46:41 GMT"),
            (999_999_999, "Mon, 12 Jan 1970 13:46:39 GMT"),
        ] {
            assert_eq!(cached.at(at(millis)), expected);
        }
    }
}
