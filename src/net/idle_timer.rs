//! A limit on silence that costs nothing while there is none.
//!
//! Progress is only noted, and the clock read when somebody waits again: however much moves in one turn of a
//! task, it is read once. The timer below is set once and, when it fires, looks whether there was progress
//! meanwhile; so a busy connection touches the timer wheel once per limit, not per message.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// Fires when `limit` has passed without [`IdleTimer::progress`].
pub struct IdleTimer {
    limit: Duration,
    /// When the waiting began; unknown until somebody waits.
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who will be woken when the timer fires.
    waker: Option<Waker>,
}

impl IdleTimer {
    pub fn new(limit: Duration) -> IdleTimer {
        IdleTimer { limit, since: None, sleep: None, waker: None }
    }

    /// Begins anew with another limit.
    pub fn restart(&mut self, limit: Duration) {
        self.limit = limit;
        self.reset();
    }

    /// Something moved; the silence starts anew.
    pub fn reset(&mut self) {
        self.since = None;
    }

    /// Ready when the silence has lasted too long. Call it only while waiting.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.since.get_or_insert_with(Instant::now) + self.limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            // The limit was longer before.
            sleep.as_mut().reset(deadline);
            self.waker = None;
        }
        let is_registered = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_registered && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        // A task that has done much would be told that the timer has not fired before the timer was even set.
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
    async fn progress_postpones_the_end() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await);
        tokio::time::sleep(Duration::from_secs(8)).await;
        timer.reset();
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_limit_counts_at_once() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(60));
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_expired(cx).is_pending())).await);
        timer.restart(Duration::from_secs(5));
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_while_somebody_waits() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        timer.reset();
        tokio::time::sleep(Duration::from_secs(8)).await;
        poll_fn(|cx| timer.poll_expired(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 18);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_done_much_is_timed_as_well() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        let mut has_worked = false;
        let expired = poll_fn(|cx| {
            if !std::mem::replace(&mut has_worked, true) {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
            }
            timer.poll_expired(cx)
        });
        assert!(tokio::time::timeout(Duration::from_secs(20), expired).await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}
