//! What is kept on disk: certificates with their keys, the account, and failures.
//!
//! A file is written beside its place, to the disk, and then takes the place of the old one: whoever reads sees
//! the whole old or the whole new one. What others must not read has mode 0600 from its first byte on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;

use super::Charge;
use super::failure::Failure;
use super::schedule::Attempts;
use crate::model::acme::Acme;
use crate::model::{CertificateFiles, Model};
use crate::net::certificate::Certificate;
use crate::net::file_problem::FileProblem;
use crate::privileges;

/// A certificate as it was issued, and its key. Both in PEM.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Puts a new pair into the place of the old one, once it is known to be good.
///
/// The key goes first. Who watches the files reads them when both have been the same for a while; and should the
/// machine stop between the two, the pair does not fit, which is a reason to obtain another.
pub(super) fn install(issued: &Issued, charge: &Charge, provider: &Arc<CryptoProvider>) -> Result<(), Failure> {
    let files = &charge.files;
    let new = CertificateFiles { chain: beside(&files.chain), key: beside(&files.key), passwords: None };
    let written = write(&new.key, SECRET, issued.key.as_bytes())
        .map_err(Failure::file(&new.key))
        .and_then(|()| write(&new.chain, PUBLIC, issued.chain.as_bytes()).map_err(Failure::file(&new.chain)))
        .and_then(|()| judge(&new, charge, provider))
        .and_then(|()| fs::rename(&new.key, &files.key).map_err(Failure::file(&files.key)))
        .and_then(|()| fs::rename(&new.chain, &files.chain).map_err(Failure::file(&files.chain)));
    if written.is_err() {
        for leftover in [&new.key, &new.chain] {
            // It is gone already if it has been renamed.
            let _ = fs::remove_file(leftover);
        }
    }
    written
}

/// Whether a certificate could be put there. To be asked before the authority is: it counts what it issues.
pub(super) fn probe(files: &CertificateFiles) -> Result<(), Failure> {
    for file in [&files.key, &files.chain] {
        let trial = beside(file);
        write(&trial, SECRET, b"").map_err(Failure::file(&trial))?;
        fs::remove_file(&trial).map_err(Failure::file(&trial))?;
    }
    Ok(())
}

/// What will keep certificates from being stored, for who can mend it before it happens.
pub fn obstacles(model: &Model, acme: &Acme) -> Vec<FileProblem> {
    let certificates = acme.certificates.iter().map(|it| model.certificate(it.certificate));
    let files = certificates.flat_map(|files| [files.chain.as_path(), files.key.as_path()]);
    let directories = files.filter_map(Path::parent).chain([acme.state_directory.as_path()]);
    let mut found: Vec<FileProblem> = Vec::new();
    for directory in directories {
        if let Some(problem) = obstacle(directory, model.process.user.as_deref())
            && !found.contains(&problem)
        {
            found.push(problem);
        }
    }
    found
}

/// Keeps a file that nobody else may read, and makes its directory.
pub(super) fn keep_secret(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(Failure::file(directory))?;
    }
    let new = beside(path);
    write(&new, SECRET, content).and_then(|()| fs::rename(&new, path)).map_err(Failure::file(path))
}

/// What is remembered of failures for a certificate.
pub(super) fn attempts(acme: &Acme, files: &CertificateFiles) -> Attempts {
    fs::read_to_string(attempts_file(acme, files)).map(|text| Attempts::parse(&text)).unwrap_or_default()
}

/// Remembers them over a restart.
pub(super) fn keep_attempts(acme: &Acme, files: &CertificateFiles, attempts: &Attempts) {
    let file = attempts_file(acme, files);
    if attempts.is_clean() {
        // Most often there is none.
        let _ = fs::remove_file(file);
    } else if let Err(failure) = keep_secret(&file, attempts.to_text().as_bytes()) {
        tracing::warn!("{failure}: a restart will forget that no certificate could be obtained");
    }
}

fn attempts_file(acme: &Acme, files: &CertificateFiles) -> PathBuf {
    let name = files.chain.file_name().unwrap_or_default().to_string_lossy();
    acme.state_directory.join(format!("{name}.failures"))
}

/// Clients must accept what takes the place of a certificate that they accept.
fn judge(new: &CertificateFiles, charge: &Charge, provider: &CryptoProvider) -> Result<(), Failure> {
    let useless = |problems: Vec<FileProblem>| {
        let what: Vec<String> = problems.into_iter().map(|problem| problem.what).collect();
        Failure::Useless(what.join("; "))
    };
    let certificate = Certificate::read(new, provider).map_err(useless)?;
    let objections = certificate.objections(&charge.obtained.patterns(), SystemTime::now());
    if objections.is_empty() { Ok(()) } else { Err(useless(objections)) }
}

