//! When to order a certificate: retry backoff, failure history, jitter.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Consecutive failures and the earliest next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FailureHistory {
    failures: u32,
    /// No attempt before this time. In whole seconds, because it is stored in a file.
    not_before: Option<SystemTime>,
}

/// When to try to obtain a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextAttempt {
    Now,
    /// Not before this duration has passed.
    Later(Duration),
}

/// Decides when to try to obtain a certificate that is due at `due`.
pub(super) fn next_attempt(due: SystemTime, history: &FailureHistory, now: SystemTime) -> NextAttempt {
    match due.duration_since(now) {
        Ok(left) if !left.is_zero() => NextAttempt::Later(left),
        _ => match history.pause(now) {
            Duration::ZERO => NextAttempt::Now,
            pause => NextAttempt::Later(pause),
        },
    }
}

/// Returns random renewal jitter from 0 to 1, so that not all installations renew at the same time.
pub(super) fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness the jitter is 0, which is harmless.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / f64::from(u8::MAX)
}

impl FailureHistory {
    /// Records a failure. `retry_after` is the time that the server requested in `Retry-After`.
    pub(super) fn record(&mut self, retry_after: Option<SystemTime>, now: SystemTime) {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let backoff = now + doubled.min(MAX_PAUSE);
        // A server must not delay a renewal until the certificate has expired.
        let requested = retry_after.map(|time| time.min(now + MAX_RETRY_AFTER));
        self.not_before = Some(requested.map_or(backoff, |time| time.max(backoff)));
    }

    /// Returns the wait from `now` to the next attempt.
    pub(super) fn pause(&self, now: SystemTime) -> Duration {
        let left = self.not_before.and_then(|moment| moment.duration_since(now).ok()).unwrap_or_default();
        // A clock that was wrong when the failure was recorded must not stop renewals.
        left.min(MAX_RETRY_AFTER)
    }

    /// Formats the history for its file. It survives a restart, so a restart does not bypass the rate limits of
    /// the server.
    pub(super) fn to_text(self) -> String {
        let moment = self.not_before.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        format!("{} {}\n", self.failures, moment.as_secs())
    }

    /// Parses the content of a file. Invalid content gives an empty history.
    pub(super) fn parse(text: &str) -> FailureHistory {
        let read = || {
            let (failures, moment) = text.trim().split_once(' ')?;
            let not_before = UNIX_EPOCH.checked_add(Duration::from_secs(moment.parse().ok()?));
            Some(FailureHistory { failures: failures.parse().ok()?, not_before })
        };
        read().unwrap_or_default()
    }

    /// Returns whether there is no failure.
    pub(super) fn is_clean(self) -> bool {
        self == FailureHistory::default()
    }
}

/// Pause after the first failure. It doubles with each failure: four attempts in the first two hours, two a day
/// after a day. Let's Encrypt allows five failures an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Maximum pause that doubling reaches.
const MAX_PAUSE: Duration = Duration::from_secs(12 * 3600);

/// Maximum wait that a server can request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn after(failures: u32, retry_after: Option<Duration>) -> Duration {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let mut history = FailureHistory::default();
        for _ in 1..failures {
            history.record(None, now);
        }
        history.record(retry_after.map(|it| now + it), now);
        history.pause(now)
    }

    #[test]
    fn each_failure_doubles_the_pause_up_to_half_a_day() {
        assert_eq!([1, 2, 3, 6].map(|count| after(count, None)), [HOUR / 4, HOUR / 2, HOUR, 8 * HOUR]);
        assert_eq!([7, 8, 40, 1000].map(|count| after(count, None)), [12 * HOUR; 4]);
    }

    #[test]
    fn retry_after_can_extend_the_pause_up_to_a_week() {
        assert_eq!(after(1, Some(3 * HOUR)), 3 * HOUR);
        assert_eq!(after(1, Some(HOUR / 60)), HOUR / 4);
        assert_eq!(after(1, Some(10_000 * HOUR)), 7 * 24 * HOUR);
    }

    #[test]
    fn no_more_than_five_attempts_fail_in_an_hour() {
        let (mut now, mut history, mut count) = (UNIX_EPOCH + HOUR, FailureHistory::default(), 0);
        while now < UNIX_EPOCH + 2 * HOUR {
            history.record(None, now);
            count += 1;
            now += history.pause(now);
        }
        assert!(count <= 5, "{count}");
    }

    #[test]
    fn an_attempt_is_made_when_due_unless_a_failure_delays_it() {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let clean = FailureHistory::default();
        assert_eq!(next_attempt(now + HOUR, &clean, now), NextAttempt::Later(HOUR));
        assert_eq!(next_attempt(now, &clean, now), NextAttempt::Now);
        assert_eq!(next_attempt(UNIX_EPOCH, &clean, now), NextAttempt::Now);
        let mut failed = FailureHistory::default();
        failed.record(None, now);
        assert_eq!(next_attempt(now, &failed, now), NextAttempt::Later(HOUR / 4));
        assert_eq!(next_attempt(now, &failed, now + HOUR), NextAttempt::Now);
    }

    #[test]
    fn the_history_survives_a_restart() {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let mut history = FailureHistory::default();
        history.record(None, now);
        history.record(None, now);
        let read = FailureHistory::parse(&history.to_text());
        assert_eq!((read, read.pause(now)), (history, HOUR / 2));
        for invalid in ["", "x y", "1", "1 -5", "99999999999999 0"] {
            assert!(FailureHistory::parse(invalid).is_clean(), "{invalid}");
        }
    }

    #[test]
    fn a_wrong_clock_does_not_stop_renewals() {
        let mut history = FailureHistory::default();
        history.record(None, UNIX_EPOCH + 100_000 * HOUR);
        assert_eq!(history.pause(UNIX_EPOCH), 7 * 24 * HOUR);
    }
}
