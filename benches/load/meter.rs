//! What the generator's clients count, and when.
//!
//! A run goes through phases. Clients open their connections first, work from then on, and only
//! what they complete in the measuring phase counts. Failures count in every phase: a proxy may not
//! fail while it warms up either.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::histogram::Histogram;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Opening,
    WarmingUp,
    Measuring,
    Finished,
}

/// What all threads of the generator tell the measuring thread while they run.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    ready: AtomicUsize,
    first_failure: Mutex<Option<String>>,
}

/// What one thread has counted.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Exchanges, messages or handshakes completed.
    pub(crate) completions: u64,
    /// Body bytes moved.
    pub(crate) bytes: u64,
    pub(crate) errors: u64,
    pub(crate) latencies: Histogram,
}

/// One thread's counters, shared by the clients that live on it.
#[derive(Debug)]
pub(crate) struct Lane {
    phase: Cell<Phase>,
    tally: RefCell<Tally>,
    progress: Arc<Progress>,
}

/// One client's access to its lane.
#[derive(Debug)]
pub(crate) struct Seat {
    lane: Rc<Lane>,
    stage: Cell<Stage>,
}

/// How far a client has come; a client that never gets to the end is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Ready,
    Productive,
}

impl Progress {
    /// How many clients have been ready once.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// What went wrong first, if anything did.
    pub(crate) fn first_failure(&self) -> Option<String> {
        self.first_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, fault: &dyn Display) {
        let mut first = self.first_failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| fault.to_string());
    }
}

impl Tally {
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

impl Lane {
    pub(crate) fn new(progress: Arc<Progress>) -> Self {
        Self { phase: Cell::new(Phase::Opening), tally: RefCell::new(Tally::new()), progress }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// The counts of the whole run; the lane starts from nothing again.
    pub(crate) fn take(&self) -> Tally {
        self.tally.replace(Tally::new())
    }

    fn measuring(&self) -> bool {
        self.phase.get() == Phase::Measuring
    }
}

impl Seat {
    pub(crate) fn on(lane: &Rc<Lane>) -> Self {
        Self { lane: Rc::clone(lane), stage: Cell::new(Stage::Starting) }
    }

    /// The client stands and can start; repeated calls count once.
    pub(crate) fn ready(&self) {
        if self.stage.get() == Stage::Starting {
            self.stage.set(Stage::Ready);
            self.lane.progress.ready.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something that began at `started` is complete and right.
    pub(crate) fn completed(&self, started: Instant) {
        if self.lane.measuring() {
            self.stage.set(Stage::Productive);
            let mut tally = self.lane.tally.borrow_mut();
            tally.completions += 1;
            tally.latencies.record(started.elapsed());
        }
    }

    /// `bytes` of a body went to their destination.
    pub(crate) fn moved(&self, bytes: usize) {
        if self.lane.measuring() {
            self.stage.set(Stage::Productive);
            self.lane.tally.borrow_mut().bytes += bytes as u64;
        }
    }

    /// Something went wrong.
    pub(crate) fn failed(&self, fault: &dyn Display) {
        self.lane.tally.borrow_mut().errors += 1;
        self.lane.progress.note(fault);
    }

    /// Counts a client as failed if it completed nothing while it was measured: it is stuck.
    pub(crate) fn check_productive(&self) {
        if self.stage.get() != Stage::Productive {
            self.failed(&"a client got no answer in all the measured time");
        }
    }
}
