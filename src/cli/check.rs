//! `gatepost check`: reports every error and warning without serving.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use super::args::ConfigArgs;
use super::config_source::{ConfigFile, load_toml, print_report};
use super::output::{CommandFailed, print, print_problems};
use crate::config::gitlab_rb;
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::server;
use crate::server::problem::StartupProblem;

pub(super) fn command(source: &ConfigArgs) -> Result<(), CommandFailed> {
    let (diagnostics, model) = match source.choose()? {
        ConfigFile::Toml(path) => (Ok(()), Some(load_toml(&path)?)),
        ConfigFile::GitlabRb(path) => {
            let config = gitlab_rb::load(&path, &SystemEnvironment);
            (print_report(&config), config.model)
        }
    };
    // `print_report` has reported missing files already, with the lines that name them.
    let is_new = |problem: &StartupProblem| {
        diagnostics.is_ok() || !matches!(problem, StartupProblem::File(it) if !it.file.exists())
    };
    let problems = model.iter().flat_map(server::check).filter(is_new);
    let is_warning = |problem: &StartupProblem| {
        matches!(problem, StartupProblem::ExpiresSoon(_) | StartupProblem::AcmePrecondition(_))
    };
    let (warnings, errors): (Vec<_>, Vec<_>) = problems.partition(is_warning);
    warnings.iter().for_each(|problem| eprintln!("warning: {problem}"));
    match (diagnostics, &errors[..]) {
        (Ok(()), []) => print("the configuration is valid\n"),
        _ => Err(print_problems(&errors)),
    }
}
