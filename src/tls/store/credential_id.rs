//! What is read from files that belong together, and becomes useless or useful only together.

use std::path::Path;

use crate::model::tls::{ClientAuth, TicketKeySource};
use crate::model::upstream::UpstreamTlsSettings;
use crate::model::{CertificateId, Model, TlsId, UpstreamId};

/// Names something of a model that TLS reads from files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tls) enum CredentialId {
    /// A chain with its key.
    Certificate(CertificateId),
    /// Who vouches for the clients of these terms. Terms that ask no clients have none.
    ClientAuth(TlsId),
    /// What session tickets are sealed with, if that is not the process's own affair.
    TicketKeys,
    /// Whom an application must be, and what it is shown. Those that are spoken to without TLS have none.
    UpstreamTls(UpstreamId),
}

impl CredentialId {
    /// All of a model.
    pub(super) fn all(model: &Model) -> impl Iterator<Item = CredentialId> {
        let certificates = model.certificates().map(|(id, _)| CredentialId::Certificate(id));
        let asked = model.all_tls_settings().filter(|(_, terms)| terms.policy.clients != ClientAuth::Off);
        let tickets = (model.process.ticket_keys != TicketKeySource::Generated).then_some(CredentialId::TicketKeys);
        let applications = model.upstreams_with_ids().filter(|(_, spec)| spec.tls().is_some());
        let applications = applications.map(|(id, _)| CredentialId::UpstreamTls(id));
        certificates.chain(asked.map(|(id, _)| CredentialId::ClientAuth(id))).chain(tickets).chain(applications)
    }

    /// The files of it, the one that it is known by first.
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
