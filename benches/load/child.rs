//! Child processes that end with their owner, whatever way it goes.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A running program with everything it started: one process group, ended on drop.
#[derive(Debug)]
pub(crate) struct Child {
    leader: std::process::Child,
    group: Pid,
    output: PathBuf,
}

impl Child {
    /// Starts `command` as the leader of a process group; what it prints goes to the file `output`.
    ///
    /// # Errors
    /// The file cannot be created or the program not started.
    pub(crate) fn start(mut command: Command, output: &Path) -> Result<Self> {
        let log = File::create(output).with_context(|| format!("cannot create {}", output.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let leader = command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))?;
        let group = Pid::from_raw(i32::try_from(leader.id()).context("the process id is out of range")?);
        Ok(Self { leader, group, output: output.to_owned() })
    }

    /// The process group, which bears the leader's id.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Confirms that the program still runs.
    ///
    /// # Errors
    /// It has ended; the message ends with what it printed last.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.leader.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended with {status}, saying:\n{}", self.last_words()),
        }
    }

    /// The end of what the program printed.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n")
    }

    /// Waits for the leader until `deadline`.
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
    /// Asks first, then forces; the group is signalled last so that no worker outlives its master.
    fn drop(&mut self) {
        let _ = killpg(self.group, Signal::SIGTERM);
        let ended = self.wait_until(Instant::now() + PATIENCE);
        let _ = killpg(self.group, Signal::SIGKILL);
        if ended.is_none() {
            let _ = self.leader.wait();
        }
    }
}

const LAST_WORDS: usize = 12;
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(2);
