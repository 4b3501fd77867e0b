//! Inputs shared by all hosts.

use super::external_url::ExternalUrl;
use super::lets_encrypt::LetsEncrypt;
use super::reader::SettingsReader;
use crate::config::gitlab_rb::environment::Environment;

/// What the hosts are made from.
pub(super) struct LowerContext<'a, 'r> {
    pub(super) reader: &'a mut SettingsReader<'r>,
    pub(super) surroundings: &'a dyn Environment,
    pub(super) lets_encrypt: LetsEncrypt,
    /// Where GitLab is, if it has a host here.
    pub(super) gitlab: Option<ExternalUrl>,
}
