//! What a campaign found, for people (a table) and for programs (JSON).

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

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
    samples: Vec<Sample>,
    failure: Option<String>,
}

/// What is told about one proxy: medians over the rounds, and the figure's extremes.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) figure: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    rate: f64,
    latency: Latency,
    errors: u64,
    memory: f64,
    shares: Shares,
}

impl Results {
    pub(crate) fn of(scenario: Scenario, contenders: &[Contender]) -> Self {
        let row =
            |contender: &Contender| Row { label: contender.label.clone(), samples: Vec::new(), failure: None };
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
        self.rows[row].failure = Some(format!("{error:#}"));
    }

    pub(crate) fn may_go_on(&self, row: usize) -> bool {
        self.rows[row].failure.is_none()
    }

    pub(crate) fn failed_trials(&self) -> usize {
        self.rows.iter().filter(|row| row.failure.is_some()).count()
    }

    /// The remarks below the table: what was set up otherwise, what failed, what to doubt.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.notes.clone();
        for row in &self.rows {
            remarks.extend(row.failure.iter().map(|failure| format!("{} failed: {failure}", row.label)));
            let first_failure = row.samples.iter().find_map(|sample| sample.first_failure.as_ref());
            remarks.extend(first_failure.map(|failure| format!("{}: the first error: {failure}", row.label)));
            remarks
                .extend(row.summary().map(|summary| self.doubts(&row.label, summary.shares)).unwrap_or_default());
        }
        remarks
    }

    /// What makes the numbers of one proxy doubtful, if anything does.
    fn doubts(&self, label: &str, shares: Shares) -> Vec<String> {
        let Shares { proxy, application, generator, strangers } = shares;
        let mut doubts = Vec::new();
        if self.scenario.load.is_closed_loop() && proxy < SATURATED {
            doubts.push(format!(
                "{label} was busy only {}: something held it back, so it can do more than this throughput and \
                 latency; the CPU figure stands (generator {}, application {} of their cores)",
                percent(proxy),
                percent(generator),
                percent(application),
            ));
        }
        if strangers > DISTURBED {
            doubts.push(format!("{label} was disturbed: other programs used {} of a core", percent(strangers)));
        }
        doubts
    }
}

impl Row {
    /// `None` before the first sample.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let of = |value: fn(&Sample) -> f64| sorted(self.samples.iter().map(value));
        let figures = of(|sample| sample.figure);
        let latency = Latency {
            p50: median(&of(|sample| sample.latency.p50)),
            p99: median(&of(|sample| sample.latency.p99)),
            p999: median(&of(|sample| sample.latency.p999)),
        };
        Some(Summary {
            figure: median(&figures),
            least: *figures.first()?,
            most: *figures.last()?,
            rate: median(&of(|sample| sample.rate)),
            latency,
            errors: self.samples.iter().map(|sample| sample.errors).sum(),
            memory: median(&of(|sample| sample.memory as f64)),
            shares: Shares {
                proxy: median(&of(|sample| sample.shares.proxy)),
                application: median(&of(|sample| sample.shares.application)),
                generator: median(&of(|sample| sample.shares.generator)),
                strangers: median(&of(|sample| sample.shares.strangers)),
            },
        })
    }
}

/// Prints one scenario's table.
pub(crate) fn print(results: &Results) {
    let Scenario { name, about, figure, .. } = results.scenario;
    println!("\n{name}: {about}");
    let reference = results.rows.first();
    let versus = format!("× {}", reference.map_or("", |row| &row.label));
    println!(
        "  {:<16} {:>10} {:>9} {:>9} {:>9} {:>7} {:>16} {:>17} {:>12} {:>8} {:>6}",
        "",
        format!("{}/s", figure.unit().singular()),
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "errors",
        figure.label(),
        "least–most",
        versus,
        "PSS MiB",
        "busy %"
    );
    let reference = reference.and_then(Row::summary).map(|summary| summary.figure);
    for row in &results.rows {
        if let Some(summary) = row.summary() {
            println!("  {}", line(&row.label, &summary, reference));
        }
    }
    for remark in results.remarks() {
        println!("  note: {remark}");
    }
}

fn line(label: &str, summary: &Summary, reference: Option<f64>) -> String {
    let Summary { figure, least, most, rate, latency, errors, memory, shares } = summary;
    let ratio = reference.map_or("–".to_owned(), |reference| format!("{:.2}", figure / reference));
    let Latency { p50, p99, p999 } = latency;
    format!(
        "{label:<16} {rate:>10.0} {p50:>9.2} {p99:>9.2} {p999:>9.2} {errors:>7} {figure:>16.2} {:>17} {ratio:>12} {:>8.1} {:>6.0}",
        format!("{least:.2}–{most:.2}"),
        memory / MEBIBYTE,
        shares.proxy * 100.0
    )
}

/// Writes every sample of every scenario to `path`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_json(all: &[Results], path: &Path) -> Result<()> {
    let scenarios: Vec<Value> = all.iter().map(Results::to_json).collect();
    let text = serde_json::to_string_pretty(&json!({ "scenarios": scenarios }))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

impl Results {
    fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        json!({
            "name": self.scenario.name,
            "about": self.scenario.about,
            "figure": self.scenario.figure.label(),
            "proxies": rows,
            "notes": self.remarks(),
        })
    }
}

impl Row {
    fn to_json(&self) -> Value {
        let samples: Vec<Value> = self.samples.iter().map(sample_to_json).collect();
        json!({ "label": self.label, "figure": self.summary().map(|summary| summary.figure), "samples": samples })
    }
}

fn sample_to_json(sample: &Sample) -> Value {
    json!({
        "figure": sample.figure,
        "per_second": sample.rate,
        "p50_ms": sample.latency.p50,
        "p99_ms": sample.latency.p99,
        "p999_ms": sample.latency.p999,
        "errors": sample.errors,
        "memory_bytes": sample.memory,
        "busy": {
            "proxy": sample.shares.proxy,
            "application": sample.shares.application,
            "generator": sample.shares.generator,
            "others": sample.shares.strangers,
        },
    })
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

const MEBIBYTE: f64 = 1024.0 * 1024.0;
