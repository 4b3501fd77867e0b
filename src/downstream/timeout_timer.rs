//! The deadlines of a client connection, kept by one timer.
//!
//! Between requests, within a head, and while a client takes nothing of its answer, different limits hold.
//! The socket notes what it sees ([`ConnectionActivity`]); the timer, set rarely, looks at the notes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::timeouts::{ConnectionActivity, DownstreamTimeouts};

/// Enforces the client's deadlines.
pub(super) struct TimeoutTimer {
    activity: Rc<ConnectionActivity>,
    sleep: Pin<Box<Sleep>>,
    /// The timer is set, and this task will be woken when it fires.
    is_set: bool,
}

impl TimeoutTimer {
    pub(super) fn new(activity: Rc<ConnectionActivity>) -> TimeoutTimer {
        let first = activity.deadline(&LIMITS).unwrap_or_else(|| Instant::now() + LIMITS.head);
        TimeoutTimer { activity, sleep: Box::pin(sleep_until(first)), is_set: false }
    }

    /// Ready when the client has been too slow.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // All other deadlines begin where this one, too, is looked at next; a write gets stuck at any time.
        if let Some(deadline) = self.activity.write_deadline().filter(|at| *at < self.sleep.deadline()) {
            self.sleep.as_mut().reset(deadline);
            self.is_set = false;
        }
        if self.is_set && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.is_set = true;
        // A task that has done much would be told that the timer has not fired before the timer was even set.
        while pin!(unconstrained(self.sleep.as_mut())).poll(cx).is_ready() {
            let now = Instant::now();
            match self.activity.deadline(&LIMITS) {
                Some(deadline) if deadline <= now => return Poll::Ready(()),
                Some(deadline) => self.sleep.as_mut().reset(deadline),
                // Busy: no deadline now, but one may begin at any time.
                None => self.sleep.as_mut().reset(now + LIMITS.head),
            }
        }
        Poll::Pending
    }
}

/// nginx waits 60 s for a head and keeps an idle connection for 65 s. Heads are small: half the time is
/// plenty, and halves what a slow attacker can hold.
const LIMITS: DownstreamTimeouts =
    DownstreamTimeouts { head: Duration::from_secs(30), keep_alive: Duration::from_secs(65) };

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_done_much_still_has_its_deadlines() {
        let mut watchdog = TimeoutTimer::new(Rc::new(ConnectionActivity::http1()));
        let start = Instant::now();
        let mut has_worked = false;
        let barked = poll_fn(|cx| {
            if !std::mem::replace(&mut has_worked, true) {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            watchdog.poll(cx)
        });
        assert!(tokio::time::timeout(LIMITS.head * 2, barked).await.is_ok());
        assert_eq!(start.elapsed(), LIMITS.head);
    }
}
