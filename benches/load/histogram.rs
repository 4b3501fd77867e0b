//! A histogram of durations with bounded relative error and constant cost.
//!
//! Each power of two has 64 equal steps, so the error of a quantile is at most 1.6 %.

use std::time::Duration;

/// Counts of durations up to about 18 minutes; longer durations are counted as that.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; slot(MAX_NANOS) + 1], total: 0 }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(MAX_NANOS);
        self.counts[slot(nanos.min(MAX_NANOS))] += 1;
        self.total += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, added) in self.counts.iter_mut().zip(&other.counts) {
            *own += added;
        }
        self.total += other.total;
    }

    /// Returns the duration that the share `quantile` (0 to 1) of all durations does not exceed. Returns `None` if
    /// the histogram is empty.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<Duration> {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts
            .iter()
            .position(|&count| {
                seen += count;
                seen >= rank
            })
            .map(|slot| Duration::from_nanos(upper_bound(slot)))
    }
}

/// Returns the slot of durations of `nanos`.
fn slot(nanos: u64) -> usize {
    let exponent = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let step = nanos >> exponent;
    (u64::from(exponent) << STEP_BITS) as usize + step as usize
}

/// Returns the longest duration of `slot` in nanoseconds.
fn upper_bound(slot: usize) -> u64 {
    let exponent = (slot >> STEP_BITS).saturating_sub(1);
    let step = slot - (exponent << STEP_BITS);
    ((step as u64 + 1) << exponent) - 1
}

/// Base-2 logarithm of the number of steps per power of two.
const STEP_BITS: u32 = 6;
const MAX_NANOS: u64 = 1 << 40;
