//! Opens access logs, each with the rights of the account that can change its path.
//!
//! A log in a directory that only root can change is opened before root privileges are dropped, and its owner
//! becomes the configured user, so that the user can reopen it. Any other log is opened after that, with the rights
//! of the user. Opened with root privileges, a symbolic link of the user could redirect the writes of root to any
//! file.

use std::fs::File;
use std::io;
use std::os::unix::fs::fchown;
use std::path::Path;

use nix::errno::Errno;

use super::problem::StartupProblem;
use crate::model::{LogTarget, Model};
use crate::sys::account::{FilePermission, UserAccount};
use crate::sys::files::{self, StandardStream};
use crate::telemetry::access_log::writer::{LogSink, LogWriter};

/// The access logs of a model. Some are opened only after root privileges are dropped.
pub(super) struct PendingLogs<'m> {
    logs: Vec<(&'m LogTarget, Option<LogSink>)>,
}

impl<'m> PendingLogs<'m> {
    /// Opens the logs that the process may open with its current rights.
    ///
    /// # Errors
    ///
    /// One problem for each log that cannot be opened.
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

    /// Changes the owner of the open logs that are regular files.
    ///
    /// # Errors
    ///
    /// If the file system or a missing capability (`CAP_CHOWN`) prevents it.
    pub(super) fn chown(&self, user: u32, group: u32) -> io::Result<()> {
        self.logs.iter().try_for_each(|(_, sink)| match sink {
            Some(LogSink::File { file, path }) if is_owned_by_the_program(path, file)? => {
                fchown(file, Some(user), Some(group))
            }
            _ => Ok(()),
        })
    }

    /// Opens the remaining logs with the current rights of the process.
    ///
    /// # Errors
    ///
    /// If a log cannot be opened; the first such log.
    pub(super) fn finish(self) -> Result<LogWriter, StartupProblem> {
        let finished = self.logs.into_iter().map(|(target, sink)| match sink {
            Some(sink) => Ok(sink),
            None => open(target)?.ok_or_else(|| log_problem(target, untrusted_path())),
        });
        Ok(LogWriter::new(finished.collect::<Result<_, _>>()?, reopen))
    }
}

/// Returns a problem for each log that the process, started as root, will not be able to open.
pub(super) fn unopenable(model: &Model) -> impl Iterator<Item = StartupProblem> {
    let account = model.process.user.as_ref().and_then(|name| UserAccount::find(name).ok());
    model.access_logs().iter().filter_map(move |target| match target {
        LogTarget::File(path) if files::is_redirectable(path) => {
            problem_of_account(path, account.as_ref()).map(|error| log_problem(target, error))
        }
        LogTarget::File(_) | LogTarget::Off | LogTarget::Stdout => None,
    })
}

/// Returns why an account cannot open a log that is not opened as root.
fn problem_of_account(path: &Path, account: Option<&UserAccount>) -> Option<io::Error> {
    let Some(account) = account.filter(|account| account.ids().0 != 0) else { return Some(untrusted_path()) };
    let (file, permission) = match path.exists() {
        true => (path, FilePermission::Write),
        false => (path.parent()?, FilePermission::Create),
    };
    let is_denied = account.has_permission(permission, file) == Some(false);
    is_denied.then(|| Errno::EACCES.into())
}

/// Standard output belongs to the process that started this one, and a device to the system.
fn is_owned_by_the_program(path: &Path, file: &File) -> io::Result<bool> {
    Ok(StandardStream::at(path).is_none() && file.metadata()?.is_file())
}

/// Opens a log; `None` if the process runs as root and another account can change where the path leads.
fn open(target: &LogTarget) -> Result<Option<LogSink>, StartupProblem> {
    match target {
        LogTarget::Off => Ok(Some(LogSink::Off)),
        LogTarget::Stdout => Ok(Some(LogSink::Stdout)),
        LogTarget::File(path) => {
            let opened = files::append(path).map_err(|error| log_problem(target, error))?;
            Ok(opened.map(|file| LogSink::File { path: path.clone(), file }))
        }
    }
}

/// Reopens a log after a rotation.
fn reopen(path: &Path) -> io::Result<File> {
    files::append(path)?.ok_or_else(untrusted_path)
}

fn log_problem(target: &LogTarget, error: io::Error) -> StartupProblem {
    StartupProblem::Log { target: target.clone(), error }
}

fn untrusted_path() -> io::Error {
    let reason = "another account can change its directory, and the process goes on to run as root; set \
                  `process.user` to that account, or let only root write in the directory";
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}
