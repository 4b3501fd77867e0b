//! What is wrong on this machine now: what a configuration alone does not show.
//!
//! Each examination looks at one thing and says in plain sentences what it found and what to do. Nothing is
//! changed, and a Gatepost that serves meanwhile is not disturbed.

mod accounts;
mod addresses;
mod applications;
mod certificates;
mod finding;
mod listening_program;
mod machine;

pub use finding::{Finding, Severity};

use crate::app;
use crate::app::problem::Problem;
use crate::model::Model;

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
pub struct Examination {
    pub subject: &'static str,
    pub findings: Vec<Finding>,
}

/// Looks at everything. Takes a few seconds if applications or names do not answer.
pub fn examine(model: &Model, nginx: BundledNginx) -> Vec<Examination> {
    let of = |subject, findings| Examination { subject, findings };
    vec![
        of("files of the configuration", app::examine(model).into_iter().map(finding).collect()),
        of("certificates and keys", certificates::examine(model)),
        of("applications", applications::examine(model)),
        of("addresses", addresses::examine(model)),
        of("bundled nginx", bundled_nginx(nginx)),
        of("account and logs", accounts::examine(model)),
        of("descriptors", machine::descriptors()),
        of("names of hosts", machine::names(model)),
    ]
}

fn finding(problem: Problem) -> Finding {
    match problem {
        Problem::Soon(_) => Finding::warning(problem),
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
