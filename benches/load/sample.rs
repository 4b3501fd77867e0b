//! The figures of one trial.

use crate::cpu_time::Shares;
use crate::histogram::Histogram;

/// The figures of one proxy in one round of one scenario.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The figure of the scenario, in the unit of [`Figure`](crate::scenario::Figure).
    pub(crate) figure: f64,
    /// Operations per second, 0 if the scenario counts none.
    pub(crate) rate: f64,
    pub(crate) latency: Latency,
    pub(crate) errors: u64,
    /// The first failure of a client.
    pub(crate) first_failure: Option<String>,
    /// Peak memory in bytes.
    pub(crate) memory: u64,
    pub(crate) shares: Shares,
}

/// Latency quantiles of an operation in milliseconds, 0 if the scenario times none.
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
