//! SVG plot of one scenario: a bar per proxy, with minimum and maximum.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::results::{Results, Row, Summary};
use crate::table::digits;

/// Writes the plot to `target/load/` and returns its path. Returns `None` if there are no samples.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(results: &Results) -> Result<Option<PathBuf>> {
    let bars: Vec<(&Row, Summary)> = results.rows.iter().filter_map(|row| Some((row, row.summary()?))).collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("load");
    let path = directory.join(format!("{}.svg", results.scenario.name));
    std::fs::create_dir_all(&directory)
        .and_then(|()| std::fs::write(&path, draw(results, &bars)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(path))
}

fn draw(results: &Results, bars: &[(&Row, Summary)]) -> String {
    let max = bars.iter().map(|(_, summary)| summary.max).fold(f64::MIN_POSITIVE, f64::max);
    let scale = Scale { per_pixel: max / f64::from(BARS_WIDTH) };
    let height = TOP + ROW * bars.len() as u32 + BOTTOM;
    let scenario = &results.scenario;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#222\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"600\">{}: {}</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#666\">{}</text>\n",
        escape(scenario.name),
        escape(&scenario.figure.label()),
        escape(scenario.about),
    );
    for (index, (row, summary)) in bars.iter().enumerate() {
        let color = if index == 0 { REFERENCE_COLOR } else { OTHER_COLOR };
        let top = TOP + ROW * index as u32;
        draw_bar(&mut svg, &Bar { label: &row.label, summary, top, color }, &scale);
    }
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\" fill=\"#666\" font-size=\"11\">Less is better. Bars: median of {} round(s); \
         whiskers: minimum and maximum.</text>\n</svg>",
        height - 12,
        bars.iter().map(|(row, _)| row.samples.len()).max().unwrap_or_default(),
    );
    svg
}

/// The bar of one proxy.
struct Bar<'a> {
    label: &'a str,
    summary: &'a Summary,
    top: u32,
    color: &'static str,
}

/// Converts figures to coordinates.
struct Scale {
    per_pixel: f64,
}

impl Scale {
    fn width(&self, figure: f64) -> f64 {
        figure / self.per_pixel
    }

    fn x(&self, figure: f64) -> f64 {
        f64::from(LEFT) + self.width(figure)
    }
}

fn draw_bar(svg: &mut String, bar: &Bar<'_>, scale: &Scale) {
    let Bar { label, summary, top, color } = bar;
    let middle = top + BAR / 2;
    let (min, max) = (scale.x(summary.min), scale.x(summary.max));
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{color}\"/>\n\
         <path d=\"M{min:.1} {middle}H{max:.1}M{min:.1} {}v8M{max:.1} {}v8\" stroke=\"#222\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{}</text>",
        LEFT - 8,
        middle + 5,
        escape(label),
        scale.width(summary.figure),
        middle - 4,
        middle - 4,
        max + 10.0,
        middle + 5,
        digits(summary.figure),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const WIDTH: u32 = 760;
const LEFT: u32 = 150;
const BARS_WIDTH: u32 = 520;
const TOP: u32 = 66;
const ROW: u32 = 34;
const BAR: u32 = 22;
const BOTTOM: u32 = 34;
const REFERENCE_COLOR: &str = "#2f7dd1";
const OTHER_COLOR: &str = "#b4bfcb";
