//! Process of the binary: started, observed from outside, and always ended.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::TIMEOUT;
use super::eventually::{eventually, holds_within};
use super::output::Output;

/// A running process. Dropping it kills the process.
pub struct Process {
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// Exit code and output of a process.
#[derive(Debug)]
pub struct CommandOutput {
    /// `None` if a signal ended the process.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary to its end; for commands that do not serve.
pub fn run(arguments: &[&str]) -> CommandOutput {
    Process::spawn(arguments).finish(TIMEOUT)
}

impl Process {
    pub fn spawn<A: AsRef<OsStr>>(arguments: &[A]) -> Process {
        Process::spawn_with(arguments, &[])
    }

    /// Starts the binary with additional environment variables.
    pub fn spawn_with<A: AsRef<OsStr>>(arguments: &[A], environment: &[(&str, &Path)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(arguments)
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        Process { child, stdout, stderr }
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        signal::kill(Pid::from_raw(id), signal).unwrap();
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the exit status; fails the test if the process runs longer than `deadline`.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        if !holds_within(deadline, || self.has_ended()) {
            panic!("still running after {deadline:?}; stderr:\n{}", self.stderr());
        }
        self.child.wait().unwrap()
    }

    /// Waits for the end and returns the complete output.
    #[track_caller]
    pub fn finish(mut self, deadline: Duration) -> CommandOutput {
        let code = self.wait_exit(deadline).code();
        CommandOutput { code, stdout: self.stdout.finish(), stderr: self.stderr.finish() }
    }

    /// Waits until standard error satisfies `condition`.
    #[track_caller]
    pub fn wait_stderr(&self, condition: impl Fn(&str) -> bool) {
        eventually(TIMEOUT, || condition(&self.stderr()));
    }

    /// Returns the resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id())).unwrap();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// Returns the number of open descriptors.
    pub fn descriptors(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count() as u64
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
