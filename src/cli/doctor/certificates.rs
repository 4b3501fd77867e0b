//! Checks key file permissions, chain completeness and ticket key age.

use std::fs;
use std::path::Path;

use super::finding::Finding;
use crate::model::{CertificateFiles, Model};
use crate::sys::account;
use crate::tls::files::issuer;

/// Checks the files that `gatepost check` does not check in this way. Unreadable files are reported with the files
/// of the configuration.
pub(super) fn check(model: &Model) -> Vec<Finding> {
    let check_files = |files: &CertificateFiles| {
        let secrets = [Some(files.key.as_path()), files.passwords.as_deref()];
        let exposed: Vec<Finding> = secrets.into_iter().flatten().filter_map(exposed).collect();
        exposed.into_iter().chain(incomplete(&files.chain)).collect::<Vec<_>>()
    };
    let findings = model.certificates().flat_map(|(_, files)| check_files(files));
    let findings = findings.chain(other_secrets(model).filter_map(exposed));
    findings.chain(model.process.ticket_keys.file().and_then(stale)).collect()
}

/// Reports ticket keys that are not rotated. A holder of a ticket key can decrypt recorded connections, so a key
/// must not be in use for long.
fn stale(path: &Path) -> Option<Finding> {
    let age = fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
    let days = age.as_secs() / 86_400;
    (days >= MAX_DAYS).then(|| {
        let path = path.display();
        Finding::warning(format!(
            "{path}: the ticket keys were last rotated {days} days ago; rotate them every day, with cron or a timer"
        ))
    })
}

/// Returns the ticket keys and the keys of client certificates for upstreams.
fn other_secrets(model: &Model) -> impl Iterator<Item = &Path> {
    let identities = model.upstreams().iter().filter_map(|spec| spec.tls()?.identity.as_ref());
    model.process.ticket_keys.file().into_iter().chain(identities.map(|files| files.key.as_path()))
}

/// Reports a secret file that every account may read.
fn exposed(path: &Path) -> Option<Finding> {
    account::is_world_accessible(path)?.then(|| {
        let path = path.display();
        Finding::problem(format!(
            "{path} is secret, but every account of this machine may read it; run `chmod o= {path}`"
        ))
    })
}

/// Reports a chain without its intermediate certificates. Only a warning: the machine that serves need not trust a
/// private CA.
fn incomplete(path: &Path) -> Option<Finding> {
    let issuer = issuer::missing_issuer(path)?;
    Some(Finding::warning(format!(
        "{}: the chain ends with a certificate issued by {issuer}, which is not a trusted CA of this machine; if it \
         is an intermediate CA, append its certificate to the file, because many clients cannot verify the chain \
         without it",
        path.display()
    )))
}

/// Age of a ticket key file, in days, from which it is reported. The keys should be rotated daily; a timer that
/// does not run at weekends is tolerated.
const MAX_DAYS: u64 = 7;
