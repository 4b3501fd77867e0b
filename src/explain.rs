//! From model to text: shows what a configuration means.
//!
//! All formats show one outline of the model: the hosts as the TOML language says them, with nothing
//! left to defaults.

mod fold;
mod json;
mod notation;
mod outline;
mod settings;
mod table;
mod toml;

use crate::model::Model;
use outline::Outline;

/// How to show a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people, 80 columns wide.
    Table,
    /// A configuration file that compiles to an equal model.
    Toml,
    /// The same keys and values for programs.
    Json,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Table, Format::Toml, Format::Json];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Toml => "toml",
            Format::Json => "json",
        }
    }
}

/// Shows a model.
pub fn render(model: &Model, format: Format) -> String {
    let outline = Outline::of(model);
    match format {
        Format::Table => table::render(&outline),
        Format::Toml => toml::render(&settings::of(&outline)),
        Format::Json => json::render(&settings::of(&outline)),
    }
}
