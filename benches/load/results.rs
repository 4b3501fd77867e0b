//! Results of one scenario: medians over its rounds, and notes on their validity.

use std::fmt;

use crate::cpu_time::Shares;
use crate::proxies::ProxyUnderTest;
use crate::sample::{Latency, Sample};
use crate::scenario::Scenario;

/// All samples of one scenario.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) scenario: Scenario,
    /// In command-line order. All rows are compared with the first one.
    pub(crate) rows: Vec<Row>,
    notes: Vec<String>,
}

/// All samples of one proxy.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) label: String,
    /// One per round.
    pub(crate) samples: Vec<Sample>,
    exclusion: Option<Exclusion>,
}

/// Why a proxy is excluded from further rounds of a scenario.
#[derive(Debug)]
pub(crate) enum Exclusion {
    /// A trial failed.
    Failed(String),
    /// The proxy does not support the scenario.
    NotApplicable(String),
}

/// Medians over the rounds of one proxy, and the minimum and maximum of the figure.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) figure: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) rate: f64,
    pub(crate) latency: Latency,
    /// Sum over all rounds.
    pub(crate) errors: u64,
    /// In bytes.
    pub(crate) memory: f64,
    pub(crate) shares: Shares,
}

impl Results {
    pub(crate) fn of(scenario: Scenario, proxies: &[ProxyUnderTest]) -> Self {
        let row = |proxy: &ProxyUnderTest| Row { label: proxy.label.clone(), samples: Vec::new(), exclusion: None };
        Self { scenario, rows: proxies.iter().map(row).collect(), notes: Vec::new() }
    }

    pub(crate) fn add_note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn add(&mut self, row: usize, sample: Sample) {
        self.rows[row].samples.push(sample);
    }

    /// Excludes a proxy after a failed trial.
    pub(crate) fn fail(&mut self, row: usize, error: &anyhow::Error) {
        self.rows[row].exclusion = Some(Exclusion::Failed(format!("{error:#}")));
    }

    /// Excludes a proxy that does not support the scenario; this is not a failure.
    pub(crate) fn exclude(&mut self, row: usize, reason: &anyhow::Error) {
        self.rows[row].exclusion = Some(Exclusion::NotApplicable(format!("{reason:#}")));
    }

    pub(crate) fn is_included(&self, row: usize) -> bool {
        self.rows[row].exclusion.is_none()
    }

    pub(crate) fn failed_trials(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.exclusion, Some(Exclusion::Failed(_)))).count()
    }

    /// Returns the figure of `row` divided by that of the first row in the same round, as the median over the
    /// rounds. Returns `None` if one of them has no samples.
    pub(crate) fn ratio(&self, row: &Row) -> Option<f64> {
        let reference = self.rows.first()?;
        let ratios =
            row.samples.iter().zip(&reference.samples).map(|(sample, reference)| sample.figure / reference.figure);
        let ratios = sorted(ratios);
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// Returns notes on deviations, failures and doubtful figures.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        for row in &self.rows {
            notes.extend(row.exclusion.iter().map(|exclusion| format!("{}{exclusion}", row.label)));
            let first_failure = row.samples.iter().find_map(|sample| sample.first_failure.as_ref());
            notes.extend(first_failure.map(|failure| format!("{}: first error: {failure}", row.label)));
        }
        notes.extend(self.unsaturated());
        notes.extend(self.disturbed());
        notes
    }

    /// Returns a note if a proxy's cores were not busy: its throughput is limited by the load.
    fn unsaturated(&self) -> Option<String> {
        if !self.scenario.load.is_closed_loop() {
            return None;
        }
        let unsaturated: Vec<String> = self
            .rows
            .iter()
            .filter_map(|row| Some((&row.label, row.summary()?.shares)))
            .filter(|(_, shares)| shares.proxy < SATURATED)
            .map(|(label, Shares { proxy, generator, upstream, .. })| {
                let [proxy, generator, upstream] = [proxy, generator, upstream].map(percent);
                format!("{label} {proxy} (generator {generator}, upstream {upstream})")
            })
            .collect();
        (!unsaturated.is_empty()).then(|| {
            format!(
                "cores not busy: {}: the load limits the throughput; the CPU figures are valid",
                unsaturated.join(", ")
            )
        })
    }

    fn disturbed(&self) -> Option<String> {
        let shares = self.rows.iter().filter_map(|row| Some(row.summary()?.shares.other_programs));
        let max = shares.fold(0.0, f64::max);
        (max > DISTURBED).then(|| {
            format!("disturbed: other programs used up to {} of a core; repeat on an idle machine", percent(max))
        })
    }
}

impl fmt::Display for Exclusion {
    /// Formats the text after the name of the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => write!(f, " failed: {reason}"),
            Self::NotApplicable(reason) => write!(f, ": n/a: {reason}"),
        }
    }
}

impl Row {
    /// Returns whether the proxy does not support the scenario.
    pub(crate) fn is_not_applicable(&self) -> bool {
        matches!(self.exclusion, Some(Exclusion::NotApplicable(_)))
    }

    /// Returns `None` before the first sample.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let figures = self.sorted(|sample| sample.figure);
        Some(Summary {
            figure: median(&figures),
            min: *figures.first()?,
            max: *figures.last()?,
            rate: self.median(|sample| sample.rate),
            latency: Latency {
                p50: self.median(|sample| sample.latency.p50),
                p99: self.median(|sample| sample.latency.p99),
                p999: self.median(|sample| sample.latency.p999),
            },
            errors: self.samples.iter().map(|sample| sample.errors).sum(),
            memory: self.median(|sample| sample.memory as f64),
            shares: Shares {
                proxy: self.median(|sample| sample.shares.proxy),
                upstream: self.median(|sample| sample.shares.upstream),
                generator: self.median(|sample| sample.shares.generator),
                other_programs: self.median(|sample| sample.shares.other_programs),
            },
        })
    }

    fn median(&self, value: fn(&Sample) -> f64) -> f64 {
        median(&self.sorted(value))
    }

    fn sorted(&self, value: fn(&Sample) -> f64) -> Vec<f64> {
        sorted(self.samples.iter().map(value))
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Returns the median of sorted values, 0 for none.
fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Below this share of its cores' time, a proxy is limited by the load.
const SATURATED: f64 = 0.9;

/// Above this share, programs outside the trial distort its figures.
const DISTURBED: f64 = 0.05;
