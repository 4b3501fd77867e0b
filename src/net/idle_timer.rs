//! Inactivity timer with one timer registration for each timeout period.
//!
//! A reset only records progress. The clock is read at the next poll, so once for any number of resets in one
//! poll of the task. The tokio timer is set once; when it fires and there was progress meanwhile, it is set
//! again. A busy connection therefore touches the timer wheel once in each timeout period, not once for each
//! message.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// Expires after a period without progress, that is, without a call of [`IdleTimer::reset`].
pub struct IdleTimer {
    timeout: Duration,
    /// Start of the idle period; `None` until the first poll after a reset.
    idle_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The waker registered with the timer.
    waker: Option<Waker>,
}

impl IdleTimer {
    /// Returns a timer; its first period starts at the first poll.
    pub fn new(timeout: Duration) -> IdleTimer {
        IdleTimer { timeout, idle_since: None, sleep: None, waker: None }
    }

    /// Restarts the inactivity period with another timeout.
    pub fn restart(&mut self, timeout: Duration) {
        self.timeout = timeout;
        self.reset();
    }

    /// Restarts the inactivity period.
    pub fn reset(&mut self) {
        self.idle_since = None;
    }

    /// Returns ready when the period has passed without a reset. Poll it only while waiting for progress.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.idle_since.get_or_insert_with(Instant::now) + self.timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            // The timeout was longer when the timer was set.
            sleep.as_mut().reset(deadline);
            self.waker = None;
        }
        let is_registered = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_registered && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        // Polled outside tokio's cooperative budget: with an exhausted budget the timer returns `Pending`
        // without being registered.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn a_reset_postpones_expiry() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await);
        tokio::time::sleep(Duration::from_secs(8)).await;
        timer.reset();
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_timeout_applies_at_once() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(60));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await);
        timer.restart(Duration::from_secs(5));
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_starts_at_the_first_poll() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        timer.reset();
        tokio::time::sleep(Duration::from_secs(8)).await;
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn expiry_ignores_the_cooperative_budget() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        let mut has_spent_budget = false;
        let expired = poll_fn(|cx| {
            if !std::mem::replace(&mut has_spent_budget, true) {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            timer.poll_expired(cx)
        });
        assert!(tokio::time::timeout(Duration::from_secs(20), expired).await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