fn obstacle(directory: &Path, user: Option<&str>) -> Option<FileProblem> {
    // A directory that is missing is made, if that is possible.
    let existing = directory.ancestors().find(|it| it.exists()).unwrap_or(directory);
    if privileges::may_change(existing, user) {
        return None;
    }
    let who = user.unwrap_or("this account");
    let what = format!("{who} cannot write to {}, so certificates cannot be obtained", existing.display());
    Some(FileProblem::new(directory, what, "let it (chgrp, chmod g+rwx), or name another place"))
}

/// Makes the file anew, so that its mode is certain.
fn write(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(SECRET).open(path)?;
    file.write_all(content)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Where the successor of a file is written.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// The proxy alone.
const SECRET: u32 = 0o600;

/// Everybody, as the package has it.
const PUBLIC: u32 = 0o644;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Process;
    use crate::model::acme::Obtained;
    use crate::model::host::HostName;
    use rustls::crypto::aws_lc_rs;
    use tempfile::TempDir;

    /// The certificate of `a.test`, to be stored in a directory.
    fn charge(directory: &TempDir) -> Charge {
        let file = |name: &str| directory.path().join(name);
        let files = CertificateFiles { chain: file("a.crt"), key: file("a.key"), passwords: None };
        let process = Process {
            workers: std::num::NonZeroUsize::MIN,
            user: None,
            shutdown_grace: std::time::Duration::ZERO,
            log_level: crate::model::LogLevel::Info,
            ticket_keys: crate::model::tls::TicketKeySource::Own,
        };
        let certificate = Model::new(process).add_certificate(files.clone());
        let obtained = Obtained { certificate, names: vec![HostName::parse("a.test").unwrap()] };
        Charge { obtained, files, attempts: Attempts::default(), lag: 0.0 }
    }

    fn issued(name: &str) -> Issued {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        Issued { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn names(directory: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn install_into(charge: &Charge, issued: &Issued) -> Result<(), Failure> {
        install(issued, charge, &Arc::new(aws_lc_rs::default_provider()))
    }

    #[test]
    fn a_new_pair_takes_the_place_of_the_old_one_and_nobody_else_reads_its_key() {
        let directory = TempDir::new().unwrap();
        let charge = charge(&directory);
        for _ in 0..2 {
            let issued = issued("a.test");
            install_into(&charge, &issued).unwrap();
            assert_eq!(fs::read_to_string(&charge.files.key).unwrap(), issued.key);
            assert_eq!(fs::read_to_string(&charge.files.chain).unwrap(), issued.chain);
        }
        let mode = |file| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&charge.files.key), mode(&charge.files.chain)), (0o600, 0o644));
        assert_eq!(names(&directory), ["a.crt", "a.key"]);
    }

    #[test]
    fn what_clients_would_refuse_takes_no_place() {
        let directory = TempDir::new().unwrap();
        let charge = charge(&directory);
        let good = issued("a.test");
        install_into(&charge, &good).unwrap();
        let foreign_key = Issued { key: good.key.clone(), ..issued("a.test") };
        let no_pem = Issued { chain: "<html>".into(), ..issued("a.test") };
        for bad in [issued("b.test"), foreign_key, no_pem] {
            assert!(matches!(install_into(&charge, &bad), Err(Failure::Useless(_))));
            assert_eq!(fs::read_to_string(&charge.files.chain).unwrap(), good.chain);
            assert_eq!(fs::read_to_string(&charge.files.key).unwrap(), good.key);
            assert_eq!(names(&directory), ["a.crt", "a.key"]);
        }
    }

    #[test]
    fn a_place_that_is_not_there_is_found_before_anything_is_ordered() {
        let directory = TempDir::new().unwrap();
        let mut charge = charge(&directory);
        probe(&charge.files).unwrap();
        assert!(names(&directory).is_empty());
        charge.files.chain = directory.path().join("missing/a.crt");
        assert!(matches!(probe(&charge.files), Err(Failure::File(..))));
    }

    #[test]
    fn a_secret_is_kept_where_nobody_else_looks() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("state/account.json");
        keep_secret(&file, b"one").unwrap();
        keep_secret(&file, b"two").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }
}
