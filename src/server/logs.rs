//! Opens access logs, each with the rights of the account that can change its path.
//!
//! A log in a directory that only root can change is opened before root is given up, and then belongs to the
//! account, so that the account can reopen it. Any other log is opened after that, with the account's own
//! rights: with root's, the account could have root write to any file through a link.

use std::fs::File;
use std::io;
use std::os::unix::fs::fchown;
use std::path::Path;

use super::problem::StartupProblem;
use crate::model::LogTarget;
use crate::sys::files;
use crate::telemetry::access_log::writer::{LogSink, LogWriter};

/// The access logs of a model, not all of them open yet.
pub(super) struct PendingLogs<'m> {
    logs: Vec<(&'m LogTarget, Option<LogSink>)>,
}

impl<'m> PendingLogs<'m> {
    /// Opens the logs that this process may open with its present rights.
    ///
    /// # Errors
    /// The logs that cannot be opened.
    pub(super) fn open(targets: &'m [LogTarget]) -> Result<PendingLogs<'m>, Vec<StartupProblem>> {
        let mut problems = Vec::new();
        let mut logs = Vec::new();
        for target in targets {
            match open(target) {
                Ok(sink) => logs.push((target, sink)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(PendingLogs { logs }) } else { Err(problems) }
    }

    /// Makes an account the owner of the logs that are open.
    ///
    /// # Errors
    /// The file system or a missing capability forbids it.
    pub(super) fn chown(&self, user: u32, group: u32) -> io::Result<()> {
        self.logs.iter().try_for_each(|(_, sink)| match sink {
            Some(LogSink::File { file, .. }) => fchown(file, Some(user), Some(group)),
            _ => Ok(()),
        })
    }

    /// Opens the remaining logs with the rights that this process has now.
    ///
    /// # Errors
    /// The first log that cannot be opened.
    pub(super) fn finish(self) -> Result<LogWriter, StartupProblem> {
        let finished = self.logs.into_iter().map(|(target, sink)| match sink {
            Some(sink) => Ok(sink),
            None => open(target)?.ok_or_else(|| failed(target, others_control())),
        });
        Ok(LogWriter::new(finished.collect::<Result<_, _>>()?, reopen))
    }
}

/// `None` for a log that another account than root can redirect while this process is root.
fn open(target: &LogTarget) -> Result<Option<LogSink>, StartupProblem> {
    match target {
        LogTarget::Off => Ok(Some(LogSink::Off)),
        LogTarget::Stdout => Ok(Some(LogSink::Stdout)),
        LogTarget::File(path) => {
            let opened = files::append(path).map_err(|error| failed(target, error))?;
            Ok(opened.map(|file| LogSink::File { path: path.clone(), file }))
        }
    }
}

/// Opens a log again after a rotation.
fn reopen(path: &Path) -> io::Result<File> {
    files::append(path)?.ok_or_else(others_control)
}

fn failed(target: &LogTarget, error: io::Error) -> StartupProblem {
    StartupProblem::Log { target: target.clone(), error }
}

fn others_control() -> io::Error {
    let what =
        "another account can change its directory, and this process runs as root; set process.user to that account";
    io::Error::new(io::ErrorKind::PermissionDenied, what)
}
