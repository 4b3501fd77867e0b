//! Paths of a certificate, its key and its passphrases.

use std::path::{Path, PathBuf};

/// Paths of a certificate chain, its key and its passphrases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// Passphrases for the key, one on each line; each is tried (nginx `ssl_password_file`).
    pub passwords: Option<PathBuf>,
}

impl CertificateFiles {
    /// Returns all paths, the chain first.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(self.chain.as_path()), Some(self.key.as_path()), self.passwords.as_deref()].into_iter().flatten()
    }
}
