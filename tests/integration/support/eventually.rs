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
        thread::sleep(STEP);
    }
}

/// Time between two looks.
const STEP: Duration = Duration::from_millis(5);
