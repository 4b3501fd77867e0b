//! `gatepost check`: reports every error and warning without serving.

#![allow(clippy::print_stderr, reason = "this module prints the errors of commands")]

use super::args::Source;
use super::config_source::{Configuration, load_toml, say_reading};
use super::output::{Failed, print, say_all};
use crate::config::gitlab_rb;
use crate::config::gitlab_rb::environment::Machine;
use crate::server;
use crate::server::problem::Problem;

pub(super) fn check(source: &Source) -> Result<(), Failed> {
    let (said, model) = match source.choose()? {
        Configuration::Toml(path) => (Ok(()), Some(load_toml(&path)?)),
        Configuration::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &Machine);
            (say_reading(&reading), reading.model)
        }
    };
    // Files that are not there have been said, with the lines that ask for them.
    let is_new = |problem: &Problem| said.is_ok() || !matches!(problem, Problem::File(it) if !it.file.exists());
    let found = model.iter().flat_map(server::examine).filter(is_new);
    let is_warning = |problem: &Problem| matches!(problem, Problem::Soon(_) | Problem::Obstacle(_));
    let (soon, problems): (Vec<_>, Vec<_>) = found.partition(is_warning);
    soon.iter().for_each(|problem| eprintln!("warning: {problem}"));
    match (said, &problems[..]) {
        (Ok(()), []) => print("the configuration is fine\n"),
        _ => Err(say_all(&problems)),
    }
}
