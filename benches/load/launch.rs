//! Becoming another program, pinned to its cores and tied to the life of the harness.
//!
//! A small step of our own between `fork` and the program does what `taskset` and `setpriv` would:
//! the standard library offers no safe place for it in the parent.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

use crate::cores::CoreSet;

/// The first argument that selects this part.
pub(crate) const PART: &str = "@launch";

/// The command that runs `program` on `cores`; add the program's own arguments to it.
///
/// # Errors
/// The path of this executable is unknown.
pub(crate) fn command(program: &std::path::Path, cores: &CoreSet) -> Result<Command> {
    let this = std::env::current_exe().context("cannot find the harness's own executable")?;
    let mut command = Command::new(this);
    command.arg(PART).arg(std::process::id().to_string()).arg(cores.to_string()).arg(program);
    Ok(command)
}

/// Replaces this process by the program in `arguments`: parent's id, cores, program, its arguments.
///
/// # Errors
/// Always, when it returns: the program could not be started.
pub(crate) fn become_program(arguments: &[String]) -> Result<()> {
    let [parent, cores, program, rest @ ..] = arguments else {
        bail!("{PART} is started by the harness itself, with a parent, cores and a program");
    };
    let parent: i32 = parent.parse().context("the parent's process id is not a number")?;
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    // The parent may have ended before the line above took effect.
    if getppid() != Pid::from_raw(parent) {
        bail!("the harness ended before {program} was started");
    }
    cores.parse::<CoreSet>()?.pin_this_thread()?;
    Err(Command::new(program).args(rest).exec()).with_context(|| format!("cannot start {program}"))
}
