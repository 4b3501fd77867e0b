//! Stores certificates, the account and the failure history atomically.
//!
//! A file is written and synced under a temporary name in its directory, then renamed over the old one: a
//! reader sees either the complete old or the complete new file. Secret files have mode 0600 from their
//! creation on.

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

/// Issued chain and key in PEM.
pub(super) struct IssuedCertificate {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Replaces a certificate and its key after they are verified.
///
/// The key is replaced first. The certificate watcher reads the files after both have been unchanged for a
/// while. If the machine stops between the two steps, the pair does not match, which triggers another order. If
/// the chain cannot be replaced, the old key is restored.
pub(super) fn install(
    issued: &IssuedCertificate,
    managed: &ManagedCertificate,
    provider: &Arc<CryptoProvider>,
) -> Result<(), AcmeError> {
    let files = &managed.files;
    let new =
        CertificateFiles { chain: temporary_path(&files.chain), key: temporary_path(&files.key), passwords: None };
    let written = write(&new.key, SECRET_MODE, issued.key.as_bytes())
        .map_err(AcmeError::file(&new.key))
        .and_then(|()| write(&new.chain, PUBLIC_MODE, issued.chain.as_bytes()).map_err(AcmeError::file(&new.chain)))
        .and_then(|()| verify(&new, managed, provider))
        .and_then(|()| replace_pair(&new, files));
    if written.is_err() {
        for leftover in [&new.key, &new.chain] {
            // The file does not exist if it was renamed.
            let _ = fs::remove_file(leftover);
        }
    }
    written
}

/// Renames a new pair over the old one; restores the old key if the second rename fails.
fn replace_pair(new: &CertificateFiles, files: &CertificateFiles) -> Result<(), AcmeError> {
    // The first key has no predecessor.
    let old = fs::read(&files.key).ok();
    fs::rename(&new.key, &files.key).map_err(AcmeError::file(&files.key))?;
    fs::rename(&new.chain, &files.chain).map_err(AcmeError::file(&files.chain)).inspect_err(|_| {
        if let Some(old) = old {
            // The caller reports the error of the rename; there is no further fallback.
            let _ = write_private(&files.key, &old);
        }
    })
}

/// Checks that the certificate, the account and the failure history can be stored. It runs before the CA is
/// contacted, because CAs limit certificates and accounts.
pub(super) fn check_writable(acme: &AcmeSettings, files: &CertificateFiles) -> Result<(), AcmeError> {
    make_directory(&acme.state_directory)?;
    for file in [&files.key, &files.chain, &failures_file(acme, files)] {
        let trial = temporary_path(file);
        let written = write(&trial, SECRET_MODE, &[0; TRIAL_SIZE]);
        let removed = fs::remove_file(&trial);
        written.and(removed).map_err(AcmeError::file(&trial))?;
    }
    Ok(())
}

fn make_directory(directory: &Path) -> Result<(), AcmeError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(AcmeError::file(directory))
}

/// Returns the directories in which the proxy cannot store files, so that an administrator can fix them in
/// advance.
pub fn preconditions(model: &Model, acme: &AcmeSettings) -> Vec<FileError> {
    let certificates = acme.certificates.iter().map(|it| model.certificate(it.certificate));
    let files = certificates.flat_map(|files| [files.chain.as_path(), files.key.as_path()]);
    let directories = files.filter_map(Path::parent).chain([acme.state_directory.as_path()]);
    let mut found: Vec<FileError> = Vec::new();
    for directory in directories {
        if let Some(problem) = write_problem(directory, model.process.user.as_deref())
            && !found.contains(&problem)
        {
            found.push(problem);
        }
    }
    found
}

/// Writes a file with mode 0600 and creates its directory with mode 0700.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), AcmeError> {
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    let new = temporary_path(path);
    write(&new, SECRET_MODE, content).and_then(|()| fs::rename(&new, path)).map_err(AcmeError::file(path))
}

/// Loads the failure history of a certificate.
pub(super) fn load_failures(acme: &AcmeSettings, files: &CertificateFiles) -> FailureHistory {
    fs::read_to_string(failures_file(acme, files)).map(|text| FailureHistory::parse(&text)).unwrap_or_default()
}

/// Stores the failure history of a certificate; removes the file if there is no failure.
pub(super) fn save_failures(acme: &AcmeSettings, files: &CertificateFiles, failures: &FailureHistory) {
    let file = failures_file(acme, files);
    if failures.is_clean() {
        // Usually the file does not exist.
        let _ = fs::remove_file(file);
    } else if let Err(error) = write_private(&file, failures.to_text().as_bytes()) {
        tracing::warn!("cannot store the ACME failure history: {error}; a restart resets the retry backoff");
    }
}

fn failures_file(acme: &AcmeSettings, files: &CertificateFiles) -> PathBuf {
    // The name contains the whole path: certificates in different directories may have the same file name.
    let name = files.chain.to_string_lossy().replace('/', "%");
    acme.state_directory.join(format!("{name}.failures"))
}

