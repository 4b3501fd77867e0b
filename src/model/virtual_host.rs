//! Virtual hosts, and whether they are served over TLS.

use super::client_address::ClientAddressPolicy;
use super::compression::CompressionPolicy;
use super::host::HostPattern;
use super::ids::{ErrorPagesId, LogId, TlsId};
use super::log_format::LogFormat;
use super::route::RouteTable;

/// A set of host names on one transport, with their routes and settings. A host that is served over HTTPS and
/// has an HTTP redirect is two virtual hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    pub names: Vec<HostPattern>,
    pub security: HostSecurity,
    pub client_address: ClientAddressPolicy,
    pub routes: RouteTable,
    pub compression: CompressionPolicy,
    pub access_log: LogId,
    pub log_format: LogFormat,
    /// Error pages for errors outside of any route.
    pub error_pages: Option<ErrorPagesId>,
}

/// Whether a virtual host is served over TLS, and with which TLS settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostSecurity {
    Plain,
    Tls(TlsId),
}

impl HostSecurity {
    /// Returns the URL scheme of the host: `http` or `https`.
    pub fn scheme(self) -> &'static str {
        match self {
            HostSecurity::Plain => "http",
            HostSecurity::Tls(_) => "https",
        }
    }
}
