//! What is wrong on this machine now: what a configuration alone does not show.
//!
//! Each examination looks at one thing and says in plain sentences what it found and what to do. Nothing is
//! changed, and a Gatepost that serves meanwhile is not disturbed.

mod accounts;
mod certificates;
mod finding;
mod listen_addresses;
mod port_owner;
mod system;
mod upstreams;

pub use finding::{Finding, FindingSeverity};

use std::process::ExitCode;

use super::args::ConfigArgs;
use super::config_source::{ConfigFile, load_toml, print_refused};
use super::output::{CommandFailed, print, print_diagnostics};
use crate::config::gitlab_rb;
use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::model::Model;
use crate::server;
use crate::server::problem::StartupProblem;

/// What the package's own nginx is told to do, as far as a `gitlab.rb` was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundledNginx {
    Enabled,
    Disabled,
    /// There is no `gitlab.rb` to tell.
    Unknown,
}

/// One thing that was looked at, and what was found; nothing, if it is fine.
#[derive(Debug)]
pub struct CheckResult {
    pub subject: &'static str,
    pub findings: Vec<Finding>,
}

/// Its exit code tells a configuration that cannot be read from a machine that does not fit.
pub(super) fn command(source: &ConfigArgs) -> ExitCode {
    let Ok((model, nginx)) = load_for_doctor(source) else { return ExitCode::from(2) };
    let mut problems = 0;
    for CheckResult { subject, findings } in run(&model, nginx) {
        let mut text = if findings.is_empty() { format!("fine: {subject}\n") } else { String::new() };
        for Finding { severity, text: what } in &findings {
            text += &format!("{}: {subject}: {what}\n", severity.as_str());
            problems += usize::from(*severity == FindingSeverity::Problem);
        }
        if print(&text).is_err() {
            return ExitCode::FAILURE;
        }
    }
    if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn load_for_doctor(source: &ConfigArgs) -> Result<(Model, BundledNginx), CommandFailed> {
    match source.choose()? {
        ConfigFile::Toml(path) => Ok((load_toml(&path)?, BundledNginx::Unknown)),
        ConfigFile::GitlabRb(path) => {
            let reading = gitlab_rb::load(&path, &SystemEnvironment);
            print_diagnostics(&reading.problems);
            print_refused(&reading)?;
            let nginx = match reading.runs_bundled_nginx() {
                true => BundledNginx::Enabled,
                false => BundledNginx::Disabled,
            };
            Ok((reading.model.ok_or(CommandFailed)?, nginx))
        }
    }
}

/// Looks at everything. Takes a few seconds if applications or names do not answer.
pub fn run(model: &Model, nginx: BundledNginx) -> Vec<CheckResult> {
    let of = |subject, findings| CheckResult { subject, findings };
    vec![
        of("files of the configuration", server::check(model).into_iter().map(finding).collect()),
        of("certificates and keys", certificates::examine(model)),
        of("applications", upstreams::examine(model)),
        of("addresses", listen_addresses::examine(model)),
        of("bundled nginx", bundled_nginx(nginx)),
        of("account and logs", accounts::examine(model)),
        of("descriptors", system::descriptors()),
        of("names of hosts", system::names(model)),
    ]
}

fn finding(problem: StartupProblem) -> Finding {
    match problem {
        StartupProblem::ExpiresSoon(_) => Finding::warning(problem),
        _ => Finding::problem(problem),
    }
}

fn bundled_nginx(nginx: BundledNginx) -> Vec<Finding> {
    match nginx {
        BundledNginx::Enabled => vec![Finding::problem(
            "gitlab.rb does not switch the bundled nginx off, and it wants the same ports; set nginx['enable'] = false \
             in it and run `gitlab-ctl reconfigure`",
        )],
        BundledNginx::Disabled | BundledNginx::Unknown => Vec::new(),
    }
}
