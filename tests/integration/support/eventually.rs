//! The only waiting there is: until a condition holds, and never beyond a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until `condition` holds; fails the test if it does not within `deadline`.
#[track_caller]
pub fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) {
    if !holds_within(deadline, &mut condition) {
        panic!("this did not come true within {deadline:?}");
    }
}

/// Whether `condition` comes true within `deadline`, for callers that have more to say if not.
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

/// Waits until `value` has not changed for a while, and gives it.
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

/// How long a value must stand still to count as settled.
const STABLE_PERIOD: Duration = Duration::from_millis(500);

/// Time between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
