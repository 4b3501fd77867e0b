//! Issues a temporary CA and one certificate for each demo host.
//!
//! The CA key exists only in memory while [`issue`] runs and is never written. A client that trusts `ca.pem`
//! therefore trusts the certificates of this run only; no other certificate can be signed later.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::model::CertificateFiles;
use crate::model::host::{HostName, InvalidHost};

/// CA and host certificates written to disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoCertificates {
    /// The CA certificate, for `curl --cacert` and similar options.
    pub ca: PathBuf,
    /// One for each host, in the order of the arguments.
    pub hosts: Vec<DemoHostCertificate>,
}

/// Certificate of one demo host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoHostCertificate {
    pub name: HostName,
    pub files: CertificateFiles,
}

/// Why demo certificates could not be issued.
#[derive(Debug)]
pub enum DemoCertificateError {
    /// A host name is invalid.
    Host { text: String, why: InvalidHost },
    /// The cryptographic library could not generate a key or sign a certificate.
    Signing { subject: String, source: rcgen::Error },
    /// A file could not be written.
    File { path: PathBuf, source: io::Error },
}

/// Certificate and key of one host in PEM.
struct LeafPem {
    chain: String,
    key: String,
}

/// File mode: owner only, or everyone.
#[derive(Clone, Copy)]
enum FileAccess {
    Everyone,
    OwnerOnly,
}

/// Writes `ca.pem` and, for each host, `<host>.crt` (the certificate, then that of the CA) and `<host>.key` (mode
/// 0600) into `directory`, which must exist. Files of the same names are replaced. The certificates are valid for
/// 30 days.
///
/// # Errors
/// If a text is no host name, a key cannot be generated, or a file cannot be written. All names are checked before
/// the first file is written.
pub fn issue(directory: &Path, hosts: &[&str]) -> Result<DemoCertificates, DemoCertificateError> {
    let names = hosts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let ca = new_ca().map_err(|source| DemoCertificateError::Signing { subject: CA_NAME.to_owned(), source })?;
    let ca_file = directory.join("ca.pem");
    write(&ca_file, &ca.pem(), FileAccess::Everyone)?;
    let hosts = names
        .into_iter()
        .map(|name| issue_host(directory, name, &ca))
        .collect::<Result<Vec<_>, DemoCertificateError>>()?;
    Ok(DemoCertificates { ca: ca_file, hosts })
}

impl fmt::Display for DemoCertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoCertificateError::Host { text, why } => write!(f, "cannot issue a certificate for `{text}`: {why}"),
            DemoCertificateError::Signing { subject, source } => {
                write!(f, "cannot issue the certificate of {subject}: {source}")
            }
            DemoCertificateError::File { path, source } => write!(
                f,
                "cannot write {}: {source}; the directory must exist and be writable by the account that runs this",
                path.display()
            ),
        }
    }
}

impl std::error::Error for DemoCertificateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DemoCertificateError::Host { .. } => None,
            DemoCertificateError::Signing { source, .. } => Some(source),
            DemoCertificateError::File { source, .. } => Some(source),
        }
    }
}

fn parse(text: &str) -> Result<HostName, DemoCertificateError> {
    HostName::parse(text).map_err(|why| DemoCertificateError::Host { text: text.to_owned(), why })
}

fn issue_host(
    directory: &Path,
    name: HostName,
    ca: &CertifiedIssuer<'_, KeyPair>,
) -> Result<DemoHostCertificate, DemoCertificateError> {
    let leaf = new_leaf(&name, ca)
        .map_err(|source| DemoCertificateError::Signing { subject: name.to_string(), source })?;
    let files = CertificateFiles {
        passwords: None,
        chain: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    };
    write(&files.chain, &leaf.chain, FileAccess::Everyone)?;
    write(&files.key, &leaf.key, FileAccess::OwnerOnly)?;
    Ok(DemoHostCertificate { name, files })
}

fn new_ca() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = valid_from_now(CertificateParams::default(), CA_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn new_leaf(name: &HostName, ca: &CertifiedIssuer<'_, KeyPair>) -> Result<LeafPem, rcgen::Error> {
    let mut params = valid_from_now(CertificateParams::new([name.to_string()])?, name.as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, ca)?;
    Ok(LeafPem { chain: certificate.pem() + &ca.pem(), key: key.serialize_pem() })
}

fn valid_from_now(mut params: CertificateParams, common_name: &str) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + VALIDITY;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// Writes a new file. An existing file is removed first, because its mode, or the target of a symbolic link, must
/// not be kept.
fn write(path: &Path, text: &str, access: FileAccess) -> Result<(), DemoCertificateError> {
    let failed = |source| DemoCertificateError::File { path: path.to_owned(), source };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mode = match access {
        FileAccess::Everyone => 0o644,
        FileAccess::OwnerOnly => 0o600,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

const CA_NAME: &str = "Gatepost demo CA";

const VALIDITY: Duration = Duration::days(30);

/// Time before now from which the certificates are valid, for clients whose clock is slow.
const CLOCK_SKEW: Duration = Duration::hours(1);
