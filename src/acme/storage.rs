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

use super::backoff::FailureHistory;
use super::certificate::ManagedCertificate;
use super::error::AcmeError;
use crate::model::acme::AcmeSettings;
use crate::model::{CertificateFiles, Model};
use crate::sys::account;
use crate::tls::files::certificate::ServerCertificate;
use crate::tls::files::file_error::FileError;

/// A certificate as it was issued, and its key. Both in PEM.
pub(super) struct IssuedCertificate {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Puts a new pair into the place of the old one, once it is known to be good.
///
/// The key goes first. Who watches the files reads them when both have been the same for a while; and should the
/// machine stop between the two, the pair does not fit, which is a reason to obtain another. Should the chain not
/// get into its place, the old key gets back into its own.
pub(super) fn install(
    issued: &IssuedCertificate,
    charge: &ManagedCertificate,
    provider: &Arc<CryptoProvider>,
) -> Result<(), AcmeError> {
    let files = &charge.files;
    let new =
        CertificateFiles { chain: temporary_path(&files.chain), key: temporary_path(&files.key), passwords: None };
    let written = write(&new.key, SECRET, issued.key.as_bytes())
        .map_err(AcmeError::file(&new.key))
        .and_then(|()| write(&new.chain, PUBLIC, issued.chain.as_bytes()).map_err(AcmeError::file(&new.chain)))
        .and_then(|()| verify(&new, charge, provider))
        .and_then(|()| replace_pair(&new, files));
    if written.is_err() {
        for leftover in [&new.key, &new.chain] {
            // It is gone already if it has been renamed.
            let _ = fs::remove_file(leftover);
        }
    }
    written
}

/// Lets a pair take the place of another one, or leaves that as it is.
fn replace_pair(new: &CertificateFiles, files: &CertificateFiles) -> Result<(), AcmeError> {
    // The first key has no predecessor.
    let old = fs::read(&files.key).ok();
    fs::rename(&new.key, &files.key).map_err(AcmeError::file(&files.key))?;
    fs::rename(&new.chain, &files.chain).map_err(AcmeError::file(&files.chain)).inspect_err(|_| {
        if let Some(old) = old {
            // There is nothing else to try; the failure is told either way.
            let _ = write_private(&files.key, &old);
        }
    })
}

/// Whether a certificate could be put there, and an account be kept. To be asked before the authority is: it counts
/// what it issues, and whom it registers.
pub(super) fn check_writable(acme: &AcmeSettings, files: &CertificateFiles) -> Result<(), AcmeError> {
    make_directory(&acme.state_directory)?;
    for file in [&files.key, &files.chain, &attempts_file(acme, files)] {
        let trial = temporary_path(file);
        let written = write(&trial, SECRET, &[0; TRIAL]);
        let removed = fs::remove_file(&trial);
        written.and(removed).map_err(AcmeError::file(&trial))?;
    }
    Ok(())
}

fn make_directory(directory: &Path) -> Result<(), AcmeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(AcmeError::file(directory))
}

/// What will keep certificates from being stored, for who can mend it before it happens.
pub fn preconditions(model: &Model, acme: &AcmeSettings) -> Vec<FileError> {
    let certificates = acme.certificates.iter().map(|it| model.certificate(it.certificate));
    let files = certificates.flat_map(|files| [files.chain.as_path(), files.key.as_path()]);
    let directories = files.filter_map(Path::parent).chain([acme.state_directory.as_path()]);
    let mut found: Vec<FileError> = Vec::new();
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
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), AcmeError> {
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    let new = temporary_path(path);
    write(&new, SECRET, content).and_then(|()| fs::rename(&new, path)).map_err(AcmeError::file(path))
}

/// What is remembered of failures for a certificate.
pub(super) fn attempts(acme: &AcmeSettings, files: &CertificateFiles) -> FailureHistory {
    fs::read_to_string(attempts_file(acme, files)).map(|text| FailureHistory::parse(&text)).unwrap_or_default()
}

/// Remembers them over a restart.
pub(super) fn keep_attempts(acme: &AcmeSettings, files: &CertificateFiles, attempts: &FailureHistory) {
    let file = attempts_file(acme, files);
    if attempts.is_clean() {
        // Most often there is none.
        let _ = fs::remove_file(file);
    } else if let Err(failure) = write_private(&file, attempts.to_text().as_bytes()) {
        tracing::warn!("{failure}: a restart will forget that no certificate could be obtained");
    }
}

fn attempts_file(acme: &AcmeSettings, files: &CertificateFiles) -> PathBuf {
    // All of its path: certificates of several hosts may have the same name in directories of their own.
    let name = files.chain.to_string_lossy().replace('/', "%");
    acme.state_directory.join(format!("{name}.failures"))
}

