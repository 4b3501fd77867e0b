//! Loads credentials, decides on reloads, builds the SNI resolvers.
//!
//! Credentials are certificates, client CAs, TLS configurations of upstreams, and ticket keys. Each can be reloaded
//! alone. The previous one stays in use if the new one is unusable, or if clients would reject only the new one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;

use super::credential_id::CredentialId;
use super::credential_problem::CredentialProblem;
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

/// All TLS material in use.
pub(crate) struct CredentialStore {
    context: TlsContext,
    certificates: BTreeMap<CertificateId, ServerCertificate>,
    client_trusts: BTreeMap<TlsId, ClientCertTrust>,
    upstream_clients: BTreeMap<UpstreamId, UpstreamTlsClient>,
    /// The rustls configurations of the last built SNI resolvers.
    configs: BTreeMap<TlsId, Arc<ServerConfig>>,
    /// Set if any certificate is managed by ACME.
    challenges: Option<Arc<AcmeChallenges>>,
}

/// Whether a reload changed a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReloadOutcome {
    Changed,
    /// The files have the same content as before.
    Unchanged,
}

impl CredentialStore {
    /// Loads all files; returns the store and every error. Without a working crypto provider there is no store.
    pub(crate) fn load(model: &Model) -> (Result<CredentialStore, rustls::Error>, Vec<FileError>) {
        let context = match TlsContext::new() {
            Ok(context) => context,
            Err(error) => return (Err(error), Vec::new()),
        };
        let (certificates, client_trusts, upstream_clients, configs) = Default::default();
        let challenges = model.acme.as_ref().map(|_| Arc::default());
        let mut store =
            CredentialStore { context, certificates, client_trusts, upstream_clients, configs, challenges };
        let loaded = CredentialId::all(model).map(|credential| store.reload(credential, model));
        let errors = loaded.filter_map(Result::err).flatten().collect();
        (Ok(store), errors)
    }

    /// Reloads one credential; keeps the previous one on error.
    pub(in crate::tls) fn reload(
        &mut self,
        credential: CredentialId,
        model: &Model,
    ) -> Result<ReloadOutcome, Vec<FileError>> {
        match credential {
            CredentialId::Certificate(id) => self.reload_certificate(id, model),
            CredentialId::ClientAuth(id) => {
                if let ClientAuth::Verify(policy) = &model.tls_settings(id).policy.clients {
                    let trust = client_auth::load(policy, &self.context.provider)?;
                    self.client_trusts.insert(id, trust);
                }
                Ok(ReloadOutcome::Changed)
            }
            CredentialId::TicketKeys => {
                if let TicketKeySource::File(file) = &model.process.ticket_keys {
                    self.context.ticketer = SharedTicketer::load(file).map_err(|error| vec![error])?;
                }
                Ok(ReloadOutcome::Changed)
            }
            CredentialId::UpstreamTls(id) => self.reload_upstream(id, model),
        }
    }

    /// Reloads a certificate. One that clients reject replaces a placeholder or another rejected one, never a valid
    /// one.
    fn reload_certificate(&mut self, id: CertificateId, model: &Model) -> Result<ReloadOutcome, Vec<FileError>> {
        let new = match ServerCertificate::load(model.certificate(id), &self.context.provider) {
            // The files are still missing: ACME is pending, and the ACME client logs its errors.
            Err(errors) if self.is_placeholder(id) && errors.iter().all(|it| !it.file.exists()) => {
                return Ok(ReloadOutcome::Unchanged);
            }
            Err(errors) if !self.certificates.contains_key(&id) => {
                let placeholder = self.placeholder(id, model);
                for error in errors.iter().filter(|it| placeholder.is_some() && it.file.exists()) {
                    tracing::warn!("{error}. A placeholder is used until ACME issues a certificate");
                }
                placeholder.ok_or(errors)?
            }
            loaded => loaded?,
        };
        if let Some(old) = self.certificates.get(&id) {
            if new.is_same_as(old) {
                return Ok(ReloadOutcome::Unchanged);
            }
            let (names, now) = (model.hosts_with_certificate(id), SystemTime::now());
            let rejections = new.errors(&names, now);
            let is_old_valid = old.origin() == CertificateOrigin::Files && old.errors(&names, now).is_empty();
            if !rejections.is_empty() && is_old_valid {
                return Err(rejections);
            }
        }
        self.certificates.insert(id, new);
        Ok(ReloadOutcome::Changed)
    }

    /// Returns whether a certificate is a placeholder.
    fn is_placeholder(&self, id: CertificateId) -> bool {
        self.certificates.get(&id).is_some_and(|it| it.origin() == CertificateOrigin::Placeholder)
    }

    /// Generates the placeholder of a certificate managed by ACME; `None` for other certificates. Also `None` if
    /// the files exist but are unreadable for this user: they may be valid, so they are reported and not replaced.
    fn placeholder(&self, id: CertificateId, model: &Model) -> Option<ServerCertificate> {
        let (acme, files) = (model.acme_certificate(id)?, model.certificate(id));
        if ServerCertificate::is_unreadable(files) {
            return None;
        }
        ServerCertificate::placeholder(files, &acme.names, &self.context.provider).ok()
    }

    /// Returns the pending ACME challenges; `None` if no certificate is managed by ACME.
    pub(crate) fn challenges(&self) -> Option<&Arc<AcmeChallenges>> {
        self.challenges.as_ref()
    }

