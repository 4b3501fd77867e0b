//! Selects the configuration file, loads it, and prints its diagnostics.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use std::path::{Path, PathBuf};

use super::args::ConfigArgs;
use super::output::{CommandFailed, print_diagnostics};
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{self, GitlabRbConfig};
use crate::config::{self, LoadedConfig};
use crate::model::Model;

/// The selected configuration file and its language.
pub(super) enum ConfigFile {
    Toml(PathBuf),
    GitlabRb(PathBuf),
}

/// Loads the selected configuration file. Prints its errors and warnings.
///
/// # Errors
/// If the file has errors. Warnings alone are no failure.
pub(super) fn load(source: &ConfigArgs) -> Result<Model, CommandFailed> {
    match source.choose()? {
        ConfigFile::Toml(path) => load_toml(&path),
        ConfigFile::GitlabRb(path) => {
            let config = gitlab_rb::load(&path, &SystemEnvironment);
            print_report(&config)?;
            config.model.ok_or(CommandFailed)
        }
    }
}

/// Prints all diagnostics of a `gitlab.rb`, with missing certificates and access restrictions that are not
/// supported.
///
/// # Errors
/// If one of them is an error.
pub(super) fn print_report(config: &GitlabRbConfig) -> Result<(), CommandFailed> {
    let mut problems = config.problems.clone();
    problems.extend(config.missing_certificates(&SystemEnvironment));
    print_diagnostics(&problems);
    print_refused(config)?;
    if problems.has_errors() { Err(CommandFailed) } else { Ok(()) }
}

/// Prints an error for each access restriction that is not supported: serving without it would give clients access.
///
/// # Errors
/// If there is one.
pub(super) fn print_refused(config: &GitlabRbConfig) -> Result<(), CommandFailed> {
    let mut result = Ok(());
    for report in config.refused_access_settings() {
        let (file, line) = (report.file.display(), report.line.unwrap_or_default());
        eprintln!("error: {file}:{line}: access restriction `{}` is not supported", report.key);
        eprintln!(
            "  = help: Gatepost does not start without it, because clients would gain access; restrict access \
             elsewhere and remove the setting"
        );
        if report.key.contains(".server.") {
            eprintln!(
                "  = help: GitLab's host responds to the names of this `server` block; reject them in GitLab with \
                 `gitlab_rails['allowed_hosts'] = ['NAME']`, restrict clients with `allow` and `deny` in \
                 `custom_gitlab_server_config`, and remove the block"
            );
        }
        result = Err(CommandFailed);
    }
    result
}

/// Loads a TOML configuration. Prints its errors and warnings.
pub(super) fn load_toml(path: &Path) -> Result<Model, CommandFailed> {
    let LoadedConfig { model, warnings } = config::load(path).map_err(|problems| {
        print_diagnostics(&problems);
        CommandFailed
    })?;
    print_diagnostics(&warnings);
    Ok(model)
}

impl ConfigArgs {
    /// Returns the file of the command line, or the first default file that exists.
    pub(super) fn choose(&self) -> Result<ConfigFile, CommandFailed> {
        match (&self.config, &self.gitlab_rb) {
            (Some(path), _) => Ok(ConfigFile::Toml(path.clone())),
            (None, Some(path)) => Ok(ConfigFile::GitlabRb(path.clone())),
            (None, None) => default_file(),
        }
    }
}

fn default_file() -> Result<ConfigFile, CommandFailed> {
    let [toml, gitlab_rb] = ["/etc/gatepost/gatepost.toml", "/etc/gitlab/gitlab.rb"].map(PathBuf::from);
    if toml.exists() {
        return Ok(ConfigFile::Toml(toml));
    }
    if gitlab_rb.exists() {
        return Ok(ConfigFile::GitlabRb(gitlab_rb));
    }
    eprintln!("error: no configuration file: {} and {} do not exist", toml.display(), gitlab_rb.display());
    eprintln!("  = help: create one (config/gatepost.toml documents every key) or name another with `--config` or");
    eprintln!("          `--gitlab-rb`; `gatepost demo` runs without a configuration file");
    Err(CommandFailed)
}
