//! Upstream settings: address, protocol, connection pool, TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificate_files::CertificateFiles;
use super::host::HostName;

/// Address, protocol, pool settings and TLS settings of an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamSpec {
    pub address: UpstreamAddress,
    pub protocol: UpstreamProtocol,
    pub security: UpstreamSecurity,
    /// Maximum time to establish a connection (nginx `proxy_connect_timeout`).
    pub connect_timeout: Duration,
    /// How long a connection may be idle in the pool (nginx `keepalive_timeout`). It must be below the idle
    /// timeout of the upstream; otherwise requests are sent on connections that the upstream is closing.
    pub idle_timeout: Duration,
    /// Maximum number of idle HTTP/1.1 connections over all workers (nginx `keepalive`). HTTP/2 needs only a
    /// few connections, because requests share them.
    pub max_idle: usize,
}

/// Unix socket path, or TCP host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    Unix(PathBuf),
    /// A name or address and a port. The name is resolved for each new connection.
    Tcp {
        host: String,
        port: u16,
    },
}

/// The HTTP version used with an upstream. It is configured, not negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    Http1,
    /// For gRPC, which needs trailers and bidirectional streams (RFC 9113).
    Http2,
}

/// Plain or TLS connections to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamSecurity {
    Plain,
    Tls(UpstreamTlsSettings),
}

/// TLS settings for connections to an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTlsSettings {
    /// Sent as SNI, and verified against the certificate.
    pub name: HostName,
    pub trust: UpstreamTrust,
    /// Client certificate, sent if the upstream requests one (nginx `proxy_ssl_certificate`).
    pub identity: Option<CertificateFiles>,
}

/// Which upstream certificates are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamTrust {
    /// Certificates issued by a CA of the system roots.
    System,
    /// Certificates issued by a CA in this file (nginx `proxy_ssl_trusted_certificate`).
    CaFile(PathBuf),
    /// Exactly the first certificate in this file, whatever its names, dates and issuer.
    Pinned(PathBuf),
    /// Any certificate. An attacker between the proxy and the upstream can read and change all data.
    Insecure,
}

impl UpstreamTlsSettings {
    /// Returns the paths of the CA or pinned certificate and of the client certificate.
    pub fn files(&self) -> Vec<&Path> {
        let trusted = match &self.trust {
            UpstreamTrust::CaFile(file) | UpstreamTrust::Pinned(file) => Some(file.as_path()),
            UpstreamTrust::System | UpstreamTrust::Insecure => None,
        };
        trusted.into_iter().chain(self.identity.iter().flat_map(CertificateFiles::paths)).collect()
    }
}

impl UpstreamSpec {
    /// Returns the TLS settings; `None` for plain connections.
    pub fn tls(&self) -> Option<&UpstreamTlsSettings> {
        match &self.security {
            UpstreamSecurity::Plain => None,
            UpstreamSecurity::Tls(tls) => Some(tls),
        }
    }
}

/// Formatted as in the configuration: the address, preceded by the scheme unless it is `http`.
impl fmt::Display for UpstreamSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.protocol, &self.security) {
            (UpstreamProtocol::Http1, UpstreamSecurity::Plain) => "",
            (UpstreamProtocol::Http1, UpstreamSecurity::Tls(_)) => "https://",
            (UpstreamProtocol::Http2, UpstreamSecurity::Plain) => "grpc://",
            (UpstreamProtocol::Http2, UpstreamSecurity::Tls(_)) => "grpcs://",
        };
        write!(f, "{scheme}{}", self.address)
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            UpstreamAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            UpstreamAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}
