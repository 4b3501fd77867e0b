//! Prints the results of one scenario as a table.

use crate::results::{Results, Row, Summary};

/// Prints the table and the notes below it.
pub(crate) fn print(results: &Results) {
    let scenario = &results.scenario;
    println!("\n{}: {}", scenario.name, scenario.about);
    let reference = results.rows.first().map_or("", |row| &row.label);
    print_cells(&[
        "".to_owned(),
        format!("{}/s", scenario.figure.unit().singular()),
        "p50 ms".to_owned(),
        "p99 ms".to_owned(),
        "p99.9 ms".to_owned(),
        "errors".to_owned(),
        "PSS MiB".to_owned(),
        "busy %".to_owned(),
        scenario.figure.label(),
        "min–max".to_owned(),
        format!("× {reference}"),
    ]);
    for row in &results.rows {
        if let Some(summary) = row.summary() {
            print_cells(&cells(row, &summary, results.ratio(row)));
        } else if row.is_not_applicable() {
            print_cells(&std::array::from_fn(|column| if column == 0 { &row.label } else { "n/a" }.to_owned()));
        }
    }
    for note in results.notes() {
        println!("  note: {note}");
    }
}

fn cells(row: &Row, summary: &Summary, ratio: Option<f64>) -> [String; 11] {
    let latency = summary.latency;
    [
        row.label.clone(),
        if_any(summary.rate, |rate| format!("{rate:.0}")),
        if_any(latency.p50, digits),
        if_any(latency.p99, digits),
        if_any(latency.p999, digits),
        summary.errors.to_string(),
        format!("{:.1}", summary.memory / MEBIBYTE),
        format!("{:.0}", summary.shares.proxy * 100.0),
        digits(summary.figure),
        format!("{}–{}", digits(summary.min), digits(summary.max)),
        ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
    ]
}

fn print_cells(cells: &[String; 11]) {
    let [label, numbers @ ..] = cells;
    let numbers: Vec<String> =
        numbers.iter().zip(WIDTHS).map(|(number, width)| format!("{number:>width$}")).collect();
    println!("  {label:<15}{}", numbers.concat());
}

/// Returns a dash for 0, which means that the value was not measured.
fn if_any(value: f64, show: fn(f64) -> String) -> String {
    if value > 0.0 { show(value) } else { "–".to_owned() }
}

/// Formats a value with at least three significant digits.
pub(crate) fn digits(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

const WIDTHS: [usize; 10] = [13, 9, 9, 10, 8, 9, 8, 18, 16, 15];
const MEBIBYTE: f64 = 1024.0 * 1024.0;
