//! Inputs shared by all hosts.

use super::external_url::ExternalUrl;
use super::lets_encrypt::LetsEncrypt;
use super::reader::Reader;
use crate::config::gitlab_rb::environment::Surroundings;

/// What the hosts are made from.
pub(super) struct Lowering<'a, 'r> {
    pub(super) reader: &'a mut Reader<'r>,
    pub(super) surroundings: &'a dyn Surroundings,
    pub(super) lets_encrypt: LetsEncrypt,
    /// Where GitLab is, if it has a host here.
    pub(super) gitlab: Option<ExternalUrl>,
}
