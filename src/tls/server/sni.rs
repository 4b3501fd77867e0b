//! Selects the TLS configuration by SNI host name.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ClientHello;

use super::challenges::AcmeChallenges;
use crate::model::TlsId;
use crate::model::host::{HostName, HostTable};

/// TLS configurations of one listener by host name, with a default.
pub struct SniResolver {
    by_name: HostTable<HostTlsConfig>,
    default: HostTlsConfig,
    /// Set if any certificate is managed by ACME.
    challenges: Option<Arc<AcmeChallenges>>,
}

/// One resolver for each listener; `None` for plain listeners.
pub type SniResolvers = Arc<[Option<Arc<SniResolver>>]>;

/// The SNI resolver of a listener on one worker. It can be replaced while connections are accepted.
pub struct CurrentSniResolver(RefCell<Arc<SniResolver>>);

/// TLS settings id and rustls configuration of a host.
#[derive(Clone)]
pub struct HostTlsConfig {
    pub id: TlsId,
    pub config: Arc<ServerConfig>,
}

impl SniResolver {
    /// Creates a resolver. `default` is for clients without SNI, or with a name that no host has.
    pub fn new(
        by_name: HostTable<HostTlsConfig>,
        default: HostTlsConfig,
        challenges: Option<Arc<AcmeChallenges>>,
    ) -> SniResolver {
        SniResolver { by_name, default, challenges }
    }

    /// Returns the configuration of the host with this name, or the default.
    fn host_config(&self, name: Option<&HostName>) -> &HostTlsConfig {
        name.and_then(|name| self.by_name.find(name.as_str())).unwrap_or(&self.default)
    }
}

impl CurrentSniResolver {
    /// Starts with this resolver.
    pub fn new(resolver: Arc<SniResolver>) -> CurrentSniResolver {
        CurrentSniResolver(RefCell::new(resolver))
    }

    /// Replaces the resolver. Handshakes that have already selected a configuration keep it.
    pub fn replace(&self, resolver: Arc<SniResolver>) {
        self.0.replace(resolver);
    }

    /// Returns the TLS configuration for an SNI name.
    pub(crate) fn resolve(&self, name: Option<&HostName>) -> HostTlsConfig {
        self.0.borrow().host_config(name).clone()
    }

    /// Returns the configuration for a TLS-ALPN-01 challenge; `None` for any other handshake.
    pub(crate) fn challenge_config(
        &self,
        hello: &ClientHello<'_>,
        name: Option<&HostName>,
    ) -> Option<Arc<ServerConfig>> {
        self.0.borrow().challenges.as_ref()?.tls_config(hello, name)
    }
}
