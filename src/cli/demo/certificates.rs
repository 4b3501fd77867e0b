//! Throw-away certificates: one authority, and one certificate that it signed for each host.
//!
//! The authority's key lives only while [`issue`] runs and is never written. So whoever trusts
//! `ca.pem` trusts the certificates of this one run and nothing that could be signed later.

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

/// The files that [`issue`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoCertificates {
    /// The authority's certificate, for `curl --cacert` and the like.
    pub authority: PathBuf,
    /// One for each host, in the order asked for.
    pub hosts: Vec<DemoHostCertificate>,
}

/// The certificate of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoHostCertificate {
    pub name: HostName,
    pub files: CertificateFiles,
}

/// Why certificates could not be issued.
#[derive(Debug)]
pub enum DemoCertificateError {
    /// A name was asked for that no certificate can carry.
    Host { text: String, why: InvalidHost },
    /// The cryptographic library refused to make a key or to sign.
    Signing { subject: String, source: rcgen::Error },
    /// A file could not be written.
    File { path: PathBuf, source: io::Error },
}

/// PEM texts of one host.
struct LeafPem {
    chain: String,
    key: String,
}

/// Who may read a file.
#[derive(Clone, Copy)]
enum FileAccess {
    Everybody,
    OwnerOnly,
}

/// Writes `ca.pem` and, for each host, `<host>.crt` (the certificate, then the authority's) and
/// `<host>.key` (readable by the owner only) into `directory`, which must exist. Files of the same
/// names are replaced. The certificates are valid for 30 days.
///
/// # Errors
/// When a text is no host name, a key cannot be made, or a file cannot be written. Names are all
/// checked before the first file is written.
pub fn issue(directory: &Path, hosts: &[&str]) -> Result<DemoCertificates, DemoCertificateError> {
    let names = hosts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let authority = make_authority()
        .map_err(|source| DemoCertificateError::Signing { subject: AUTHORITY.to_owned(), source })?;
    let authority_file = directory.join("ca.pem");
    write(&authority_file, &authority.pem(), FileAccess::Everybody)?;
    let hosts = names
        .into_iter()
        .map(|name| issue_host(directory, name, &authority))
        .collect::<Result<Vec<_>, DemoCertificateError>>()?;
    Ok(DemoCertificates { authority: authority_file, hosts })
}

impl fmt::Display for DemoCertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoCertificateError::Host { text, why } => write!(f, "cannot issue a certificate for '{text}': {why}"),
            DemoCertificateError::Signing { subject, source } => {
                write!(f, "cannot make the certificate of {subject}: {source}")
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
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<DemoHostCertificate, DemoCertificateError> {
    let leaf = make_leaf(&name, authority)
        .map_err(|source| DemoCertificateError::Signing { subject: name.to_string(), source })?;
    let files = CertificateFiles {
        passwords: None,
        chain: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
    };
    write(&files.chain, &leaf.chain, FileAccess::Everybody)?;
    write(&files.key, &leaf.key, FileAccess::OwnerOnly)?;
    Ok(DemoHostCertificate { name, files })
}

fn make_authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = valid_from_now(CertificateParams::default(), AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn make_leaf(name: &HostName, authority: &CertifiedIssuer<'_, KeyPair>) -> Result<LeafPem, rcgen::Error> {
    let mut params = valid_from_now(CertificateParams::new([name.to_string()])?, name.as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    Ok(LeafPem { chain: certificate.pem() + &authority.pem(), key: key.serialize_pem() })
}

fn valid_from_now(mut params: CertificateParams, common_name: &str) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - ALLOWANCE_FOR_SLOW_CLOCKS;
    params.not_after = now + VALIDITY;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// Takes an old file away first: its permissions, or where it links to, are not ours to keep.
fn write(path: &Path, text: &str, readers: FileAccess) -> Result<(), DemoCertificateError> {
    let failed = |source| DemoCertificateError::File { path: path.to_owned(), source };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mode = match readers {
        FileAccess::Everybody => 0o644,
        FileAccess::OwnerOnly => 0o600,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

const AUTHORITY: &str = "Gatepost demo authority";

const VALIDITY: Duration = Duration::days(30);

const ALLOWANCE_FOR_SLOW_CLOCKS: Duration = Duration::hours(1);
