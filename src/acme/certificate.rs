//! A certificate managed by ACME: files, names, failure history.

use super::backoff::FailureHistory;
use crate::model::CertificateFiles;
use crate::model::acme::AcmeCertificate;

/// A certificate that is looked after.
pub(super) struct ManagedCertificate {
    pub(super) obtained: AcmeCertificate,
    pub(super) files: CertificateFiles,
    pub(super) attempts: FailureHistory,
    /// A part of the time before the end that this one renews later than others, from 0 to 1.
    pub(super) lag: f64,
}

impl ManagedCertificate {
    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.files.chain.display()
    }

    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.obtained.names.iter().map(|name| name.as_str()).collect();
        names.join(", ")
    }
}
