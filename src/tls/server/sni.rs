//! Selects the TLS configuration by SNI host name.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ClientHello;

use super::challenges::AcmeChallenges;
use crate::model::TlsId;
use crate::model::host::{HostName, HostTable};

/// What the hosts of one listener need for their handshakes.
pub struct SniResolver {
    by_name: HostTable<HostTlsConfig>,
    fallback: HostTlsConfig,
    /// There if authorities may ask here whether hosts are ours.
    challenges: Option<Arc<AcmeChallenges>>,
}

/// By listener; `None` for plain ones.
pub type SniResolvers = Arc<[Option<Arc<SniResolver>>]>;

/// Where the door of a listener hangs, in one worker. It can be exchanged while connections come in.
pub struct CurrentSniResolver(RefCell<Arc<SniResolver>>);

/// The terms of a host, ready for use.
#[derive(Clone)]
pub struct HostTlsConfig {
    pub id: TlsId,
    pub config: Arc<ServerConfig>,
}

impl SniResolver {
    /// `fallback` is for clients that name no host, or one that is not here.
    pub fn new(
        by_name: HostTable<HostTlsConfig>,
        fallback: HostTlsConfig,
        challenges: Option<Arc<AcmeChallenges>>,
    ) -> SniResolver {
        SniResolver { by_name, fallback, challenges }
    }

    fn host_config(&self, name: Option<&HostName>) -> &HostTlsConfig {
        name.and_then(|name| self.by_name.find(name.as_str())).unwrap_or(&self.fallback)
    }
}

impl CurrentSniResolver {
    pub fn new(door: Arc<SniResolver>) -> CurrentSniResolver {
        CurrentSniResolver(RefCell::new(door))
    }

    /// Handshakes whose terms are chosen from here on have those of `door`. Others keep theirs.
    pub fn replace(&self, door: Arc<SniResolver>) {
        self.0.replace(door);
    }

    pub(crate) fn resolve(&self, name: Option<&HostName>) -> HostTlsConfig {
        self.0.borrow().host_config(name).clone()
    }

    /// On which terms an authority is answered, if it is one that asks.
    pub(crate) fn challenge_config(
        &self,
        hello: &ClientHello<'_>,
        name: Option<&HostName>,
    ) -> Option<Arc<ServerConfig>> {
        self.0.borrow().challenges.as_ref()?.tls_config(hello, name)
    }
}
