//! Selects the configuration file, loads it, and prints its diagnostics.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use std::path::{Path, PathBuf};

use super::args::ConfigArgs;
use super::output::{CommandFailed, print_diagnostics};
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{self, GitlabRbConfig};
use crate::config::{self, LoadedConfig};
use crate::model::Model;

/// The file that a command reads.
pub(super) enum ConfigFile {
    Toml(PathBuf),
    GitlabRb(PathBuf),
}

/// The model of a configuration file; what is odd but no error is said on the way.
pub(super) fn load(source: &ConfigArgs) -> Result<Model, CommandFailed> {
    match source.choose()? {
        ConfigFile::Toml(path) => load_toml(&path),
        ConfigFile::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &SystemEnvironment);
            print_report(&reading)?;
            reading.model.ok_or(CommandFailed)
        }
    }
}

/// Says everything that is wrong with a `gitlab.rb`: also certificates that are not there, and what must
/// not be left out.
pub(super) fn print_report(reading: &GitlabRbConfig) -> Result<(), CommandFailed> {
    let mut problems = reading.problems.clone();
    problems.extend(reading.missing_certificates(&SystemEnvironment));
    print_diagnostics(&problems);
    print_refused(reading)?;
    if problems.has_errors() { Err(CommandFailed) } else { Ok(()) }
}

pub(super) fn print_refused(reading: &GitlabRbConfig) -> Result<(), CommandFailed> {
    let mut said = Ok(());
    for judgement in reading.refused_access_settings() {
        let (file, line) = (judgement.file.display(), judgement.line.unwrap_or_default());
        eprintln!("error: {file}:{line}: `{}` keeps clients out, and cannot be obeyed yet", judgement.key);
        eprintln!("  = help: serving without it would let them in; restrict access elsewhere, and remove it here");
        said = Err(CommandFailed);
    }
    said
}

pub(super) fn load_toml(path: &Path) -> Result<Model, CommandFailed> {
    let LoadedConfig { model, warnings } = config::load(path).map_err(|problems| {
        print_diagnostics(&problems);
        CommandFailed
    })?;
    print_diagnostics(&warnings);
    Ok(model)
}

impl ConfigArgs {
    /// The file that is named, or the first of the usual ones.
    pub(super) fn choose(&self) -> Result<ConfigFile, CommandFailed> {
        match (&self.config, &self.gitlab_rb) {
            (Some(path), _) => Ok(ConfigFile::Toml(path.clone())),
            (None, Some(path)) => Ok(ConfigFile::GitlabRb(path.clone())),
            (None, None) => default_configuration(),
        }
    }
}

fn default_configuration() -> Result<ConfigFile, CommandFailed> {
    let [toml, gitlab_rb] = ["/etc/gatepost/gatepost.toml", "/etc/gitlab/gitlab.rb"].map(PathBuf::from);
    if toml.exists() {
        return Ok(ConfigFile::Toml(toml));
    }
    if gitlab_rb.exists() {
        return Ok(ConfigFile::GitlabRb(gitlab_rb));
    }
    eprintln!("error: there is no configuration: neither {} nor {} exists", toml.display(), gitlab_rb.display());
    eprintln!("  = help: write one (config/gatepost.toml explains every key), name another with --config");
    eprintln!("          or --gitlab-rb, or see the proxy at work with `gatepost demo`");
    Err(CommandFailed)
}
