//! Paths of a certificate chain, its key and its passphrases.

use std::path::{Path, PathBuf};

/// The files of one certificate: its chain, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// Pass phrases for the key, one in a line; each is tried.
    pub passwords: Option<PathBuf>,
}

impl CertificateFiles {
    /// All of them, the chain first.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(self.chain.as_path()), Some(self.key.as_path()), self.passwords.as_deref()].into_iter().flatten()
    }
}
