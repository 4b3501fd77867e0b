//! A number that one thread counts and others look at.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and others may read.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Only the thread that owns the counter may call this; two could lose an addition.
    pub(super) fn add(&self, amount: u64) {
        self.0.store(self.read().wrapping_add(amount), Ordering::Relaxed);
    }

    /// See [`Counter::add`].
    pub(super) fn decrement(&self) {
        self.0.store(self.read().saturating_sub(1), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
