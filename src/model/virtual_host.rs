//! Virtual hosts.

use super::client_address::ClientAddressPolicy;
use super::compression::CompressionPolicy;
use super::host::HostPattern;
use super::ids::{ErrorPagesId, LogId, TlsId};
use super::log_format::LogFormat;
use super::route::RouteTable;

/// One or more names and what happens to requests for them, on one kind of transport. A host that is
/// reached over HTTPS and redirected to from HTTP is two of these.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    pub names: Vec<HostPattern>,
    pub security: HostSecurity,
    pub client_address: ClientAddressPolicy,
    pub routes: RouteTable,
    pub compression: CompressionPolicy,
    pub access_log: LogId,
    pub log_format: LogFormat,
    /// For errors that no route answers for.
    pub error_pages: Option<ErrorPagesId>,
}

/// Whether a host is served encrypted, and on which terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostSecurity {
    Plain,
    Tls(TlsId),
}

impl HostSecurity {
    /// The scheme that clients of the host use.
    pub fn scheme(self) -> &'static str {
        match self {
            HostSecurity::Plain => "http",
            HostSecurity::Tls(_) => "https",
        }
    }
}
