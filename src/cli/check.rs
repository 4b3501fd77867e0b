//! `gatepost check`: reports every error and warning without serving.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use super::args::ConfigArgs;
use super::config_source::{ConfigFile, load_toml, print_report};
use super::output::{CommandFailed, print, print_problems};
use crate::config::gitlab_rb;
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::server;
use crate::server::problem::StartupProblem;

pub(super) fn check(source: &ConfigArgs) -> Result<(), CommandFailed> {
    let (said, model) = match source.choose()? {
        ConfigFile::Toml(path) => (Ok(()), Some(load_toml(&path)?)),
        ConfigFile::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &SystemEnvironment);
            (print_report(&reading), reading.model)
        }
    };
    // Files that are not there have been said, with the lines that ask for them.
    let is_new = |problem: &StartupProblem| {
        said.is_ok() || !matches!(problem, StartupProblem::File(it) if !it.file.exists())
    };
    let found = model.iter().flat_map(server::check).filter(is_new);
    let is_warning = |problem: &StartupProblem| {
        matches!(problem, StartupProblem::ExpiresSoon(_) | StartupProblem::AcmePrecondition(_))
    };
    let (soon, problems): (Vec<_>, Vec<_>) = found.partition(is_warning);
    soon.iter().for_each(|problem| eprintln!("warning: {problem}"));
    match (said, &problems[..]) {
        (Ok(()), []) => print("the configuration is fine\n"),
        _ => Err(print_problems(&problems)),
    }
}
