//! Launcher: pins itself to cores, sets a parent-death signal, executes a program.
//!
//! It replaces `taskset` and `setpriv`. The standard library has no safe hook between `fork` and `exec` in the
//! parent, so the harness starts itself in this role first.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use crate::cores::CoreSet;

/// The first argument that selects this role.
pub(crate) const ROLE: &str = "@launch";

/// Returns a command that runs `program` on `cores`. The caller appends the arguments of the program.
///
/// # Errors
/// The path of this executable is unknown.
pub(crate) fn command(program: &std::path::Path, cores: &CoreSet) -> Result<Command> {
    let this = std::env::current_exe().context("cannot find the executable of the harness")?;
    let mut command = Command::new(this);
    command.arg(ROLE).arg(std::process::id().to_string()).arg(cores.to_string()).arg(program);
    Ok(command)
}

/// Executes a program in this process. `arguments`: parent process id, cores, program, arguments of the program.
///
/// # Errors
/// Returns only if the program cannot be executed.
pub(crate) fn exec(arguments: &[String]) -> Result<()> {
    let [parent, cores, program, rest @ ..] = arguments else {
        bail!("{ROLE} is an internal role of the harness and takes a parent, cores and a program");
    };
    let parent: i32 = parent.parse().context("the process id of the parent is not a number")?;
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // The parent may have exited before `set_pdeathsig` took effect.
    if getppid() != Pid::from_raw(parent) {
        bail!("the harness exited before {program} was started");
    }
    cores.parse::<CoreSet>()?.pin_this_thread()?;
    Err(Command::new(program).args(rest).exec()).with_context(|| format!("cannot start {program}"))
}
