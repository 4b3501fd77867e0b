//! The `[acme]` section of a document.

use std::path::PathBuf;

use super::setting::{Setting, Spanned};
use crate::model::acme::{AcmeChallengeType, AcmeContact, CertificateKeyType, DirectoryUrl};

/// `[acme]`
#[derive(Debug, Clone, Default)]
pub struct AcmeSection {
    pub contact: Setting<Vec<Spanned<AcmeContact>>>,
    pub directory: Setting<DirectoryUrl>,
    pub ca: Setting<PathBuf>,
    pub state_directory: Setting<PathBuf>,
    pub key: Setting<CertificateKeyType>,
    pub challenge: Setting<AcmeChallengeType>,
}
