//! A certificate managed by ACME: files, names, failure history.

use super::backoff::Attempts;
use crate::model::CertificateFiles;
use crate::model::acme::Obtained;

/// A certificate that is looked after.
pub(super) struct Charge {
    pub(super) obtained: Obtained,
    pub(super) files: CertificateFiles,
    pub(super) attempts: Attempts,
    /// A part of the time before the end that this one renews later than others, from 0 to 1.
    pub(super) lag: f64,
}

impl Charge {
    pub(super) fn path(&self) -> std::path::Display<'_> {
        self.files.chain.display()
    }

    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.obtained.names.iter().map(|name| name.as_str()).collect();
        names.join(", ")
    }
}
