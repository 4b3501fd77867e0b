//! From model to text: shows what a configuration means.
//!
//! All formats show one outline of the model: the hosts as the TOML language says them, with nothing
//! left to defaults.

mod account;
mod acme;
mod compression;
mod fold;
mod json;
mod notation;
mod outline;
mod page;
mod pages;
mod settings;
mod table;
mod toml;
mod value;

pub use account::{Account, Finding};

use crate::model::Model;
use outline::Outline;
use page::Ink;

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

/// Shows a model.
pub fn render(model: &Model, format: Format) -> String {
    let outline = Outline::of(model);
    match format {
        Format::Table => table::page(&outline, Ink::Plain).into_text(),
        Format::ColouredTable => table::page(&outline, Ink::Coloured).into_text(),
        Format::Toml => toml::render(&settings::of(&outline)),
        Format::Json => json::render(&settings::of(&outline)),
    }
}

/// Shows what was read from a `gitlab.rb`. As TOML that is the model alone; `None` if there is none.
pub fn render_account(account: &Account<'_>, format: Format) -> Option<String> {
    match format {
        Format::Table => Some(account::table(account, Ink::Plain)),
        Format::ColouredTable => Some(account::table(account, Ink::Coloured)),
        Format::Json => Some(account::json(account)),
        Format::Toml => account.model.map(|model| render(model, Format::Toml)),
    }
}
