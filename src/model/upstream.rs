//! Applications: where they listen, what is spoken to them, and how far they are trusted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificate_files::CertificateFiles;
use super::host::HostName;

/// Where requests go, and how connections to it are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamSpec {
    pub address: UpstreamAddress,
    pub protocol: UpstreamProtocol,
    pub security: UpstreamSecurity,
    /// Longest time to establish a connection.
    pub connect_timeout: Duration,
    /// How long a connection may rest in the pool. Must be below the application's own limit, or
    /// requests meet connections that are just being closed.
    pub idle_timeout: Duration,
    /// How many HTTP/1.1 connections may rest in the pool, over all workers. Of HTTP/2 there are only a
    /// few, each for many requests at once.
    pub max_idle: usize,
}

/// The socket an application listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamAddress {
    Unix(PathBuf),
    /// A name or address and a port, resolved for each new connection.
    Tcp {
        host: String,
        port: u16,
    },
}

/// The version of HTTP that an application is spoken to in. It is known beforehand, never negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    Http1,
    /// For gRPC: trailers, and streams in both directions at once (RFC 9113).
    Http2,
}

/// Whether connections to an application are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamSecurity {
    Plain,
    Tls(UpstreamTlsSettings),
}

/// The terms of TLS to an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTlsSettings {
    /// The name that is asked for, and that the certificate must be for.
    pub name: HostName,
    pub trust: UpstreamTrust,
    /// Shown to an application that asks for a certificate.
    pub identity: Option<CertificateFiles>,
}

/// Which certificates of an application are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamTrust {
    /// Those of authorities that the operating system trusts.
    System,
    /// Those of the authorities in this file.
    CaFile(PathBuf),
    /// The very first certificate in this file and no other, whatever its names, dates and issuer are.
    Pinned(PathBuf),
    /// Any. Whoever gets between can read and change everything.
    Insecure,
}

impl UpstreamTlsSettings {
    /// All that it names.
    pub fn files(&self) -> Vec<&Path> {
        let trusted = match &self.trust {
            UpstreamTrust::CaFile(file) | UpstreamTrust::Pinned(file) => Some(file.as_path()),
            UpstreamTrust::System | UpstreamTrust::Insecure => None,
        };
        trusted.into_iter().chain(self.identity.iter().flat_map(CertificateFiles::paths)).collect()
    }
}

impl UpstreamSpec {
    /// The terms of TLS, if it is spoken.
    pub fn tls(&self) -> Option<&UpstreamTlsSettings> {
        match &self.security {
            UpstreamSecurity::Plain => None,
            UpstreamSecurity::Tls(tls) => Some(tls),
        }
    }
}

/// As configuration writes it: the address, after a scheme unless that is `http`.
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
