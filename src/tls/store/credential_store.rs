//! Everything of TLS that comes from files: certificates, keys, who vouches for clients and for applications, and keys
//! of tickets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;

use super::credential_id::CredentialId;
use super::objection::Objection;
use crate::model::host::HostTable;
use crate::model::tls::{ClientAuth, TicketKeySource, TlsSettings};
use crate::model::{
    CertificateId, HostId, HostSecurity, Listener, ListenerTransport, Model, TlsId, UpstreamId, VirtualHost,
};
use crate::tls::files::certificate::{CertificateOrigin, ServerCertificate};
use crate::tls::files::expiry::Expiry;
use crate::tls::files::file_error::FileError;
use crate::tls::files::ticket_keys::SharedTicketer;
use crate::tls::server::cert_resolver::CertResolver;
use crate::tls::server::challenges::AcmeChallenges;
use crate::tls::server::client_auth::{self, ClientCertTrust};
use crate::tls::server::config::TlsContext;
use crate::tls::server::sni::{HostTlsConfig, SniResolver, SniResolvers};
use crate::tls::upstream_client::UpstreamTlsClient;

/// What was read for a model.
pub(crate) struct CredentialStore {
    shared: TlsContext,
    certificates: BTreeMap<CertificateId, ServerCertificate>,
    clients: BTreeMap<TlsId, ClientCertTrust>,
    applications: BTreeMap<UpstreamId, UpstreamTlsClient>,
    /// What the doors were last made of.
    configs: BTreeMap<TlsId, Arc<ServerConfig>>,
    /// There if certificates are obtained.
    challenges: Option<Arc<AcmeChallenges>>,
}

/// What came of reading something anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReloadOutcome {
    Changed,
    /// The files say the same as before.
    Unchanged,
}

impl CredentialStore {
    /// Reads all files, and says what is wrong with those that cannot be used.
    pub(crate) fn load(model: &Model) -> (Result<CredentialStore, rustls::Error>, Vec<FileError>) {
        let shared = match TlsContext::new() {
            Ok(shared) => shared,
            Err(error) => return (Err(error), Vec::new()),
        };
        let (certificates, clients, applications, configs) = Default::default();
        let challenges = model.acme.as_ref().map(|_| Arc::default());
        let mut keyring = CredentialStore { shared, certificates, clients, applications, configs, challenges };
        let read = CredentialId::all(model).map(|credential| keyring.reload(credential, model));
        let problems = read.filter_map(Result::err).flatten().collect();
        (Ok(keyring), problems)
    }

    /// Reads a credential anew. What cannot be used does not take the place of what was read before.
    pub(in crate::tls) fn reload(
        &mut self,
        credential: CredentialId,
        model: &Model,
    ) -> Result<ReloadOutcome, Vec<FileError>> {
        match credential {
            CredentialId::Certificate(id) => self.reload_certificate(id, model),
            CredentialId::ClientAuth(id) => {
                if let ClientAuth::Verify(authority) = &model.tls_settings(id).policy.clients {
                    let trust = client_auth::read(authority, &self.shared.provider)?;
                    self.clients.insert(id, trust);
                }
                Ok(ReloadOutcome::Changed)
            }
            CredentialId::TicketKeys => {
                if let TicketKeySource::File(file) = &model.process.ticket_keys {
                    self.shared.tickets = SharedTicketer::read(file).map_err(|problem| vec![problem])?;
                }
                Ok(ReloadOutcome::Changed)
            }
            CredentialId::UpstreamTls(id) => self.reload_upstream(id, model),
        }
    }

