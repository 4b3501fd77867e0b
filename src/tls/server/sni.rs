//! Selects the TLS configuration by SNI host name.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ClientHello;

use super::challenges::Challenges;
use crate::model::TlsId;
use crate::model::host::{HostName, HostTable};

/// What the hosts of one listener need for their handshakes.
pub struct Door {
    by_name: HostTable<Terms>,
    fallback: Terms,
    /// There if authorities may ask here whether hosts are ours.
    challenges: Option<Arc<Challenges>>,
}

/// By listener; `None` for plain ones.
pub type Doors = Arc<[Option<Arc<Door>>]>;

/// Where the door of a listener hangs, in one worker. It can be exchanged while connections come in.
pub struct Doorway(RefCell<Arc<Door>>);

/// The terms of a host, ready for use.
#[derive(Clone)]
pub struct Terms {
    pub id: TlsId,
    pub config: Arc<ServerConfig>,
}

impl Door {
    /// `fallback` is for clients that name no host, or one that is not here.
    pub fn new(by_name: HostTable<Terms>, fallback: Terms, challenges: Option<Arc<Challenges>>) -> Door {
        Door { by_name, fallback, challenges }
    }

    fn terms(&self, name: Option<&HostName>) -> &Terms {
        name.and_then(|name| self.by_name.find(name.as_str())).unwrap_or(&self.fallback)
    }
}

impl Doorway {
    pub fn new(door: Arc<Door>) -> Doorway {
        Doorway(RefCell::new(door))
    }

    /// Handshakes whose terms are chosen from here on have those of `door`. Others keep theirs.
    pub fn hang(&self, door: Arc<Door>) {
        self.0.replace(door);
    }

    pub(crate) fn terms(&self, name: Option<&HostName>) -> Terms {
        self.0.borrow().terms(name).clone()
    }

    /// On which terms an authority is answered, if it is one that asks.
    pub(crate) fn answer(&self, hello: &ClientHello<'_>, name: Option<&HostName>) -> Option<Arc<ServerConfig>> {
        self.0.borrow().challenges.as_ref()?.handshake(hello, name)
    }
}
