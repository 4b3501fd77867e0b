//! Client activity of a connection, and the deadlines that follow from it.
//!
//! This module holds what is observed; [`TimeoutTimer`](super::timeout_timer::TimeoutTimer) holds the timer that
//! enforces it. Events are recorded without a time. They receive it when a deadline is computed, which is after the
//! connection has been polled, so a poll with many events reads the clock at most once.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// Last activity of a client connection, from which its deadline follows.
pub struct ConnectionActivity {
    phase: Cell<ConnectionPhase>,
    /// Start of the phase.
    since: LazyInstant,
    /// Requests without a complete response.
    in_flight: Cell<u32>,
    is_write_blocked: Cell<bool>,
    write_blocked_since: LazyInstant,
    /// Responses with bytes that the client has not consumed yet.
    pending_responses: Cell<u32>,
    /// Last change of `pending_responses`.
    pending_since: LazyInstant,
    /// Time for the client to accept any of the bytes that are ready for it (nginx `send_timeout`).
    write_timeout: Cell<Duration>,
}

/// Header read timeout and keep-alive timeout of a client.
#[derive(Debug, Clone, Copy)]
pub struct DownstreamTimeouts {
    /// From the first byte of a request head to its last (nginx `client_header_timeout`); also for the first byte
    /// of a connection.
    pub head: Duration,
    /// Between two requests (nginx `keepalive_timeout`).
    pub keep_alive: Duration,
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    /// The first byte of another request.
    Idle,
    /// The rest of a request head, or the first byte of the connection.
    Head,
    /// The response of a request.
    Busy,
    /// HTTP/2: other frames than those of requests arrive at any time, so heads have no timeout of their own.
    IdleHttp2,
}

/// A start time that is read from the clock on demand; `None` until then.
#[derive(Default)]
struct LazyInstant(Cell<Option<Instant>>);

impl ConnectionActivity {
    /// Creates the record of a new HTTP/1 connection. The timeout of the first request head starts now.
    pub fn http1() -> ConnectionActivity {
        ConnectionActivity {
            phase: Cell::new(ConnectionPhase::Head),
            since: LazyInstant(Cell::new(Some(Instant::now()))),
            in_flight: Cell::new(0),
            is_write_blocked: Cell::new(false),
            write_blocked_since: LazyInstant::default(),
            pending_responses: Cell::new(0),
            pending_since: LazyInstant::default(),
            write_timeout: Cell::new(DEFAULT_WRITE_TIMEOUT),
        }
    }

    /// Selects the timeout rules of HTTP/2.
    pub fn set_http2(&self) {
        self.enter(ConnectionPhase::IdleHttp2);
    }

    /// Records a complete request head.
    pub fn request_started(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
        match self.phase.get() {
            ConnectionPhase::IdleHttp2 | ConnectionPhase::Busy => {}
            ConnectionPhase::Idle | ConnectionPhase::Head => self.phase.set(ConnectionPhase::Busy),
        }
    }

    /// Records a response that is complete or aborted.
    pub fn response_finished(&self) {
        let in_flight = self.in_flight.get().saturating_sub(1);
        self.in_flight.set(in_flight);
        match self.phase.get() {
            ConnectionPhase::IdleHttp2 if in_flight == 0 => self.since.begin(),
            ConnectionPhase::Busy if in_flight == 0 => self.enter(ConnectionPhase::Idle),
            _ => {}
        }
    }

    /// Returns whether a response is in progress.
    pub(super) fn has_active_request(&self) -> bool {
        self.in_flight.get() > 0
    }

    /// Sets the client write timeout of the current request.
    pub fn set_write_timeout(&self, timeout: Duration) {
        self.write_timeout.set(timeout);
    }

    /// Records response bytes that the client has to read.
    pub fn response_pending(&self) {
        self.pending_responses.set(self.pending_responses.get() + 1);
        self.pending_since.begin();
    }

    /// Records that the client has read the pending bytes, or that the response is complete.
    pub fn response_consumed(&self) {
        self.pending_responses.set(self.pending_responses.get().saturating_sub(1));
        self.pending_since.begin();
    }

