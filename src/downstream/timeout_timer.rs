//! One timer for all client timeouts of a connection.
//!
//! Three timeouts apply: between requests, within a request head, and while the client reads nothing of a response.
//! [`ConnectionActivity`] records what the socket observes; the timer here evaluates that record when it fires, so
//! an event does not reset it. Resets are rare.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::timeouts::{ConnectionActivity, DownstreamTimeouts};

/// Expires when a client exceeds one of its timeouts.
pub(super) struct TimeoutTimer {
    activity: Rc<ConnectionActivity>,
    sleep: Pin<Box<Sleep>>,
    /// The timer is registered with the task that polls it.
    is_set: bool,
}

impl TimeoutTimer {
    /// Starts with the deadline of the first request head.
    pub(super) fn new(activity: Rc<ConnectionActivity>) -> TimeoutTimer {
        let first = activity.deadline(&TIMEOUTS).unwrap_or_else(|| Instant::now() + TIMEOUTS.head);
        TimeoutTimer { activity, sleep: Box::pin(sleep_until(first)), is_set: false }
    }

    /// Ready when the client has timed out.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The other deadlines are evaluated when the timer fires. A write can block at any time, and its deadline
        // can be earlier than that.
        if let Some(deadline) = self.activity.write_deadline().filter(|at| *at < self.sleep.deadline()) {
            self.sleep.as_mut().reset(deadline);
            self.is_set = false;
        }
        if self.is_set && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.is_set = true;
        // Polled outside tokio's cooperative budget: with an exhausted budget the timer returns `Pending` without
        // being registered.
        while pin!(unconstrained(self.sleep.as_mut())).poll(cx).is_ready() {
            let now = Instant::now();
            match self.activity.deadline(&TIMEOUTS) {
                Some(deadline) if deadline <= now => return Poll::Ready(()),
                Some(deadline) => self.sleep.as_mut().reset(deadline),
                // Busy: no deadline now, but one can start at any time.
                None => self.sleep.as_mut().reset(now + TIMEOUTS.head),
            }
        }
        Poll::Pending
    }
}

/// nginx has a `client_header_timeout` of 60 s, and the package sets a `keepalive_timeout` of 65 s. Heads are
/// small, so 30 s suffice, and halve the connections that a slow attacker can hold.
const TIMEOUTS: DownstreamTimeouts =
    DownstreamTimeouts { head: Duration::from_secs(30), keep_alive: Duration::from_secs(65) };

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_timer_fires_with_an_exhausted_cooperative_budget() {
        let mut timer = TimeoutTimer::new(Rc::new(ConnectionActivity::http1()));
        let start = Instant::now();
        let mut has_worked = false;
        let expired = poll_fn(|cx| {
            if !std::mem::replace(&mut has_worked, true) {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            timer.poll(cx)
        });
        assert!(tokio::time::timeout(TIMEOUTS.head * 2, expired).await.is_ok());
        assert_eq!(start.elapsed(), TIMEOUTS.head);
    }
}
