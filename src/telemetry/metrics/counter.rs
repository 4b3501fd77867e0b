//! Single-writer counter.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counter written by one thread and read by any.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`. Only the owning thread may call this: load and store are separate, so concurrent additions
    /// would be lost.
    pub(super) fn add(&self, amount: u64) {
        self.0.store(self.read().wrapping_add(amount), Ordering::Relaxed);
    }

    /// Subtracts one. Only the owning thread may call this, as with [`Counter::add`].
    pub(super) fn decrement(&self) {
        self.0.store(self.read().saturating_sub(1), Ordering::Relaxed);
    }

    /// Returns the current value, from any thread.
    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