    /// Returns when the client write timeout expires; `None` if no bytes wait for the client. HTTP/1 shows a client
    /// that does not read by a blocked socket. An HTTP/2 client can keep reading the socket and withhold the window
    /// of its streams, so pending responses count as well.
    pub fn write_deadline(&self) -> Option<Instant> {
        self.resolve_instants();
        let blocked = self.is_write_blocked.get().then(|| self.write_blocked_since.get());
        let pending = (self.pending_responses.get() > 0).then(|| self.pending_since.get());
        let since = [blocked, pending].into_iter().flatten().flatten().min()?;
        Some(since + self.write_timeout.get())
    }

    /// Returns when the client times out; `None` while the proxy does not wait for it.
    pub fn deadline(&self, timeouts: &DownstreamTimeouts) -> Option<Instant> {
        self.resolve_instants();
        let idle = self.since.get().and_then(|since| match self.phase.get() {
            ConnectionPhase::Head => Some(since + timeouts.head),
            ConnectionPhase::Idle => Some(since + timeouts.keep_alive),
            ConnectionPhase::IdleHttp2 if self.in_flight.get() == 0 => Some(since + timeouts.keep_alive),
            ConnectionPhase::IdleHttp2 | ConnectionPhase::Busy => None,
        });
        idle.into_iter().chain(self.write_deadline()).min()
    }

    /// Reads the clock once for all events since the last poll that are still in progress.
    fn resolve_instants(&self) {
        let is_idle = self.phase.get() != ConnectionPhase::Busy && self.in_flight.get() == 0;
        let phase = is_idle.then_some(&self.since);
        let blocked = self.is_write_blocked.get().then_some(&self.write_blocked_since);
        let pending = (self.pending_responses.get() > 0).then_some(&self.pending_since);
        let mut untimed = [phase, blocked, pending].into_iter().flatten().filter(|it| it.get().is_none());
        let Some(first) = untimed.next() else { return };
        let now = Instant::now();
        first.0.set(Some(now));
        untimed.for_each(|other| other.0.set(Some(now)));
    }

    fn enter(&self, phase: ConnectionPhase) {
        self.phase.set(phase);
        self.since.begin();
    }

    /// Records input; the first byte after an idle phase starts the header timeout.
    pub(super) fn bytes_arrived(&self) {
        if self.phase.get() == ConnectionPhase::Idle {
            self.enter(ConnectionPhase::Head);
        }
    }

    /// Records whether the socket accepted a write.
    pub(super) fn write_attempted(&self, is_blocked: bool) {
        if is_blocked && !self.is_write_blocked.get() {
            self.write_blocked_since.begin();
        }
        self.is_write_blocked.set(is_blocked);
    }
}

impl LazyInstant {
    fn begin(&self) {
        self.0.set(None);
    }

    fn get(&self) -> Option<Instant> {
        self.0.get()
    }
}

/// Used until a route sets another one; the default of nginx `send_timeout`.
const DEFAULT_WRITE_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: DownstreamTimeouts =
        DownstreamTimeouts { head: Duration::from_secs(30), keep_alive: Duration::from_secs(65) };

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_deadline() {
        let start = Instant::now();
        let left = |activity: &ConnectionActivity| activity.deadline(&TIMEOUTS).map(|at| (at - start).as_secs());
        let activity = ConnectionActivity::http1();
        assert_eq!(left(&activity), Some(30));
        activity.request_started();
        assert_eq!(left(&activity), None);
        activity.write_attempted(true);
        assert_eq!(left(&activity), Some(60));
        activity.write_attempted(false);
        activity.response_finished();
        assert_eq!(left(&activity), Some(65));
        tokio::time::advance(Duration::from_secs(60)).await;
        activity.bytes_arrived();
        assert_eq!(left(&activity), Some(90));
    }

    #[tokio::test(start_paused = true)]
    async fn http2_frames_do_not_start_the_header_timeout() {
        let activity = ConnectionActivity::http1();
        activity.set_http2();
        activity.bytes_arrived();
        assert_eq!(activity.deadline(&TIMEOUTS), Some(Instant::now() + TIMEOUTS.keep_alive));
        activity.request_started();
        assert_eq!(activity.deadline(&TIMEOUTS), None);
    }
}