    /// A certificate that clients object to is used only if there is no better one.
    fn reload_certificate(&mut self, id: CertificateId, model: &Model) -> Result<ReloadOutcome, Vec<FileError>> {
        let new = match ServerCertificate::read(model.certificate(id), &self.shared.provider) {
            // Still nothing is there; who obtains it says why.
            Err(problems) if self.is_placeholder(id) && problems.iter().all(|it| !it.file.exists()) => {
                return Ok(ReloadOutcome::Unchanged);
            }
            Err(problems) if !self.certificates.contains_key(&id) => {
                let stand_in = self.placeholder(id, model);
                for problem in problems.iter().filter(|it| stand_in.is_some() && it.file.exists()) {
                    tracing::warn!("{problem}. Another certificate is obtained");
                }
                stand_in.ok_or(problems)?
            }
            read => read?,
        };
        if let Some(old) = self.certificates.get(&id) {
            if new.is_same_as(old) {
                return Ok(ReloadOutcome::Unchanged);
            }
            let (names, now) = (model.hosts_with_certificate(id), SystemTime::now());
            let objections = new.errors(&names, now);
            let is_good = old.origin() == CertificateOrigin::Files && old.errors(&names, now).is_empty();
            if !objections.is_empty() && is_good {
                return Err(objections);
            }
        }
        self.certificates.insert(id, new);
        Ok(ReloadOutcome::Changed)
    }

    /// Whether the real certificate is still to be obtained.
    fn is_placeholder(&self, id: CertificateId) -> bool {
        self.certificates.get(&id).is_some_and(|it| it.origin() == CertificateOrigin::Placeholder)
    }

    /// What is served until a certificate has been obtained. Files that are there, but closed to this account, are
    /// somebody's; they are not passed over.
    fn placeholder(&self, id: CertificateId, model: &Model) -> Option<ServerCertificate> {
        let (obtained, files) = (model.acme_certificate(id)?, model.certificate(id));
        if ServerCertificate::is_unreadable(files) {
            return None;
        }
        ServerCertificate::placeholder(files, &obtained.names, &self.shared.provider).ok()
    }

    /// What authorities are answered that ask whether hosts are ours, if certificates are obtained.
    pub(crate) fn challenges(&self) -> Option<&Arc<AcmeChallenges>> {
        self.challenges.as_ref()
    }

