//! A plot of one scenario as SVG: a bar for each proxy, with the least and the most of its rounds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::results::{Results, Row, Summary};
use crate::table::digits;

/// Writes the plot to `target/load/` and returns its path; `None` when there is nothing to show.
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
    let most = bars.iter().map(|(_, summary)| summary.most).fold(f64::MIN_POSITIVE, f64::max);
    let scale = Scale { per_pixel: most / f64::from(BARS_WIDTH) };
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
        let colour = if index == 0 { REFERENCE_COLOUR } else { OTHER_COLOUR };
        let top = TOP + ROW * index as u32;
        draw_bar(&mut svg, &Bar { label: &row.label, summary, top, colour }, &scale);
    }
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\" fill=\"#666\" font-size=\"11\">Less is better. Bars: median of {} round(s); \
         whiskers: least and most.</text>\n</svg>",
        height - 12,
        bars.iter().map(|(row, _)| row.samples.len()).max().unwrap_or_default(),
    );
    svg
}

/// One proxy's row in the plot.
struct Bar<'a> {
    label: &'a str,
    summary: &'a Summary,
    top: u32,
    colour: &'static str,
}

/// From a figure to a position.
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
    let Bar { label, summary, top, colour } = bar;
    let middle = top + BAR / 2;
    let (least, most) = (scale.x(summary.least), scale.x(summary.most));
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
         <path d=\"M{least:.1} {middle}H{most:.1}M{least:.1} {}v8M{most:.1} {}v8\" stroke=\"#222\"/>\n\
         <text x=\"{:.1}\" y=\"{}\">{}</text>",
        LEFT - 8,
        middle + 5,
        escape(label),
        scale.width(summary.figure),
        middle - 4,
        middle - 4,
        most + 10.0,
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
const REFERENCE_COLOUR: &str = "#2f7dd1";
const OTHER_COLOUR: &str = "#b4bfcb";
