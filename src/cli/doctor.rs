//! `gatepost doctor`: checks the machine the configuration runs on.
//!
//! Each check covers one subject. A finding is a sentence with the problem and its correction. The checks change
//! nothing and do not disturb a serving Gatepost.

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

/// Whether the bundled nginx is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundledNginx {
    Enabled,
    Disabled,
    /// The configuration is not a `gitlab.rb`.
    Unknown,
}

/// A checked subject and its findings. Without findings the subject is fine.
#[derive(Debug)]
pub struct CheckResult {
    pub subject: &'static str,
    pub findings: Vec<Finding>,
}

/// Prints the result of each check. Exits with 0 without problems, 1 with problems, and 2 if the configuration
/// cannot be read.
pub(super) fn command(source: &ConfigArgs) -> ExitCode {
    let Ok((model, nginx)) = load_for_doctor(source) else { return ExitCode::from(2) };
    let mut problems = 0;
    for CheckResult { subject, findings } in run(&model, nginx) {
        let mut text = if findings.is_empty() { format!("fine: {subject}\n") } else { String::new() };
        for Finding { severity, text: finding } in &findings {
            text += &format!("{}: {subject}: {finding}\n", severity.as_str());
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
            let config = gitlab_rb::load(&path, &SystemEnvironment);
            print_diagnostics(&config.problems);
            print_refused(&config)?;
            let nginx = match config.runs_bundled_nginx() {
                true => BundledNginx::Enabled,
                false => BundledNginx::Disabled,
            };
            Ok((config.model.ok_or(CommandFailed)?, nginx))
        }
    }
}

/// Runs all checks. Takes up to 1 s for each address of an unresponsive upstream, and 2 s for name servers.
pub fn run(model: &Model, nginx: BundledNginx) -> Vec<CheckResult> {
    let result = |subject, findings| CheckResult { subject, findings };
    vec![
        result("files of the configuration", server::check(model).into_iter().map(finding).collect()),
        result("certificates and keys", certificates::check(model)),
        result("upstreams", upstreams::check(model)),
        result("listening addresses", listen_addresses::check(model)),
        result("bundled nginx", bundled_nginx(nginx)),
        result("account and logs", accounts::check(model)),
        result("file descriptors", system::check_descriptor_limit()),
        result("host names", system::check_host_names(model)),
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
            "gitlab.rb does not disable the bundled nginx, which uses the same ports; set nginx['enable'] = false \
             in gitlab.rb and run `gitlab-ctl reconfigure`",
        )],
        BundledNginx::Disabled | BundledNginx::Unknown => Vec::new(),
    }
}
