//! From text to model: the front door of the configuration.
//!
//! A front end reads its language into a `document`, what was said; `compile` turns that into a model,
//! what is meant. Both collect every problem with its place, so that one look at the answer is enough
//! to repair a file.

pub mod compile;
pub mod diagnostic;
pub mod document;
mod from_toml;
pub mod gitlab_rb;
pub mod schema;
pub mod span;
pub mod suggestion;
pub mod values;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use diagnostic::{Diagnostic, DiagnosticSeverity, Diagnostics};
pub use schema::known_keys;

use crate::model::Model;
use crate::sys::files;
use span::SourceFile;

/// A configuration that can be used.
#[derive(Debug)]
pub struct LoadedConfig {
    pub model: Model,
    /// What is odd in it, but harmless.
    pub warnings: Diagnostics,
}

/// Reads a TOML file. Relative paths in it start at its directory.
///
/// # Errors
/// Everything that is wrong with it, or why it cannot be read.
pub fn load(path: &Path) -> Result<LoadedConfig, Diagnostics> {
    match read_text(path) {
        Ok(text) => read(&SourceFile::new(path, text), &std::path::absolute(path).unwrap_or(path.to_owned())),
        Err(why) => Err(diagnostic::unreadable(path, &why).into()),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let content = files::read(path, files::MAX_CONFIGURATION)?;
    String::from_utf8(content).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Reads TOML that is not in a file. `file_name` is the name in messages, and relative paths start at
/// its directory.
///
/// # Errors
/// Everything that is wrong with it.
pub fn from_toml(file_name: &Path, text: &str) -> Result<LoadedConfig, Diagnostics> {
    read(&SourceFile::new(file_name, text), file_name)
}

fn read(source: &Arc<SourceFile>, path: &Path) -> Result<LoadedConfig, Diagnostics> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut problems = Diagnostics::new();
    let document = from_toml::read(source, directory, &mut problems);
    match document.and_then(|document| compile::compile(&document, &mut problems)) {
        Some(model) => Ok(LoadedConfig { model, warnings: problems }),
        None => Err(problems),
    }
}

#[cfg(test)]
mod tests;
