//! Counters of the generator's clients, and the phases of a trial.
//!
//! Clients first open their connections and then work until the trial finishes. Only operations completed in
//! the measuring phase count. Failures count in every phase, because a proxy must not fail during warm-up either.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::histogram::Histogram;

/// The phase of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    WarmingUp,
    Measuring,
    Finished,
}

/// Progress that the generator threads report to the measuring thread during a trial.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    ready: AtomicUsize,
    first_failure: Mutex<Option<String>>,
}

/// The counts of one thread.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// Completed exchanges, messages or handshakes.
    pub(crate) completions: u64,
    /// Transferred body bytes.
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    pub(crate) latencies: Histogram,
}

/// The counters of one thread, shared by its clients.
#[derive(Debug)]
pub(crate) struct ThreadCounters {
    phase: Cell<Phase>,
    counts: RefCell<Counts>,
    progress: Arc<Progress>,
}

/// Records the events of one client in the counters of its thread.
#[derive(Debug)]
pub(crate) struct ClientCounter {
    thread: Rc<ThreadCounters>,
    state: Cell<ClientState>,
}

/// The state of a client. A client that does not become productive is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientState {
    Connecting,
    Ready,
    Productive,
}

impl Progress {
    /// Returns the number of clients that have been ready.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// Returns the first failure of the trial.
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record_failure(&self, error: &dyn Display) {
        let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self { completions: 0, bytes: 0, errors: 0, latencies: Histogram::new() }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.completions += other.completions;
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.latencies.merge(&other.latencies);
    }
}

impl ThreadCounters {
    pub(crate) fn new(progress: Arc<Progress>) -> Self {
        Self { phase: Cell::new(Phase::Connecting), counts: RefCell::new(Counts::new()), progress }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Returns the counts of the trial and resets them.
    pub(crate) fn take(&self) -> Counts {
        self.counts.replace(Counts::new())
    }

    fn measuring(&self) -> bool {
        self.phase.get() == Phase::Measuring
    }
}

impl ClientCounter {
    pub(crate) fn new(thread: &Rc<ThreadCounters>) -> Self {
        Self { thread: Rc::clone(thread), state: Cell::new(ClientState::Connecting) }
    }

    /// Records that the client is connected. Repeated calls count once.
    pub(crate) fn ready(&self) {
        if self.state.get() == ClientState::Connecting {
            self.state.set(ClientState::Ready);
            self.thread.progress.ready.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records a correct operation that began at `started`.
    pub(crate) fn completed(&self, started: Instant) {
        if self.thread.measuring() {
            self.state.set(ClientState::Productive);
            let mut counts = self.thread.counts.borrow_mut();
            counts.completions += 1;
            counts.latencies.record(started.elapsed());
        }
    }

    /// Records `bytes` transferred body bytes.
    pub(crate) fn transferred(&self, bytes: usize) {
        if self.thread.measuring() {
            self.state.set(ClientState::Productive);
            self.thread.counts.borrow_mut().bytes += bytes as u64;
        }
    }

    /// Records a failure.
    pub(crate) fn failed(&self, error: &dyn Display) {
        self.thread.counts.borrow_mut().errors += 1;
        self.thread.progress.record_failure(error);
    }

    /// Records a failure if the client completed nothing in the measuring phase.
    pub(crate) fn check_productive(&self) {
        if self.state.get() != ClientState::Productive {
            self.failed(&"a client completed no operation in the measured time");
        }
    }
}
