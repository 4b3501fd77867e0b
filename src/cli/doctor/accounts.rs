//! Checks that the configured user can write logs and re-read certificates.

use std::path::Path;

use super::finding::Finding;
use crate::model::upstream::{UpstreamSpec, UpstreamTlsSettings};
use crate::model::{LogTarget, Model};
use crate::sys::account::{FilePermission, UserAccount};

/// Checks the account that serves. An unknown account is reported with the files of the configuration.
pub(super) fn check(model: &Model) -> Vec<Finding> {
    let account = match &model.process.user {
        Some(name) => UserAccount::find(name).ok(),
        None => UserAccount::current(),
    };
    let Some(account) = account else { return Vec::new() };
    let logs = model.access_logs().iter().filter_map(|target| match target {
        LogTarget::File(path) => Some(path.as_path()),
        LogTarget::Off | LogTarget::Stdout => None,
    });
    let logs = logs.filter_map(|path| unwritable(path, &account));
    logs.chain(reloaded_files(model).filter_map(|path| unreadable(path, &account))).collect()
}

/// Returns the files that are reloaded when they change.
fn reloaded_files(model: &Model) -> impl Iterator<Item = &Path> {
    let certificates = model.certificates().flat_map(|(_, files)| files.paths());
    let clients = model.all_tls_settings().flat_map(|(_, settings)| settings.policy.clients.files());
    let upstreams = model.upstreams().iter().filter_map(UpstreamSpec::tls).flat_map(UpstreamTlsSettings::files);
    certificates.chain(clients).chain(model.process.ticket_keys.file()).chain(upstreams)
}

/// Reports a log that the account may not write. An existing file must be writable; otherwise its directory must
/// be, to create the file.
fn unwritable(path: &Path, account: &UserAccount) -> Option<Finding> {
    let directory = path.parent()?;
    let (required, permission) =
        if path.exists() { (path, FilePermission::Write) } else { (directory, FilePermission::Create) };
    (account.has_permission(permission, required) == Some(false)).then(|| {
        let directory = directory.display();
        Finding::problem(format!(
            "{account} may not write {}: requests are not logged after a log rotation; run \
             `chown {account} {directory}`",
            path.display()
        ))
    })
}

/// Reports a file that the account may not read. Root reads the files at the start, so the permission matters only
/// for a reload.
fn unreadable(path: &Path, account: &UserAccount) -> Option<Finding> {
    (account.has_permission(FilePermission::Read, path) == Some(false)).then(|| {
        Finding::warning(format!(
            "{account} may not read {}: a renewed file is not loaded before a restart; let the group of the \
             account read the file (chgrp, chmod g+r) and enter its directory",
            path.display()
        ))
    })
}