    /// What the program does its cryptography with.
    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.shared.provider
    }

    fn reload_upstream(&mut self, id: UpstreamId, model: &Model) -> Result<ReloadOutcome, Vec<FileError>> {
        let spec = model.upstream(id);
        let Some(terms) = spec.tls() else { return Ok(ReloadOutcome::Unchanged) };
        if let Some(known) = self.applications.get(&id) {
            known.reload(terms, &self.shared.provider)?;
        } else {
            self.applications.insert(id, UpstreamTlsClient::new(terms, spec.protocol, &self.shared.provider)?);
        }
        Ok(ReloadOutcome::Changed)
    }

    /// By application; `None` for those that are spoken to without TLS. A renewal changes what they use.
    pub(crate) fn upstream_tls(&self, model: &Model) -> Arc<[Option<UpstreamTlsClient>]> {
        model.upstreams_with_ids().map(|(id, _)| self.applications.get(&id).cloned()).collect()
    }

    /// What clients will find wrong with certificates that can be served, and what is wrong with who vouches for
    /// them.
    pub(crate) fn warnings(&self, model: &Model) -> Vec<Objection> {
        CredentialId::all(model).flat_map(|credential| self.warnings_for(credential, model)).collect()
    }

    /// The same for one credential. There is nothing to mend about a stand-in: who obtains the real certificate says
    /// what is.
    pub(in crate::tls) fn warnings_for(&self, credential: CredentialId, model: &Model) -> Vec<Objection> {
        if matches!(credential, CredentialId::Certificate(id) if self.is_placeholder(id)) {
            return Vec::new();
        }
        let now = SystemTime::now();
        let of_certificate = match credential {
            CredentialId::Certificate(id) => {
                self.certificates.get(&id).map(|it| (it, model.hosts_with_certificate(id)))
            }
            CredentialId::ClientAuth(_) | CredentialId::TicketKeys | CredentialId::UpstreamTls(_) => None,
        };
        let found = of_certificate.map_or_else(Vec::new, |(it, names)| it.errors_besides_expiry(&names, now));
        let ends = self.expiries_of(credential);
        let ends = ends.iter().filter_map(|expiry| Objection::from_expiry(expiry, now));
        found.into_iter().map(Objection::File).chain(ends).collect()
    }

    /// What hosts need, and when it ends, as far as anybody may want to know.
    pub(crate) fn expiries(&self, model: &Model) -> Vec<(String, Expiry)> {
        let of_host = |host: &VirtualHost| match host.security {
            HostSecurity::Tls(id) => {
                let certificates =
                    model.tls_settings(id).certificates.iter().copied().map(CredentialId::Certificate);
                let ends = certificates.chain([CredentialId::ClientAuth(id)]).flat_map(|it| self.expiries_of(it));
                ends.map(|end| (host_name(host), end)).collect()
            }
            HostSecurity::Plain => Vec::new(),
        };
        model.hosts().iter().flat_map(of_host).collect()
    }

    fn expiries_of(&self, credential: CredentialId) -> Vec<Expiry> {
        match credential {
            CredentialId::Certificate(id) => {
                self.certificates.get(&id).map_or_else(Vec::new, ServerCertificate::expiries)
            }
            CredentialId::ClientAuth(id) => self.clients.get(&id).map_or_else(Vec::new, |it| it.expiries.clone()),
            CredentialId::UpstreamTls(id) => {
                self.applications.get(&id).and_then(UpstreamTlsClient::identity_expiry).into_iter().collect()
            }
            CredentialId::TicketKeys => Vec::new(),
        }
    }

    /// How long a certificate is still valid, in words.
    pub(crate) fn time_left(&self, id: CertificateId) -> Option<String> {
        self.certificates.get(&id).map(|certificate| certificate.time_left(SystemTime::now()))
    }

    /// What the listeners need for their handshakes, from all that was read.
    pub(crate) fn sni_resolvers(&mut self, model: &Model) -> Result<SniResolvers, rustls::Error> {
        let mut configs = BTreeMap::new();
        for (id, terms) in model.all_tls_settings() {
            configs.insert(id, Arc::new(self.config(id, terms)?));
        }
        self.configs = configs;
        let door = |listener: &Listener| {
            let is_tls = listener.transport == ListenerTransport::Tls;
            door(model, listener, self).filter(|_| is_tls).map(Arc::new)
        };
        Ok(model.listeners.iter().map(door).collect())
    }

    fn config(&self, id: TlsId, terms: &TlsSettings) -> Result<ServerConfig, rustls::Error> {
        let keys = terms.certificates.iter().filter_map(|id| self.certificates.get(id)).map(ServerCertificate::key);
        let verifier = self.clients.get(&id).map(|trust| trust.verifier.clone());
        let mut config = self.shared.server_config(&terms.policy, CertResolver::new(keys.collect()), verifier)?;
        if let Some(earlier) = self.configs.get(&id) {
            // Sessions that the server remembers outlive a renewal, as tickets do.
            config.session_storage = earlier.session_storage.clone();
        }
        Ok(config)
    }
}

fn host_name(host: &VirtualHost) -> String {
    host.names.first().map(ToString::to_string).unwrap_or_default()
}

fn door(model: &Model, listener: &Listener, keyring: &CredentialStore) -> Option<SniResolver> {
    let terms_of = |host: HostId| match model.host(host).security {
        HostSecurity::Tls(id) => {
            keyring.configs.get(&id).map(|config| HostTlsConfig { id, config: config.clone() })
        }
        HostSecurity::Plain => None,
    };
    let mut by_name = HostTable::new();
    for (pattern, host) in listener.hosts.entries() {
        by_name.insert(pattern, terms_of(*host)?);
    }
    Some(SniResolver::new(by_name, terms_of(listener.default_host()?)?, keyring.challenges.clone()))
}
