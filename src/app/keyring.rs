//! Everything of TLS that comes from files: certificates, keys, and who vouches for clients.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;

use super::problem::Problem;
use crate::model::host::{HostPattern, HostTable};
use crate::model::tls::{ClientCertificates, TlsTerms};
use crate::model::{CertificateId, HostId, Listener, Model, Security, TlsId, Transport};
use crate::net::certificate::Certificate;
use crate::net::client_verifier;
use crate::net::key_choice::KeyChoice;
use crate::net::server_config::TlsShared;
use crate::net::tls::{Door, Terms};
use crate::net::upstream::tls::ApplicationTls;

/// What was read for a model.
pub(super) struct Keyring {
    shared: TlsShared,
    certificates: BTreeMap<CertificateId, Certificate>,
    verifiers: BTreeMap<TlsId, Arc<dyn ClientCertVerifier>>,
}

impl Keyring {
    /// Reads all files, and says what is wrong with those that cannot be used.
    pub(super) fn read(model: &Model) -> (Result<Keyring, rustls::Error>, Vec<Problem>) {
        let shared = match TlsShared::new() {
            Ok(shared) => shared,
            Err(error) => return (Err(error), Vec::new()),
        };
        let mut problems = Vec::new();
        let mut keyring = Keyring { shared, certificates: BTreeMap::new(), verifiers: BTreeMap::new() };
        for (id, files) in model.certificates() {
            match Certificate::read(files, &keyring.shared.provider) {
                Ok(certificate) => drop(keyring.certificates.insert(id, certificate)),
                Err(found) => problems.extend(found),
            }
        }
        for (id, terms) in model.all_tls_terms() {
            let ClientCertificates::Asked(authority) = &terms.policy.clients else { continue };
            match client_verifier::read(authority, &keyring.shared.provider) {
                Ok(verifier) => drop(keyring.verifiers.insert(id, verifier)),
                Err(found) => problems.extend(found),
            }
        }
        (Ok(keyring), problems.into_iter().map(Problem::File).collect())
    }

    /// By application; `None` for those that are spoken to without TLS.
    pub(super) fn application_tls(&self, model: &Model) -> Result<Arc<[Option<ApplicationTls>]>, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut prepared = Vec::new();
        for spec in model.upstreams() {
            let terms = spec.tls().map(|terms| ApplicationTls::new(terms, spec.protocol, &self.shared.provider));
            match terms.transpose() {
                Ok(tls) => prepared.push(tls),
                Err(found) => problems.extend(found.into_iter().map(Problem::File)),
            }
        }
        if problems.is_empty() { Ok(prepared.into()) } else { Err(problems) }
    }

    /// What clients will find wrong with certificates that can be served, and what is wrong with who vouches for
    /// them.
    pub(super) fn objections(&self, model: &Model) -> Vec<Problem> {
        let now = SystemTime::now();
        let mut found = Vec::new();
        let soon = self.certificates.values().filter_map(|it| it.ends_soon(now)).map(Problem::Soon);
        for (id, certificate) in &self.certificates {
            let shows = |security: Security| match security {
                Security::Tls(terms) => model.tls_terms(terms).certificates.contains(id),
                Security::Plain => false,
            };
            let hosts = model.hosts().iter().filter(|host| shows(host.security));
            let names: Vec<HostPattern> = hosts.flat_map(|host| host.names.iter().cloned()).collect();
            found.extend(certificate.objections(&names, now));
        }
        for (_, terms) in model.all_tls_terms() {
            if let ClientCertificates::Asked(authority) = &terms.policy.clients {
                found.extend(client_verifier::objections(authority, now));
            }
        }
        found.into_iter().map(Problem::File).chain(soon).collect()
    }

    /// By listener; `None` for plain ones.
    pub(super) fn doors(&self, model: &Model) -> Result<Vec<Option<Arc<Door>>>, rustls::Error> {
        let mut configs = BTreeMap::new();
        for (id, terms) in model.all_tls_terms() {
            configs.insert(id, Arc::new(self.config(id, terms)?));
        }
        let door = |listener: &Listener| {
            let is_tls = listener.transport == Transport::Tls;
            door(model, listener, &configs).filter(|_| is_tls).map(Arc::new)
        };
        Ok(model.listeners.iter().map(door).collect())
    }

    fn config(&self, id: TlsId, terms: &TlsTerms) -> Result<ServerConfig, rustls::Error> {
        let keys = terms.certificates.iter().filter_map(|id| self.certificates.get(id)).map(Certificate::key);
        let verifier = self.verifiers.get(&id).cloned();
        self.shared.server_config(&terms.policy, KeyChoice::new(keys.collect()), verifier)
    }
}

fn door(model: &Model, listener: &Listener, configs: &BTreeMap<TlsId, Arc<ServerConfig>>) -> Option<Door> {
    let terms_of = |host: HostId| match model.host(host).security {
        Security::Tls(id) => configs.get(&id).map(|config| Terms { id, config: config.clone() }),
        Security::Plain => None,
    };
    let mut by_name = HostTable::new();
    for (pattern, host) in listener.hosts.entries() {
        by_name.insert(pattern, terms_of(*host)?);
    }
    Some(Door::new(by_name, terms_of(listener.fallback()?)?))
}