    /// Returns the crypto provider of the process.
    pub(crate) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.context.provider
    }

    fn reload_upstream(&mut self, id: UpstreamId, model: &Model) -> Result<ReloadOutcome, Vec<FileError>> {
        let spec = model.upstream(id);
        let Some(settings) = spec.tls() else { return Ok(ReloadOutcome::Unchanged) };
        if let Some(known) = self.upstream_clients.get(&id) {
            known.reload(settings, &self.context.provider)?;
        } else {
            self.upstream_clients
                .insert(id, UpstreamTlsClient::new(settings, spec.protocol, &self.context.provider)?);
        }
        Ok(ReloadOutcome::Changed)
    }

    /// Returns the TLS client of each upstream; `None` for upstreams without TLS. A reload changes the
    /// configuration inside the clients.
    pub(crate) fn upstream_tls(&self, model: &Model) -> Arc<[Option<UpstreamTlsClient>]> {
        model.upstreams_with_ids().map(|(id, _)| self.upstream_clients.get(&id).cloned()).collect()
    }

    /// Returns expiry warnings and certificate errors of all loaded credentials.
    pub(crate) fn warnings(&self, model: &Model) -> Vec<CredentialProblem> {
        CredentialId::all(model).flat_map(|credential| self.warnings_for(credential, model)).collect()
    }

    /// Returns expiry warnings and certificate errors of one credential. A placeholder has none: the ACME client
    /// logs why the certificate is pending.
    pub(in crate::tls) fn warnings_for(&self, credential: CredentialId, model: &Model) -> Vec<CredentialProblem> {
        if matches!(credential, CredentialId::Certificate(id) if self.is_placeholder(id)) {
            return Vec::new();
        }
        let now = SystemTime::now();
        let certificate = match credential {
            CredentialId::Certificate(id) => {
                self.certificates.get(&id).map(|it| (it, model.hosts_with_certificate(id)))
            }
            CredentialId::ClientAuth(_) | CredentialId::TicketKeys | CredentialId::UpstreamTls(_) => None,
        };
        let errors = certificate.map_or_else(Vec::new, |(it, names)| it.errors_besides_expiry(&names, now));
        let expiries = self.expiries_of(credential);
        let expiries = expiries.iter().filter_map(|expiry| CredentialProblem::from_expiry(expiry, now));
        errors.into_iter().map(CredentialProblem::File).chain(expiries).collect()
    }

    /// Returns the validity periods of the certificates, client CAs and revocation lists of each host, by host
    /// name.
    pub(crate) fn expiries(&self, model: &Model) -> Vec<(String, Expiry)> {
        let of_host = |host: &VirtualHost| match host.security {
            HostSecurity::Tls(id) => {
                let certificates =
                    model.tls_settings(id).certificates.iter().copied().map(CredentialId::Certificate);
                let expiries =
                    certificates.chain([CredentialId::ClientAuth(id)]).flat_map(|it| self.expiries_of(it));
                expiries.map(|expiry| (host_name(host), expiry)).collect()
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
            CredentialId::ClientAuth(id) => {
                self.client_trusts.get(&id).map_or_else(Vec::new, |it| it.expiries.clone())
            }
            CredentialId::UpstreamTls(id) => {
                self.upstream_clients.get(&id).and_then(UpstreamTlsClient::identity_expiry).into_iter().collect()
            }
            CredentialId::TicketKeys => Vec::new(),
        }
    }

    /// Returns the time until a certificate expires in whole days, formatted.
    pub(crate) fn time_left(&self, id: CertificateId) -> Option<String> {
        self.certificates.get(&id).map(|certificate| certificate.time_left(SystemTime::now()))
    }

    /// Builds the SNI resolvers of all TLS listeners.
    pub(crate) fn sni_resolvers(&mut self, model: &Model) -> Result<SniResolvers, rustls::Error> {
        let mut configs = BTreeMap::new();
        for (id, settings) in model.all_tls_settings() {
            configs.insert(id, Arc::new(self.config(id, settings)?));
        }
        self.configs = configs;
        let resolver = |listener: &Listener| {
            let is_tls = listener.transport == ListenerTransport::Tls;
            sni_resolver(model, listener, self).filter(|_| is_tls).map(Arc::new)
        };
        Ok(model.listeners.iter().map(resolver).collect())
    }

    fn config(&self, id: TlsId, settings: &TlsSettings) -> Result<ServerConfig, rustls::Error> {
        let keys =
            settings.certificates.iter().filter_map(|id| self.certificates.get(id)).map(ServerCertificate::key);
        let verifier = self.client_trusts.get(&id).map(|trust| trust.verifier.clone());
        let mut config =
            self.context.server_config(&settings.policy, CertResolver::new(keys.collect()), verifier)?;
        if let Some(previous) = self.configs.get(&id) {
            // Sessions stored in memory stay resumable after a reload, as tickets do.
            config.session_storage = previous.session_storage.clone();
        }
        Ok(config)
    }
}

/// Returns the first name of a host.
fn host_name(host: &VirtualHost) -> String {
    host.names.first().map(ToString::to_string).unwrap_or_default()
}

/// Builds the SNI resolver of a listener; `None` if one of its hosts has no TLS.
fn sni_resolver(model: &Model, listener: &Listener, store: &CredentialStore) -> Option<SniResolver> {
    let config_of = |host: HostId| match model.host(host).security {
        HostSecurity::Tls(id) => store.configs.get(&id).map(|config| HostTlsConfig { id, config: config.clone() }),
        HostSecurity::Plain => None,
    };
    let mut by_name = HostTable::new();
    for (pattern, host) in listener.hosts.entries() {
        by_name.insert(pattern, config_of(*host)?);
    }
    Some(SniResolver::new(by_name, config_of(listener.default_host()?)?, store.challenges.clone()))
}