/// Clients must accept what takes the place of a certificate that they accept.
fn verify(new: &CertificateFiles, charge: &ManagedCertificate, provider: &CryptoProvider) -> Result<(), AcmeError> {
    let useless = |problems: Vec<FileError>| {
        let what: Vec<String> = problems.into_iter().map(|problem| problem.what).collect();
        AcmeError::Useless(what.join("; "))
    };
    let certificate = ServerCertificate::load(new, provider).map_err(useless)?;
    let objections = certificate.errors(&charge.obtained.patterns(), SystemTime::now());
    if objections.is_empty() { Ok(()) } else { Err(useless(objections)) }
}

fn obstacle(directory: &Path, user: Option<&str>) -> Option<FileError> {
    // A directory that is missing is made, if that is possible.
    let existing = directory.ancestors().find(|it| it.exists()).unwrap_or(directory);
    if account::may_change(existing, user) {
        return None;
    }
    let who = user.unwrap_or("this account");
    let what = format!("{who} cannot write to {}, so certificates cannot be obtained", existing.display());
    Some(FileError::new(directory, what, "let it (chgrp, chmod g+rwx), or name another place"))
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
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// In bytes. Longer than what is stored, so that a disk is known to have room for it.
const TRIAL: usize = 32 * 1024;

/// The proxy alone.
const SECRET: u32 = 0o600;

/// Everybody, as the package has it.
const PUBLIC: u32 = 0o644;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProcessSettings;
    use crate::model::acme::{
        AcmeCertificate, AcmeChallengeType, AcmeServerTrust, CertificateKeyType, DirectoryUrl,
    };
    use crate::model::host::HostName;
    use rustls::crypto::aws_lc_rs;
    use tempfile::TempDir;

    /// The certificate of `a.test`, to be stored in a directory.
    fn charge(directory: &TempDir) -> ManagedCertificate {
        let file = |name: &str| directory.path().join(name);
        let files = CertificateFiles { chain: file("a.crt"), key: file("a.key"), passwords: None };
        let process = ProcessSettings {
            workers: std::num::NonZeroUsize::MIN,
            user: None,
            shutdown_timeout: std::time::Duration::ZERO,
            log_level: crate::model::LogLevel::Info,
            ticket_keys: crate::model::tls::TicketKeySource::Generated,
        };
        let certificate = Model::new(process).add_certificate(files.clone());
        let obtained = AcmeCertificate { certificate, names: vec![HostName::parse("a.test").unwrap()] };
        ManagedCertificate { obtained, files, attempts: FailureHistory::default(), lag: 0.0 }
    }

    fn acme(directory: &TempDir) -> AcmeSettings {
        AcmeSettings {
            directory: DirectoryUrl::default(),
            trust: AcmeServerTrust::System,
            contacts: Vec::new(),
            state_directory: directory.path().join("state"),
            key: CertificateKeyType::EcdsaP256,
            challenge: AcmeChallengeType::Http01,
            certificates: Vec::new(),
        }
    }

    fn issued(name: &str) -> IssuedCertificate {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        IssuedCertificate { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn names(directory: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn install_into(charge: &ManagedCertificate, issued: &IssuedCertificate) -> Result<(), AcmeError> {
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
        let foreign_key = IssuedCertificate { key: good.key.clone(), ..issued("a.test") };
        let no_pem = IssuedCertificate { chain: "<html>".into(), ..issued("a.test") };
        for bad in [issued("b.test"), foreign_key, no_pem] {
            assert!(matches!(install_into(&charge, &bad), Err(AcmeError::Useless(_))));
            assert_eq!(fs::read_to_string(&charge.files.chain).unwrap(), good.chain);
            assert_eq!(fs::read_to_string(&charge.files.key).unwrap(), good.key);
            assert_eq!(names(&directory), ["a.crt", "a.key"]);
        }
    }

    #[test]
    fn a_chain_that_cannot_take_its_place_leaves_the_old_key_in_its_own() {
        let directory = TempDir::new().unwrap();
        let charge = charge(&directory);
        let old = issued("a.test");
        fs::write(&charge.files.key, &old.key).unwrap();
        // No file takes the place of a directory.
        fs::create_dir(&charge.files.chain).unwrap();
        assert!(matches!(install_into(&charge, &issued("a.test")), Err(AcmeError::File(..))));
        assert_eq!(fs::read_to_string(&charge.files.key).unwrap(), old.key);
        assert_eq!(names(&directory), ["a.crt", "a.key"]);
    }

    #[test]
    fn a_place_that_is_not_there_is_found_before_anything_is_ordered() {
        let directory = TempDir::new().unwrap();
        let (mut charge, acme) = (charge(&directory), acme(&directory));
        check_writable(&acme, &charge.files).unwrap();
        assert_eq!(names(&directory), ["state"]);
        charge.files.chain = directory.path().join("missing/a.crt");
        assert!(matches!(check_writable(&acme, &charge.files), Err(AcmeError::File(..))));
    }

    #[test]
    fn an_account_that_could_not_be_kept_is_not_made() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("state"), "no directory").unwrap();
        assert!(matches!(check_writable(&acme(&directory), &charge(&directory).files), Err(AcmeError::File(..))));
    }

    #[test]
    fn a_secret_is_kept_where_nobody_else_looks() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("state/account.json");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }
}
