//! `gatepost explain`: prints the effective configuration as a table, TOML or JSON.
//!
//! All formats render one outline of the model: hosts with the keys of the TOML configuration, with all defaults
//! filled in.

mod acme;
mod compression;
mod json;
mod key_values;
mod local_responses;
mod notation;
mod outline;
mod redirect_folding;
mod settings_report;
mod table;
mod text_page;
mod toml;
mod value;

pub use settings_report::{GitlabRbReport, JsonDiagnostic};

use std::io;

use super::args::{self, ConfigArgs};
use super::config_source::{ConfigFile, load_toml};
use super::output::{CommandFailed, has_colors, print, print_diagnostics};
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{self, GitlabRbConfig};
use crate::model::Model;
use outline::ModelOutline;
use text_page::OutputStyle;

/// Output format of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// A table for people, 80 columns wide.
    Table,
    /// The table with colors, for terminals.
    ColoredTable,
    /// A configuration file that compiles to an equal model.
    Toml,
    /// The keys and values of the TOML format, for programs.
    Json,
}

impl OutputFormat {
    /// The formats that can be selected on the command line.
    pub const ALL: [OutputFormat; 3] = [OutputFormat::Table, OutputFormat::Toml, OutputFormat::Json];

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Table | OutputFormat::ColoredTable => "table",
            OutputFormat::Toml => "toml",
            OutputFormat::Json => "json",
        }
    }
}

pub(super) fn command(source: &ConfigArgs, format: args::FormatArg) -> Result<(), CommandFailed> {
    let format = output_format(format);
    match source.choose()? {
        ConfigFile::Toml(path) => print(&render(&load_toml(&path)?, format)),
        ConfigFile::GitlabRb(path) => explain_gitlab_rb(&gitlab_rb::load(&path, &SystemEnvironment), format),
    }
}

/// Prints the report even if the file has errors, because each setting still has its verdict.
fn explain_gitlab_rb(config: &GitlabRbConfig, format: OutputFormat) -> Result<(), CommandFailed> {
    let diagnostics = config.problems.iter().map(json_diagnostic).collect();
    let report = GitlabRbReport { model: config.model.as_ref(), reports: &config.reports, diagnostics };
    if let Some(text) = render_report(&report, format) {
        print(&text)?;
    }
    print_diagnostics(&config.problems);
    config.model.as_ref().map(|_| ()).ok_or(CommandFailed)
}

fn json_diagnostic(problem: &Diagnostic) -> JsonDiagnostic<'_> {
    JsonDiagnostic {
        severity: problem.severity.as_str(),
        message: &problem.message,
        file: problem.span.file_name(),
        position: problem.span.excerpt().map(|excerpt| (excerpt.line, excerpt.column)),
        help: &problem.help,
    }
}

fn output_format(format: args::FormatArg) -> OutputFormat {
    match format {
        args::FormatArg::Table if has_colors(&io::stdout()) => OutputFormat::ColoredTable,
        args::FormatArg::Table => OutputFormat::Table,
        args::FormatArg::Toml => OutputFormat::Toml,
        args::FormatArg::Json => OutputFormat::Json,
    }
}

/// Renders a model.
pub fn render(model: &Model, format: OutputFormat) -> String {
    let outline = ModelOutline::from_model(model);
    match format {
        OutputFormat::Table => table::page(&outline, OutputStyle::Plain).into_text(),
        OutputFormat::ColoredTable => table::page(&outline, OutputStyle::Colored).into_text(),
        OutputFormat::Toml => toml::render(&key_values::from_outline(&outline)),
        OutputFormat::Json => json::render(&key_values::from_outline(&outline)),
    }
}

/// Renders the report of a `gitlab.rb`. The TOML format has the model only; `None` if the file has errors.
pub fn render_report(report: &GitlabRbReport<'_>, format: OutputFormat) -> Option<String> {
    match format {
        OutputFormat::Table => Some(settings_report::table(report, OutputStyle::Plain)),
        OutputFormat::ColoredTable => Some(settings_report::table(report, OutputStyle::Colored)),
        OutputFormat::Json => Some(settings_report::json(report)),
        OutputFormat::Toml => report.model.map(|model| render(model, OutputFormat::Toml)),
    }
}
