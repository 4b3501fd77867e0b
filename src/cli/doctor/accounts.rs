//! What the account that serves may do: write its logs, and read its files again after a renewal.

use std::path::Path;

use super::finding::Finding;
use crate::model::upstream::{UpstreamSpec, UpstreamTlsSettings};
use crate::model::{LogTarget, Model};
use crate::sys::account::{FilePermission, UserAccount};

/// An account that does not exist is the configuration's problem, and said there.
pub(super) fn examine(model: &Model) -> Vec<Finding> {
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
    logs.chain(renewed(model).filter_map(|path| unreadable(path, &account))).collect()
}

/// The files that are read again when they change.
fn renewed(model: &Model) -> impl Iterator<Item = &Path> {
    let certificates = model.certificates().flat_map(|(_, files)| files.paths());
    let clients = model.all_tls_settings().flat_map(|(_, terms)| terms.policy.clients.files());
    let applications = model.upstreams().iter().filter_map(UpstreamSpec::tls).flat_map(UpstreamTlsSettings::files);
    certificates.chain(clients).chain(model.process.ticket_keys.file()).chain(applications)
}

/// A file that is there must be written to; else its directory, to create it.
fn unwritable(path: &Path, account: &UserAccount) -> Option<Finding> {
    let directory = path.parent()?;
    let (place, right) =
        if path.exists() { (path, FilePermission::Write) } else { (directory, FilePermission::Create) };
    (account.has_permission(right, place) == Some(false)).then(|| {
        let directory = directory.display();
        Finding::problem(format!(
            "{account} may not write {}, so requests are not logged after a rotation; `chown {account} {directory}`",
            path.display()
        ))
    })
}

/// Root reads them at the start, so this matters when they are renewed.
fn unreadable(path: &Path, account: &UserAccount) -> Option<Finding> {
    (account.has_permission(FilePermission::Read, path) == Some(false)).then(|| {
        Finding::warning(format!(
            "{account} may not read {}, so a renewed one takes a restart; let its group read it (chgrp, chmod g+r) \
             and enter its directory",
            path.display()
        ))
    })
}
