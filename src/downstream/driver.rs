//! Polls a connection; starts its shutdown on drain or client timeout.
//!
//! HTTP/1 and HTTP/2 share this loop: each passes its connection future and a function that starts its shutdown.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::connection::DownstreamConnection;
use super::timeout_timer::TimeoutTimer;
use crate::drain::DrainSignal;

/// Why a connection is closed: drain or client timeout.
#[derive(Debug, Clone, Copy)]
pub(super) enum CloseReason {
    /// The worker stops: requests in flight may finish.
    Drain,
    /// The client exceeded one of its timeouts.
    Timeout,
}

/// Polls a connection; starts a shutdown on drain or timeout.
///
/// `None` if the connection is still open [`CLOSE_TIMEOUT`] after the client timed out; it is then dropped.
pub(super) async fn drive_until_closed<C>(
    http: &mut C,
    shut_down: impl Fn(Pin<&mut C>, CloseReason),
    connection: &DownstreamConnection,
    mut signal: DrainSignal,
) -> Option<C::Output>
where
    C: Future + Unpin,
{
    let mut timer = TimeoutTimer::new(connection.activity().clone());
    let mut is_draining = false;
    let mut close_deadline: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if !is_draining && signal.poll_draining(cx).is_ready() {
            is_draining = true;
            shut_down(Pin::new(http), CloseReason::Drain);
        }
        if let Poll::Ready(output) = Pin::new(&mut *http).poll(cx) {
            return Poll::Ready(Some(output));
        }
        if close_deadline.is_none() && timer.poll(cx).is_ready() {
            tracing::debug!(client = %connection.peer.address, "client timed out");
            // A client that still reads receives GOAWAY or close_notify, so it sends no further request.
            shut_down(Pin::new(http), CloseReason::Timeout);
            close_deadline = Some(Box::pin(sleep(CLOSE_TIMEOUT)));
            if let Poll::Ready(output) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(Some(output));
            }
        }
        close_deadline
            .as_mut()
            .map_or(Poll::Pending, |close_deadline| close_deadline.as_mut().poll(cx).map(|()| None))
    })
    .await
}

/// Time for a client that timed out to receive the end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
