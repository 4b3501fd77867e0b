//! What a configuration says about obtaining certificates.

use std::path::PathBuf;

use super::setting::{Said, Setting};
use crate::model::acme::{ChallengeKind, Contact, DirectoryUrl, KeyKind};

/// What is said about obtaining certificates.
#[derive(Debug, Clone, Default)]
pub struct AcmeSection {
    pub contact: Setting<Vec<Said<Contact>>>,
    pub directory: Setting<DirectoryUrl>,
    pub ca: Setting<PathBuf>,
    pub state_directory: Setting<PathBuf>,
    pub key: Setting<KeyKind>,
    pub challenge: Setting<ChallengeKind>,
}
