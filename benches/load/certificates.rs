//! Temporary certificates, the same for every proxy.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};

/// Key types of the scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    EcdsaP256,
    Rsa2048,
}

/// Paths of a certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct CertificateFiles {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Chain and key in one file, the format of HAProxy.
    pub(crate) bundle: PathBuf,
}

/// One certificate for each key type, generated once per run.
#[derive(Debug)]
pub(crate) struct Certificates {
    ecdsa: CertificateFiles,
    rsa: CertificateFiles,
}

impl Certificates {
    /// Generates keys and certificates for `host` and writes them to `directory`.
    ///
    /// # Errors
    /// A key cannot be generated or a file cannot be written.
    pub(crate) fn create(directory: &Path, host: &str) -> Result<Self> {
        let ecdsa = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        Ok(Self { ecdsa: write(directory, "ecdsa", host, &ecdsa)?, rsa: write(directory, "rsa", host, &rsa)? })
    }

    pub(crate) fn of(&self, key_type: KeyType) -> &CertificateFiles {
        match key_type {
            KeyType::EcdsaP256 => &self.ecdsa,
            KeyType::Rsa2048 => &self.rsa,
        }
    }
}

fn write(directory: &Path, name: &str, host: &str, key: &KeyPair) -> Result<CertificateFiles> {
    let certificate = CertificateParams::new([host.to_owned()])?.self_signed(key)?.pem();
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
