//! A certificate managed by ACME: files, names, failure history.

use super::backoff::FailureHistory;
use crate::model::CertificateFiles;
use crate::model::acme::AcmeCertificate;

/// A certificate under renewal: files, names, failure history and jitter.
pub(super) struct ManagedCertificate {
    pub(super) settings: AcmeCertificate,
    pub(super) files: CertificateFiles,
    pub(super) failures: FailureHistory,
    /// Random part of the renewal period by which this certificate is renewed later, 0 to 1.
    pub(super) jitter: f64,
}

impl ManagedCertificate {
    /// Returns the path of the chain, which identifies the certificate in the log.
    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.files.chain.display()
    }

    /// Returns the names, separated by commas.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.settings.names.iter().map(|name| name.as_str()).collect();
        names.join(", ")
    }
}
