//! Waits for conditions, always with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` is true; fails the test if that takes longer than `deadline`.
#[track_caller]
pub fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) {
    if !holds_within(deadline, &mut condition) {
        panic!("the condition did not become true within {deadline:?}");
    }
}

/// Returns whether `condition` becomes true within `deadline`, for callers with their own failure message.
pub fn holds_within(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until `value` is stable and returns it.
#[track_caller]
pub fn settled(deadline: Duration, mut value: impl FnMut() -> u64) -> u64 {
    let mut last = value();
    let mut last_change = Instant::now();
    eventually(deadline, || {
        let now = value();
        if now != last {
            (last, last_change) = (now, Instant::now());
        }
        last_change.elapsed() >= STABLE_PERIOD
    });
    last
}

/// A value that did not change for this period is stable.
const STABLE_PERIOD: Duration = Duration::from_millis(500);

/// Interval between two evaluations of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
