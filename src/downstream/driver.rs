//! Drives an HTTP connection until it ends, the worker drains, or the client times out.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::connection::DownstreamConnection;
use super::timeout_timer::TimeoutTimer;
use crate::drain::DrainSignal;

/// Why a connection is to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum CloseReason {
    Drain,
    Timeout,
}

/// Runs an HTTP connection to its end, which is hastened by a drain and by a client that is too slow; `None` for one
/// that was too slow even to be told so.
pub(super) async fn drive_until_closed<C>(
    http: &mut C,
    shut_down: impl Fn(Pin<&mut C>, CloseReason),
    connection: &DownstreamConnection,
    mut signal: DrainSignal,
) -> Option<C::Output>
where
    C: Future + Unpin,
{
    let mut watchdog = TimeoutTimer::new(connection.activity().clone());
    let mut is_draining = false;
    let mut goodbye: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if !is_draining && signal.poll_draining(cx).is_ready() {
            is_draining = true;
            shut_down(Pin::new(http), CloseReason::Drain);
        }
        if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if goodbye.is_none() && watchdog.poll(cx).is_ready() {
            tracing::debug!("the client {} took too long", connection.peer.address);
            // A client that still listens learns that nothing more is answered: GOAWAY, or close_notify.
            shut_down(Pin::new(http), CloseReason::Timeout);
            goodbye = Some(Box::pin(sleep(CLOSE_TIMEOUT)));
            if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(Some(ended));
            }
        }
        goodbye.as_mut().map_or(Poll::Pending, |goodbye| goodbye.as_mut().poll(cx).map(|()| None))
    })
    .await
}

/// What a client that was too slow has to take note of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
