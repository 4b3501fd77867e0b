//! A histogram of durations with bounded relative error and constant cost.
//!
//! Each power of two is cut into 64 equal steps, so a quantile is right within 1.6 %.

use std::time::Duration;

/// Counts of durations up to about 18 minutes; longer ones count as that.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; slot(LONGEST) + 1], total: 0 }
    }

    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(LONGEST);
        self.counts[slot(nanos.min(LONGEST))] += 1;
        self.total += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// The duration that the share `quantile` (0 to 1) of all durations does not exceed; `None`
    /// when nothing was recorded.
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

/// The slot that counts durations of `nanos`.
fn slot(nanos: u64) -> usize {
    let exponent = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let step = nanos >> exponent;
    (u64::from(exponent) << STEP_BITS) as usize + step as usize
}

/// The longest duration, in nanoseconds, that falls into `slot`.
fn upper_bound(slot: usize) -> u64 {
    let exponent = (slot >> STEP_BITS).saturating_sub(1);
    let step = slot - (exponent << STEP_BITS);
    ((step as u64 + 1) << exponent) - 1
}

/// Bits that tell the steps within one power of two apart.
const STEP_BITS: u32 = 6;
const LONGEST: u64 = 1 << 40;
