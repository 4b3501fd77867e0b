//! Listening addresses.

use std::net::SocketAddr;

use super::host::HostTable;
use super::ids::HostId;

/// An address that is accepted on, with the hosts that answer there.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub address: SocketAddr,
    pub preamble: ProxyProtocolMode,
    pub transport: ListenerTransport,
    pub hosts: HostTable<HostId>,
}

impl Listener {
    /// The host that stands in where no name decides: whose certificate is shown to a client that names
    /// none, and whose log takes requests for hosts that are not here.
    pub fn default_host(&self) -> Option<HostId> {
        let first = || self.hosts.entries().into_iter().map(|(_, id)| *id).min();
        self.hosts.default.or_else(first)
    }
}

/// What stands in front of everything else on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocolMode {
    None,
    /// A header that names the client. Connections without one are closed.
    ProxyProtocol,
}

/// What a client must speak to a listener first. The terms of TLS are those of the host that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTransport {
    Plain,
    Tls,
}

/// The HTTP versions offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersions {
    Http1Only,
    Http2And1,
}
