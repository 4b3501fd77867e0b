//! What `check` does not look at in certificates and keys: who may read the key, and whether the chain is whole.

use std::fs;
use std::path::Path;

use super::finding::Finding;
use crate::model::{CertificateFiles, Model};
use crate::sys::account;
use crate::tls::files::issuer;

/// Files that cannot be read are the configuration's problem, and said there.
pub(super) fn examine(model: &Model) -> Vec<Finding> {
    let of_certificate = |files: &CertificateFiles| {
        let secrets = [Some(files.key.as_path()), files.passwords.as_deref()];
        let exposed: Vec<Finding> = secrets.into_iter().flatten().filter_map(exposed).collect();
        exposed.into_iter().chain(incomplete(&files.chain)).collect::<Vec<_>>()
    };
    let found = model.certificates().flat_map(|(_, files)| of_certificate(files));
    let found = found.chain(further_secrets(model).filter_map(exposed));
    found.chain(model.process.ticket_keys.file().and_then(stale)).collect()
}

/// Whoever gets a key of tickets can read what was recorded under it, so none may be in use for long.
fn stale(path: &Path) -> Option<Finding> {
    let age = fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
    let days = age.as_secs() / 86_400;
    (days >= MAX_DAYS).then(|| {
        let path = path.display();
        Finding::warning(format!(
            "{path}: the keys of tickets were exchanged {days} days ago; do that every day, from cron or a timer"
        ))
    })
}

/// Keys that no client sees: of tickets, and of what applications are shown.
fn further_secrets(model: &Model) -> impl Iterator<Item = &Path> {
    let identities = model.upstreams().iter().filter_map(|spec| spec.tls()?.identity.as_ref());
    model.process.ticket_keys.file().into_iter().chain(identities.map(|files| files.key.as_path()))
}

fn exposed(path: &Path) -> Option<Finding> {
    account::is_world_accessible(path)?.then(|| {
        let path = path.display();
        Finding::problem(format!(
            "every account of this machine may open {path}, which is secret; `chmod o= {path}`"
        ))
    })
}

/// Only a warning: an authority of one's own need not be trusted by the machine that serves.
fn incomplete(path: &Path) -> Option<Finding> {
    let issuer = issuer::missing_issuer(path)?;
    Some(Finding::warning(format!(
        "{}: the chain ends with a certificate of {issuer}, which this machine does not know as an authority; if that is \
         an intermediate one, append its certificate to the file, because many clients cannot do without",
        path.display()
    )))
}

/// For a file of ticket keys that is to be written anew each day. A weekend of a timer's is no reason to worry.
const MAX_DAYS: u64 = 7;
