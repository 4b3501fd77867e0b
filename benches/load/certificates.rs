//! Throw-away certificates, the same for every proxy.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

use crate::site::HOST;

/// The kinds of key that the scenarios compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    EcdsaP256,
    Rsa2048,
}

/// Where one certificate and its key lie.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Chain and key in one file, as HAProxy wants them.
    pub(crate) bundle: PathBuf,
}

/// Both kinds, made once for a campaign.
#[derive(Debug)]
pub(crate) struct Certificates {
    ecdsa: CertificateFiles,
    rsa: CertificateFiles,
}

impl Certificates {
    /// Makes the keys and writes all files to `directory`.
    ///
    /// # Errors
    /// A key cannot be made or a file not written.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let ecdsa = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        Ok(Self { ecdsa: write(directory, "ecdsa", &ecdsa)?, rsa: write(directory, "rsa", &rsa)? })
    }

    pub(crate) fn of(&self, kind: KeyKind) -> &CertificateFiles {
        match kind {
            KeyKind::EcdsaP256 => &self.ecdsa,
            KeyKind::Rsa2048 => &self.rsa,
        }
    }
}

fn write(directory: &Path, name: &str, key: &KeyPair) -> Result<CertificateFiles> {
    let certificate = CertificateParams::new([HOST.to_owned()])?.self_signed(key)?.pem();
    let key = key.serialize_pem();
    let files = CertificateFiles {
        chain: directory.join(format!("{name}.crt")),
        key: directory.join(format!("{name}.key")),
        bundle: directory.join(format!("{name}.pem")),
    };
    save(&files.chain, &certificate)?;
    save(&files.key, &key)?;
    save(&files.bundle, &format!("{certificate}{key}"))?;
    Ok(files)
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
