//! What the rounds of one scenario add up to, and what there is to doubt about it.

use std::fmt;

use crate::account::Shares;
use crate::proxies::Contender;
use crate::sample::{Latency, Sample};
use crate::scenario::Scenario;

/// All samples of one scenario.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) scenario: Scenario,
    /// In the order of the command line; all are compared with the first.
    pub(crate) rows: Vec<Row>,
    notes: Vec<String>,
}

/// All samples of one proxy.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) label: String,
    /// One for each round.
    pub(crate) samples: Vec<Sample>,
    dropout: Option<Dropout>,
}

/// Why a proxy takes no further part in a scenario.
#[derive(Debug)]
pub(crate) enum Dropout {
    /// Its trial could not be completed.
    Failed(String),
    /// It cannot do what the scenario is about.
    NotApplicable(String),
}

/// What is told about one proxy: medians over the rounds, and the figure's extremes.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) figure: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) rate: f64,
    pub(crate) latency: Latency,
    /// Of all rounds together.
    pub(crate) errors: u64,
    /// In bytes.
    pub(crate) memory: f64,
    pub(crate) shares: Shares,
}

impl Results {
    pub(crate) fn of(scenario: Scenario, contenders: &[Contender]) -> Self {
        let row =
            |contender: &Contender| Row { label: contender.label.clone(), samples: Vec::new(), dropout: None };
        Self { scenario, rows: contenders.iter().map(row).collect(), notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn add(&mut self, row: usize, sample: Sample) {
        self.rows[row].samples.push(sample);
    }

    /// The proxy's trial could not be completed; it takes no further part in this scenario.
    pub(crate) fn fail(&mut self, row: usize, error: &anyhow::Error) {
        self.rows[row].dropout = Some(Dropout::Failed(format!("{error:#}")));
    }

    /// The proxy cannot do what the scenario is about, and is no worse for it.
    pub(crate) fn leave_out(&mut self, row: usize, reason: &anyhow::Error) {
        self.rows[row].dropout = Some(Dropout::NotApplicable(format!("{reason:#}")));
    }

    pub(crate) fn may_go_on(&self, row: usize) -> bool {
        self.rows[row].dropout.is_none()
    }

    pub(crate) fn failed_trials(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.dropout, Some(Dropout::Failed(_)))).count()
    }

    /// How often the figure of `row` is that of the first row: the median over the rounds, each of
    /// which saw both proxies under the same conditions. `None` if one of them has no samples.
    pub(crate) fn ratio(&self, row: &Row) -> Option<f64> {
        let reference = self.rows.first()?;
        let ratios = row.samples.iter().zip(&reference.samples).map(|(one, other)| one.figure / other.figure);
        let ratios = sorted(ratios);
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// What was set up otherwise, what failed, what to doubt.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.notes.clone();
        for row in &self.rows {
            remarks.extend(row.dropout.iter().map(|dropout| format!("{}{dropout}", row.label)));
            let first_failure = row.samples.iter().find_map(|sample| sample.first_failure.as_ref());
            remarks.extend(first_failure.map(|failure| format!("{}: the first error: {failure}", row.label)));
        }
        remarks.extend(self.unsaturated());
        remarks.extend(self.disturbed());
        remarks
    }

    /// A proxy whose cores were not busy shows the limits of the load, not its own.
    fn unsaturated(&self) -> Option<String> {
        if !self.scenario.load.is_closed_loop() {
            return None;
        }
        let idlers: Vec<String> = self
            .rows
            .iter()
            .filter_map(|row| Some((&row.label, row.summary()?.shares)))
            .filter(|(_, shares)| shares.proxy < SATURATED)
            .map(|(label, Shares { proxy, generator, application, .. })| {
                let [proxy, generator, application] = [proxy, generator, application].map(percent);
                format!("{label} {proxy} (generator {generator}, application {application})")
            })
            .collect();
        (!idlers.is_empty()).then(|| {
            format!(
                "cores not busy: {}: these could do more than the throughput shown; their CPU figures stand",
                idlers.join(", ")
            )
        })
    }

    fn disturbed(&self) -> Option<String> {
        let shares = self.rows.iter().filter_map(|row| Some(row.summary()?.shares.strangers));
        let most = shares.fold(0.0, f64::max);
        (most > DISTURBED).then(|| {
            format!(
                "disturbed: other programs used up to {} of a core; repeat this on a quiet machine",
                percent(most)
            )
        })
    }
}

impl fmt::Display for Dropout {
    /// What follows the name of the proxy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, " failed: {why}"),
            Self::NotApplicable(why) => write!(f, ": n/a: {why}"),
        }
    }
}

impl Row {
    /// Whether there are no numbers because there can be none.
    pub(crate) fn is_not_applicable(&self) -> bool {
        matches!(self.dropout, Some(Dropout::NotApplicable(_)))
    }

    /// `None` before the first sample.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let figures = self.sorted(|sample| sample.figure);
        Some(Summary {
            figure: median(&figures),
            least: *figures.first()?,
            most: *figures.last()?,
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
                application: self.median(|sample| sample.shares.application),
                generator: self.median(|sample| sample.shares.generator),
                strangers: self.median(|sample| sample.shares.strangers),
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

/// The middle of sorted values, or the mean of the two in the middle; 0 for none.
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

/// Below this share of its cores' time, a proxy could have done more.
const SATURATED: f64 = 0.9;

/// Above this share, programs that have no part in a trial change what it shows.
const DISTURBED: f64 = 0.05;
