//! From model to text: shows what a configuration means.
//!
//! All formats show one outline of the model: the hosts as the TOML language says them, with nothing
//! left to defaults.

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
use super::output::{CommandFailed, has_colours, print, print_diagnostics};
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{self, GitlabRbConfig};
use crate::model::Model;
use outline::ModelOutline;
use text_page::OutputStyle;

/// How to show a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// For people, 80 columns wide.
    Table,
    /// The table with colours, for a terminal that has them.
    ColouredTable,
    /// A configuration file that compiles to an equal model.
    Toml,
    /// The same keys and values for programs.
    Json,
}

impl OutputFormat {
    /// Those that have a name on the command line.
    pub const ALL: [OutputFormat; 3] = [OutputFormat::Table, OutputFormat::Toml, OutputFormat::Json];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            OutputFormat::Table | OutputFormat::ColouredTable => "table",
            OutputFormat::Toml => "toml",
            OutputFormat::Json => "json",
        }
    }
}

pub(super) fn command(source: &ConfigArgs, format: args::FormatArg) -> Result<(), CommandFailed> {
    let format = chosen(format);
    match source.choose()? {
        ConfigFile::Toml(path) => print(&render(&load_toml(&path)?, format)),
        ConfigFile::GitlabRb(path) => explain_gitlab_rb(&gitlab_rb::load(&path, &SystemEnvironment), format),
    }
}

/// Shows what could be read even if there are errors: then, too, each line has its verdict.
fn explain_gitlab_rb(reading: &GitlabRbConfig, format: OutputFormat) -> Result<(), CommandFailed> {
    let findings = reading.problems.iter().map(finding).collect();
    let account = GitlabRbReport { model: reading.model.as_ref(), reports: &reading.reports, findings };
    if let Some(text) = render_report(&account, format) {
        print(&text)?;
    }
    print_diagnostics(&reading.problems);
    reading.model.as_ref().map(|_| ()).ok_or(CommandFailed)
}

fn finding(problem: &Diagnostic) -> JsonDiagnostic<'_> {
    JsonDiagnostic {
        severity: problem.severity.as_str(),
        message: &problem.message,
        file: problem.span.file_name(),
        at: problem.span.excerpt().map(|at| (at.line, at.column)),
        help: &problem.help,
    }
}

fn chosen(format: args::FormatArg) -> OutputFormat {
    match format {
        args::FormatArg::Table if has_colours(&io::stdout()) => OutputFormat::ColouredTable,
        args::FormatArg::Table => OutputFormat::Table,
        args::FormatArg::Toml => OutputFormat::Toml,
        args::FormatArg::Json => OutputFormat::Json,
    }
}

/// Shows a model.
pub fn render(model: &Model, format: OutputFormat) -> String {
    let outline = ModelOutline::of(model);
    match format {
        OutputFormat::Table => table::page(&outline, OutputStyle::Plain).into_text(),
        OutputFormat::ColouredTable => table::page(&outline, OutputStyle::Coloured).into_text(),
        OutputFormat::Toml => toml::render(&key_values::of(&outline)),
        OutputFormat::Json => json::render(&key_values::of(&outline)),
    }
}

/// Shows what was read from a `gitlab.rb`. As TOML that is the model alone; `None` if there is none.
pub fn render_report(account: &GitlabRbReport<'_>, format: OutputFormat) -> Option<String> {
    match format {
        OutputFormat::Table => Some(settings_report::table(account, OutputStyle::Plain)),
        OutputFormat::ColouredTable => Some(settings_report::table(account, OutputStyle::Coloured)),
        OutputFormat::Json => Some(settings_report::json(account)),
        OutputFormat::Toml => account.model.map(|model| render(model, OutputFormat::Toml)),
    }
}
