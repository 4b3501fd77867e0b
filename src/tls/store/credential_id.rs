//! Identifies a set of files that is loaded as a unit.

use std::path::Path;

use crate::model::tls::{ClientAuth, TicketKeySource};
use crate::model::upstream::UpstreamTlsSettings;
use crate::model::{CertificateId, Model, TlsId, UpstreamId};

/// A set of files loaded as a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tls) enum CredentialId {
    /// A certificate chain with its key.
    Certificate(CertificateId),
    /// CA and revocation list of the client certificates of these TLS settings, if they request any.
    ClientAuth(TlsId),
    /// Session ticket keys, unless the process generates them.
    TicketKeys,
    /// Trust and client certificate of the TLS connections to an upstream, if it uses TLS.
    UpstreamTls(UpstreamId),
}

impl CredentialId {
    /// Returns all credentials of a model.
    pub(super) fn all(model: &Model) -> impl Iterator<Item = CredentialId> {
        let certificates = model.certificates().map(|(id, _)| CredentialId::Certificate(id));
        let verifying = model.all_tls_settings().filter(|(_, settings)| settings.policy.clients != ClientAuth::Off);
        let tickets = (model.process.ticket_keys != TicketKeySource::Generated).then_some(CredentialId::TicketKeys);
        let upstreams = model.upstreams_with_ids().filter(|(_, spec)| spec.tls().is_some());
        let upstreams = upstreams.map(|(id, _)| CredentialId::UpstreamTls(id));
        certificates.chain(verifying.map(|(id, _)| CredentialId::ClientAuth(id))).chain(tickets).chain(upstreams)
    }

    /// Returns its files; the first one names it in messages.
    pub(super) fn files(self, model: &Model) -> Vec<&Path> {
        match self {
            CredentialId::Certificate(id) => model.certificate(id).paths().collect(),
            CredentialId::ClientAuth(id) => model.tls_settings(id).policy.clients.files().collect(),
            CredentialId::TicketKeys => model.process.ticket_keys.file().into_iter().collect(),
            CredentialId::UpstreamTls(id) => {
                model.upstream(id).tls().map_or_else(Vec::new, UpstreamTlsSettings::files)
            }
        }
    }
}
