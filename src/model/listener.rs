//! Listeners: address, PROXY mode, transport; HTTP versions for ALPN.

use std::net::SocketAddr;

use super::host::HostTable;
use super::ids::HostId;

/// A listening address and the virtual hosts reachable on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub address: SocketAddr,
    pub proxy_protocol: ProxyProtocolMode,
    pub transport: ListenerTransport,
    pub hosts: HostTable<HostId>,
}

impl Listener {
    /// Returns the host used when neither SNI nor `Host` selects one.
    ///
    /// A client without SNI receives its certificate, and requests for unknown hosts are written to its access
    /// log. It is the configured default host, or else the host added first.
    pub fn default_host(&self) -> Option<HostId> {
        let first = || self.hosts.entries().into_iter().map(|(_, id)| *id).min();
        self.hosts.default.or_else(first)
    }
}

/// Whether connections start with a PROXY protocol header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocolMode {
    None,
    /// Every connection must start with a header; connections without one are closed.
    ProxyProtocol,
}

/// Whether connections use TLS. The TLS settings are those of the host selected by SNI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTransport {
    Plain,
    Tls,
}

/// The HTTP versions offered in ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersions {
    Http1Only,
    Http2And1,
}
