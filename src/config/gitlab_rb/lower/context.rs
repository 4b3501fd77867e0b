//! Lowering context: settings, environment, Let's Encrypt, GitLab's URL.

use super::external_url::ExternalUrl;
use super::lets_encrypt::LetsEncrypt;
use super::reader::SettingsReader;
use crate::config::gitlab_rb::environment::Environment;

/// Inputs of the lowering that all hosts share.
pub(super) struct LowerContext<'a, 'r> {
    pub(super) reader: &'a mut SettingsReader<'r>,
    pub(super) environment: &'a dyn Environment,
    pub(super) lets_encrypt: LetsEncrypt,
    /// URL of GitLab, if it has a host here.
    pub(super) gitlab: Option<ExternalUrl>,
}
