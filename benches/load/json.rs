//! Writes all samples of a run as JSON.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::results::{Results, Row};
use crate::sample::Sample;

/// Writes every sample of every scenario to `path`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(all: &[Results], path: &Path) -> Result<()> {
    let scenarios: Vec<Value> = all.iter().map(scenario_json).collect();
    let text = serde_json::to_string_pretty(&json!({ "scenarios": scenarios }))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn scenario_json(results: &Results) -> Value {
    let rows: Vec<Value> = results.rows.iter().map(|row| row_json(row, results.ratio(row))).collect();
    json!({
        "name": results.scenario.name,
        "about": results.scenario.about,
        "figure": results.scenario.figure.label(),
        "proxies": rows,
        "notes": results.notes(),
    })
}

fn row_json(row: &Row, ratio: Option<f64>) -> Value {
    let samples: Vec<Value> = row.samples.iter().map(sample_json).collect();
    let median = row.summary().map(|summary| summary.figure);
    json!({ "label": row.label, "median": median, "ratio_to_first": ratio, "samples": samples })
}

fn sample_json(sample: &Sample) -> Value {
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
            "upstream": sample.shares.upstream,
            "generator": sample.shares.generator,
            "others": sample.shares.other_programs,
        },
    })
}
