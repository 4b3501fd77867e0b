//! When to ask for a certificate, and when to ask again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Attempts that came to nothing since the last one that did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FailureHistory {
    failures: u32,
    /// No attempt before this moment. To the second, because it is kept in a file.
    not_before: Option<SystemTime>,
}

/// What is to be done for a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NextAttempt {
    Now,
    /// Nothing for this long.
    Later(Duration),
}

/// Decides about a certificate that is to be replaced at `due`.
pub(super) fn next_attempt(due: SystemTime, attempts: &FailureHistory, now: SystemTime) -> NextAttempt {
    match due.duration_since(now) {
        Ok(left) if !left.is_zero() => NextAttempt::Later(left),
        _ => match attempts.pause(now) {
            Duration::ZERO => NextAttempt::Now,
            pause => NextAttempt::Later(pause),
        },
    }
}

/// A number from 0 to 1, another one in each run, so that not everybody renews at the same moment.
pub(super) fn jitter() -> f64 {
    let mut byte = [0];
    // Without chance, no lag: that is harmless.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / f64::from(u8::MAX)
}

impl FailureHistory {
    /// Notes a failure. The authority may have asked for patience until `retry_after`.
    pub(super) fn failed(&mut self, retry_after: Option<SystemTime>, now: SystemTime) {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        let own = now + doubled.min(MAX_PAUSE);
        // Nobody may put off a renewal until the certificate has expired.
        let asked = retry_after.map(|asked| asked.min(now + MAX_RETRY_AFTER));
        self.not_before = Some(asked.map_or(own, |asked| asked.max(own)));
    }

    /// How long to wait from `now` on.
    pub(super) fn pause(&self, now: SystemTime) -> Duration {
        let left = self.not_before.and_then(|moment| moment.duration_since(now).ok()).unwrap_or_default();
        // A clock that was wrong when this was noted must not silence us for ever.
        left.min(MAX_RETRY_AFTER)
    }

    /// As it is kept over a restart: so a restart is no way around the limits of the authority.
    pub(super) fn to_text(self) -> String {
        let moment = self.not_before.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        format!("{} {}\n", self.failures, moment.as_secs())
    }

    /// What was kept; nothing if it cannot be read.
    pub(super) fn parse(text: &str) -> FailureHistory {
        let read = || {
            let (failures, moment) = text.trim().split_once(' ')?;
            let not_before = UNIX_EPOCH.checked_add(Duration::from_secs(moment.parse().ok()?));
            Some(FailureHistory { failures: failures.parse().ok()?, not_before })
        };
        read().unwrap_or_default()
    }

    pub(super) fn is_clean(self) -> bool {
        self == FailureHistory::default()
    }
}

/// With doubling, four attempts in two hours and two a day after a day: Let's Encrypt allows five failures an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(15 * 60);

const MAX_PAUSE: Duration = Duration::from_secs(12 * 3600);

/// However long an authority asks us to wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn after(failures: u32, retry_after: Option<Duration>) -> Duration {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let mut attempts = FailureHistory::default();
        for _ in 1..failures {
            attempts.failed(None, now);
        }
        attempts.failed(retry_after.map(|it| now + it), now);
        attempts.pause(now)
    }

    #[test]
    fn each_failure_doubles_the_pause_up_to_half_a_day() {
        assert_eq!([1, 2, 3, 6].map(|count| after(count, None)), [HOUR / 4, HOUR / 2, HOUR, 8 * HOUR]);
        assert_eq!([7, 8, 40, 1000].map(|count| after(count, None)), [12 * HOUR; 4]);
    }

    #[test]
    fn an_authority_can_ask_for_more_patience_but_not_for_less_or_for_ever() {
        assert_eq!(after(1, Some(3 * HOUR)), 3 * HOUR);
        assert_eq!(after(1, Some(HOUR / 60)), HOUR / 4);
        assert_eq!(after(1, Some(10_000 * HOUR)), 7 * 24 * HOUR);
    }

    #[test]
    fn no_more_than_five_attempts_fail_in_an_hour() {
        let (mut now, mut attempts, mut count) = (UNIX_EPOCH + HOUR, FailureHistory::default(), 0);
        while now < UNIX_EPOCH + 2 * HOUR {
            attempts.failed(None, now);
            count += 1;
            now += attempts.pause(now);
        }
        assert!(count <= 5, "{count}");
    }

    #[test]
    fn a_certificate_has_its_turn_when_it_is_due_and_no_failure_forbids_it() {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let clean = FailureHistory::default();
        assert_eq!(next_attempt(now + HOUR, &clean, now), NextAttempt::Later(HOUR));
        assert_eq!(next_attempt(now, &clean, now), NextAttempt::Now);
        assert_eq!(next_attempt(UNIX_EPOCH, &clean, now), NextAttempt::Now);
        let mut failed = FailureHistory::default();
        failed.failed(None, now);
        assert_eq!(next_attempt(now, &failed, now), NextAttempt::Later(HOUR / 4));
        assert_eq!(next_attempt(now, &failed, now + HOUR), NextAttempt::Now);
    }

    #[test]
    fn failures_are_remembered_over_a_restart() {
        let now = UNIX_EPOCH + 1000 * HOUR;
        let mut attempts = FailureHistory::default();
        attempts.failed(None, now);
        attempts.failed(None, now);
        let read = FailureHistory::parse(&attempts.to_text());
        assert_eq!((read, read.pause(now)), (attempts, HOUR / 2));
        for nonsense in ["", "x y", "1", "1 -5", "99999999999999 0"] {
            assert!(FailureHistory::parse(nonsense).is_clean(), "{nonsense}");
        }
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_silence_for_ever() {
        let mut attempts = FailureHistory::default();
        attempts.failed(None, UNIX_EPOCH + 100_000 * HOUR);
        assert_eq!(attempts.pause(UNIX_EPOCH), 7 * 24 * HOUR);
    }
}
