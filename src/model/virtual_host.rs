//! Virtual hosts.

use super::client_address::ClientAddress;
use super::compression::Compression;
use super::host::HostPattern;
use super::ids::{ErrorPagesId, LogId, TlsId};
use super::log_format::LogFormat;
use super::route::Routes;

/// One or more names and what happens to requests for them, on one kind of transport. A host that is
/// reached over HTTPS and redirected to from HTTP is two of these.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    pub names: Vec<HostPattern>,
    pub security: Security,
    pub client_address: ClientAddress,
    pub routes: Routes,
    pub compression: Compression,
    pub access_log: LogId,
    pub log_format: LogFormat,
    /// For errors that no route answers for.
    pub error_pages: Option<ErrorPagesId>,
}

/// Whether a host is served encrypted, and on which terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    Tls(TlsId),
}

impl Security {
    /// The scheme that clients of the host use.
    pub fn scheme(self) -> &'static str {
        match self {
            Security::Plain => "http",
            Security::Tls(_) => "https",
        }
    }
}
