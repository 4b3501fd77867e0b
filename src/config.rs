//! Configuration loading: reads a file with the right front end and compiles it into a model.
//!
//! A front end ([`from_toml`], [`gitlab_rb`]) reads its language into a [`document::Document`]: the settings as
//! written, without defaults. [`compile`] applies defaults, checks consistency and builds a [`Model`]. Both
//! collect every error with its span, so that one run lists everything that has to be changed in a file.

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

/// A valid configuration and its warnings.
#[derive(Debug)]
pub struct LoadedConfig {
    pub model: Model,
    /// Settings that are accepted but have no effect or are unsafe.
    pub warnings: Diagnostics,
}

/// Reads a TOML file. Relative paths in the file are resolved against its directory.
///
/// # Errors
/// Returns every error in the file together with its warnings, or one error if the file cannot be read.
pub fn load(path: &Path) -> Result<LoadedConfig, Diagnostics> {
    match read_text(path) {
        Ok(text) => read(&SourceFile::new(path, text), &std::path::absolute(path).unwrap_or(path.to_owned())),
        Err(error) => Err(diagnostic::unreadable(path, &error).into()),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let content = files::read(path, files::MAX_CONFIGURATION)?;
    String::from_utf8(content).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Reads a TOML text. `file_name` names the text in diagnostics; relative paths in the text are resolved
/// against its directory.
///
/// ```
/// use std::path::Path;
///
/// let text = "
///     [[host]]
///     name = 'gitlab.example.com'
///     upstream = '127.0.0.1:8181'
/// ";
/// let loaded = gatepost::config::from_toml(Path::new("/etc/gatepost/gatepost.toml"), text)?;
/// assert!(loaded.warnings.is_empty());
/// assert_eq!(loaded.model.listeners.len(), 4, "ports 80 and 443 on IPv4 and IPv6");
///
/// let errors = gatepost::config::from_toml(Path::new("x.toml"), "[process]\nworker = 2").unwrap_err();
/// assert!(errors.to_string().starts_with("error: unknown key `worker`"));
/// # Ok::<(), gatepost::config::Diagnostics>(())
/// ```
///
/// # Errors
/// Returns every error in the text together with its warnings.
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
