//! What the client of a connection is doing, so that one timer can keep all of its deadlines.
//!
//! What happens is only noted. It gets its time when a deadline is asked for, which is when the connection has
//! been polled; so a poll in which much happens reads the clock once, or not at all.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// What the client of one connection is doing, and since when.
pub struct ConnectionActivity {
    phase: Cell<ConnectionPhase>,
    since: LazyInstant,
    exchanges: Cell<u32>,
    is_write_stuck: Cell<bool>,
    write_stuck_since: LazyInstant,
    /// Answers whose last bytes nobody has asked more after, and since when there was no change.
    untaken: Cell<u32>,
    untaken_since: LazyInstant,
    /// Without taking any of the bytes that are ready for it, a client may last this long.
    write_limit: Cell<Duration>,
}

/// How long a client may take for what.
#[derive(Debug, Clone, Copy)]
pub struct DownstreamTimeouts {
    /// From the first byte of a request's head to its last; also for a connection's first byte.
    pub head: Duration,
    /// Between requests.
    pub keep_alive: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    /// Between two requests.
    Idle,
    /// A request's head is due: it has begun, or it is the first of the connection.
    Head,
    /// Requests are being answered.
    Busy,
    /// HTTP/2: frames that are no request come at any time, so there are no heads to time.
    IdleMultiplexed,
}

/// When something began: just now, until the clock has been read.
#[derive(Default)]
struct LazyInstant(Cell<Option<Instant>>);

impl ConnectionActivity {
    /// A new connection, on which requests come one after the other. The first is due at once.
    pub fn http1() -> ConnectionActivity {
        ConnectionActivity {
            phase: Cell::new(ConnectionPhase::Head),
            since: LazyInstant(Cell::new(Some(Instant::now()))),
            exchanges: Cell::new(0),
            is_write_stuck: Cell::new(false),
            write_stuck_since: LazyInstant::default(),
            untaken: Cell::new(0),
            untaken_since: LazyInstant::default(),
            write_limit: Cell::new(DEFAULT_WRITE_LIMIT),
        }
    }

    /// The connection speaks HTTP/2.
    pub fn set_http2(&self) {
        self.enter(ConnectionPhase::IdleMultiplexed);
    }

    /// The head of a request is complete.
    pub fn request_started(&self) {
        self.exchanges.set(self.exchanges.get() + 1);
        match self.phase.get() {
            ConnectionPhase::IdleMultiplexed | ConnectionPhase::Busy => {}
            ConnectionPhase::Idle | ConnectionPhase::Head => self.phase.set(ConnectionPhase::Busy),
        }
    }

    /// An answer is complete, or was given up.
    pub fn response_finished(&self) {
        let open = self.exchanges.get().saturating_sub(1);
        self.exchanges.set(open);
        match self.phase.get() {
            ConnectionPhase::IdleMultiplexed if open == 0 => self.since.begin(),
            ConnectionPhase::Busy if open == 0 => self.enter(ConnectionPhase::Idle),
            _ => {}
        }
    }

    /// Whether a request is being answered.
    pub(super) fn has_active_request(&self) -> bool {
        self.exchanges.get() > 0
    }

    /// The client of the current request may be stuck for so long.
    pub fn limit_write(&self, limit: Duration) {
        self.write_limit.set(limit);
    }

    /// Bytes of an answer are on their way, and it is the client's turn to take them.
    pub fn response_pending(&self) {
        self.untaken.set(self.untaken.get() + 1);
        self.untaken_since.begin();
    }

    /// The client has taken what was offered, or the answer is over.
    pub fn response_consumed(&self) {
        self.untaken.set(self.untaken.get().saturating_sub(1));
        self.untaken_since.begin();
    }

    /// Since it takes nothing of what is ready for it, the client has until then. A blocked socket shows it
    /// in HTTP/1; an HTTP/2 client can let the socket run and give its streams no window.
    pub fn write_deadline(&self) -> Option<Instant> {
        self.resolve_instants();
        let stuck = self.is_write_stuck.get().then(|| self.write_stuck_since.get());
        let untaken = (self.untaken.get() > 0).then(|| self.untaken_since.get());
        let since = [stuck, untaken].into_iter().flatten().flatten().min()?;
        Some(since + self.write_limit.get())
    }

    /// When the client has been too slow; `None` while nothing is asked of it.
    pub fn deadline(&self, limits: &DownstreamTimeouts) -> Option<Instant> {
        self.resolve_instants();
        let idle = self.since.get().and_then(|since| match self.phase.get() {
            ConnectionPhase::Head => Some(since + limits.head),
            ConnectionPhase::Idle => Some(since + limits.keep_alive),
            ConnectionPhase::IdleMultiplexed if self.exchanges.get() == 0 => Some(since + limits.keep_alive),
            ConnectionPhase::IdleMultiplexed | ConnectionPhase::Busy => None,
        });
        idle.into_iter().chain(self.write_deadline()).min()
    }

    /// Gives what began since the last time, and is still going on, its time.
    fn resolve_instants(&self) {
        let is_waited_for = self.phase.get() != ConnectionPhase::Busy && self.exchanges.get() == 0;
        let of_phase = is_waited_for.then_some(&self.since);
        let stuck = self.is_write_stuck.get().then_some(&self.write_stuck_since);
        let untaken = (self.untaken.get() > 0).then_some(&self.untaken_since);
        let mut untimed = [of_phase, stuck, untaken].into_iter().flatten().filter(|it| it.get().is_none());
        let Some(first) = untimed.next() else { return };
        let now = Instant::now();
        first.0.set(Some(now));
        untimed.for_each(|other| other.0.set(Some(now)));
    }

    fn enter(&self, phase: ConnectionPhase) {
        self.phase.set(phase);
        self.since.begin();
    }

    pub(super) fn bytes_arrived(&self) {
        if self.phase.get() == ConnectionPhase::Idle {
            self.enter(ConnectionPhase::Head);
        }
    }

    pub(super) fn write_attempted(&self, is_stuck: bool) {
        if is_stuck && !self.is_write_stuck.get() {
            self.write_stuck_since.begin();
        }
        self.is_write_stuck.set(is_stuck);
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

/// Until a route says otherwise; what nginx has as `send_timeout`.
const DEFAULT_WRITE_LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DownstreamTimeouts =
        DownstreamTimeouts { head: Duration::from_secs(30), keep_alive: Duration::from_secs(65) };

    #[tokio::test(start_paused = true)]
    async fn idle_head_and_busy_have_their_own_deadlines() {
        let start = Instant::now();
        let left = |activity: &ConnectionActivity| activity.deadline(&LIMITS).map(|at| (at - start).as_secs());
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
    async fn http2_frames_do_not_count_as_heads() {
        let activity = ConnectionActivity::http1();
        activity.set_http2();
        activity.bytes_arrived();
        assert_eq!(activity.deadline(&LIMITS), Some(Instant::now() + LIMITS.keep_alive));
        activity.request_started();
        assert_eq!(activity.deadline(&LIMITS), None);
    }
}