/// Checks that clients accept the new certificate, so that an accepted one is never replaced by a rejected one.
fn verify(
    new: &CertificateFiles,
    managed: &ManagedCertificate,
    provider: &CryptoProvider,
) -> Result<(), AcmeError> {
    let unusable = |problems: Vec<FileError>| {
        let what: Vec<String> = problems.into_iter().map(|problem| problem.what).collect();
        AcmeError::Unusable(what.join("; "))
    };
    let certificate = ServerCertificate::load(new, provider).map_err(unusable)?;
    let errors = certificate.errors(&managed.settings.patterns(), SystemTime::now());
    if errors.is_empty() { Ok(()) } else { Err(unusable(errors)) }
}

fn write_problem(directory: &Path, user: Option<&str>) -> Option<FileError> {
    // A missing directory is created, so its nearest existing ancestor must be writable.
    let existing = directory.ancestors().find(|it| it.exists()).unwrap_or(directory);
    if account::can_create_in(existing, user) {
        return None;
    }
    let who = user.unwrap_or("this user");
    let what = format!("{who} cannot write to {}, so ACME certificates cannot be stored", existing.display());
    Some(FileError::new(directory, what, "grant write access (chgrp, chmod g+rwx), or set another path"))
}

/// Creates the file, removing an old one, so that its mode is certain, and syncs it.
fn write(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(SECRET_MODE).open(path)?;
    file.write_all(content)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Returns the temporary path of a file.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// Bytes of the trial file. More than the stored files need, so that the disk has space for them.
const TRIAL_SIZE: usize = 32 * 1024;

/// Mode of secret files: owner only.
const SECRET_MODE: u32 = 0o600;

/// Mode of certificate chains: readable by all users, as in the GitLab package.
const PUBLIC_MODE: u32 = 0o644;

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

    /// Returns the certificate of `a.test`, stored in a directory.
    fn managed(directory: &TempDir) -> ManagedCertificate {
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
        let settings = AcmeCertificate { certificate, names: vec![HostName::parse("a.test").unwrap()] };
        ManagedCertificate { settings, files, failures: FailureHistory::default(), jitter: 0.0 }
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
        let certificate = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        IssuedCertificate { chain: certificate.cert.pem(), key: certificate.signing_key.serialize_pem() }
    }

    fn names(directory: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn install_into(managed: &ManagedCertificate, issued: &IssuedCertificate) -> Result<(), AcmeError> {
        install(issued, managed, &Arc::new(aws_lc_rs::default_provider()))
    }

    #[test]
    fn a_new_pair_replaces_the_old_one_and_its_key_is_private() {
        let directory = TempDir::new().unwrap();
        let managed = managed(&directory);
        for _ in 0..2 {
            let issued = issued("a.test");
            install_into(&managed, &issued).unwrap();
            assert_eq!(fs::read_to_string(&managed.files.key).unwrap(), issued.key);
            assert_eq!(fs::read_to_string(&managed.files.chain).unwrap(), issued.chain);
        }
        let mode = |file| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&managed.files.key), mode(&managed.files.chain)), (0o600, 0o644));
        assert_eq!(names(&directory), ["a.crt", "a.key"]);
    }

    #[test]
    fn a_certificate_that_clients_reject_is_not_installed() {
        let directory = TempDir::new().unwrap();
        let managed = managed(&directory);
        let good = issued("a.test");
        install_into(&managed, &good).unwrap();
        let foreign_key = IssuedCertificate { key: good.key.clone(), ..issued("a.test") };
        let no_pem = IssuedCertificate { chain: "<html>".into(), ..issued("a.test") };
        for bad in [issued("b.test"), foreign_key, no_pem] {
            assert!(matches!(install_into(&managed, &bad), Err(AcmeError::Unusable(_))));
            assert_eq!(fs::read_to_string(&managed.files.chain).unwrap(), good.chain);
            assert_eq!(fs::read_to_string(&managed.files.key).unwrap(), good.key);
            assert_eq!(names(&directory), ["a.crt", "a.key"]);
        }
    }

    #[test]
    fn the_old_key_is_restored_if_the_chain_cannot_be_replaced() {
        let directory = TempDir::new().unwrap();
        let managed = managed(&directory);
        let old = issued("a.test");
        fs::write(&managed.files.key, &old.key).unwrap();
        // A file cannot be renamed over a directory.
        fs::create_dir(&managed.files.chain).unwrap();
        assert!(matches!(install_into(&managed, &issued("a.test")), Err(AcmeError::File(..))));
        assert_eq!(fs::read_to_string(&managed.files.key).unwrap(), old.key);
        assert_eq!(names(&directory), ["a.crt", "a.key"]);
    }

    #[test]
    fn a_missing_directory_is_detected_before_an_order() {
        let directory = TempDir::new().unwrap();
        let (mut managed, acme) = (managed(&directory), acme(&directory));
        check_writable(&acme, &managed.files).unwrap();
        assert_eq!(names(&directory), ["state"]);
        managed.files.chain = directory.path().join("missing/a.crt");
        assert!(matches!(check_writable(&acme, &managed.files), Err(AcmeError::File(..))));
    }

    #[test]
    fn an_account_that_cannot_be_stored_is_not_created() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("state"), "no directory").unwrap();
        assert!(matches!(check_writable(&acme(&directory), &managed(&directory).files), Err(AcmeError::File(..))));
    }

    #[test]
    fn secret_files_are_private() {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("state/account.json");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }
}
