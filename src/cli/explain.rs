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

pub use settings_report::{Account, Finding};

use std::io;

use super::args::{self, Source};
use super::config_source::{Configuration, load_toml};
use super::output::{Failed, has_colours, print, say_found};
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::environment::Machine;
use crate::config::gitlab_rb::{self, Reading};
use crate::model::Model;
use outline::Outline;
use text_page::Ink;

/// How to show a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, 80 columns wide.
    Table,
    /// The table with colours, for a terminal that has them.
    ColouredTable,
    /// A configuration file that compiles to an equal model.
    Toml,
    /// The same keys and values for programs.
    Json,
}

impl Format {
    /// Those that have a name on the command line.
    pub const ALL: [Format; 3] = [Format::Table, Format::Toml, Format::Json];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Table | Format::ColouredTable => "table",
            Format::Toml => "toml",
            Format::Json => "json",
        }
    }
}

pub(super) fn command(source: &Source, format: args::Format) -> Result<(), Failed> {
    let format = chosen(format);
    match source.choose()? {
        Configuration::Toml(path) => print(&render(&load_toml(&path)?, format)),
        Configuration::GitlabRb(path) => explain_gitlab_rb(&gitlab_rb::load(&path, &Machine), format),
    }
}

/// Shows what could be read even if there are errors: then, too, each line has its verdict.
fn explain_gitlab_rb(reading: &Reading, format: Format) -> Result<(), Failed> {
    let findings = reading.problems.iter().map(finding).collect();
    let account = Account { model: reading.model.as_ref(), judgements: &reading.judgements, findings };
    if let Some(text) = render_account(&account, format) {
        print(&text)?;
    }
    say_found(&reading.problems);
    reading.model.as_ref().map(|_| ()).ok_or(Failed)
}

fn finding(problem: &Diagnostic) -> Finding<'_> {
    Finding {
        severity: problem.severity.as_str(),
        message: &problem.message,
        file: problem.place.file_name(),
        at: problem.place.excerpt().map(|at| (at.line, at.column)),
        help: &problem.help,
    }
}

fn chosen(format: args::Format) -> Format {
    match format {
        args::Format::Table if has_colours(&io::stdout()) => Format::ColouredTable,
        args::Format::Table => Format::Table,
        args::Format::Toml => Format::Toml,
        args::Format::Json => Format::Json,
    }
}

/// Shows a model.
pub fn render(model: &Model, format: Format) -> String {
    let outline = Outline::of(model);
    match format {
        Format::Table => table::page(&outline, Ink::Plain).into_text(),
        Format::ColouredTable => table::page(&outline, Ink::Coloured).into_text(),
        Format::Toml => toml::render(&key_values::of(&outline)),
        Format::Json => json::render(&key_values::of(&outline)),
    }
}

/// Shows what was read from a `gitlab.rb`. As TOML that is the model alone; `None` if there is none.
pub fn render_account(account: &Account<'_>, format: Format) -> Option<String> {
    match format {
        Format::Table => Some(settings_report::table(account, Ink::Plain)),
        Format::ColouredTable => Some(settings_report::table(account, Ink::Coloured)),
        Format::Json => Some(settings_report::json(account)),
        Format::Toml => account.model.map(|model| render(model, Format::Toml)),
    }
}
