//! Child processes that are terminated when their owner is dropped.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A running program and its descendants: one process group, terminated on drop.
#[derive(Debug)]
pub(crate) struct Child {
    leader: std::process::Child,
    group: Pid,
    output: PathBuf,
}

impl Child {
    /// Starts `command` as the leader of a process group and redirects its output to the file `output`.
    ///
    /// # Errors
    /// The file cannot be created or the program cannot be started.
    pub(crate) fn start(mut command: Command, output: &Path) -> Result<Self> {
        let log = File::create(output).with_context(|| format!("cannot create {}", output.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let leader = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let group = Pid::from_raw(i32::try_from(leader.id()).context("the process id is out of range")?);
        Ok(Self { leader, group, output: output.to_owned() })
    }

    /// Returns the process group id, which equals the leader's process id.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Checks that the program is running.
    ///
    /// # Errors
    /// The program has exited; the message contains the last lines of its output.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.leader.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("exited with {status}; its output:\n{}", self.output_tail()),
        }
    }

    /// Returns the last lines of the program's output.
    pub(crate) fn output_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Waits for the leader to exit. Returns `None` at `deadline`.
    fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.leader.try_wait() {
                return Some(status);
            }
            std::thread::sleep(POLL);
        }
        None
    }
}

impl Drop for Child {
    /// Sends SIGTERM, then SIGKILL after [`STOP_TIMEOUT`] or when the leader has exited, so that no worker process
    /// outlives it.
    fn drop(&mut self) {
        let _ = killpg(self.group, Signal::SIGTERM);
        let exited = self.wait_until(Instant::now() + STOP_TIMEOUT);
        let _ = killpg(self.group, Signal::SIGKILL);
        if exited.is_none() {
            let _ = self.leader.wait();
        }
    }
}

const TAIL_LINES: usize = 12;
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);
