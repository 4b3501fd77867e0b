//! What one trial found.

use crate::account::Shares;
use crate::histogram::Histogram;

/// The numbers of one proxy in one round of one scenario.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The scenario's own figure, in its own unit.
    pub(crate) figure: f64,
    /// Operations a second; zero where none were counted.
    pub(crate) rate: f64,
    pub(crate) latency: Latency,
    pub(crate) errors: u64,
    /// What went wrong first.
    pub(crate) first_failure: Option<String>,
    /// The most memory seen, in bytes.
    pub(crate) memory: u64,
    pub(crate) shares: Shares,
}

/// Milliseconds that an operation took; zero where nothing was timed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl Latency {
    pub(crate) fn of(latencies: &Histogram) -> Self {
        let at = |quantile| latencies.quantile(quantile).map_or(0.0, |time| time.as_secs_f64() * 1e3);
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}
