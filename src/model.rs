//! The effective configuration ([`Model`]): consistent by construction, independent of the front end.
//!
//! Both front ends, TOML and `gitlab.rb`, compile into a [`Model`]; no later stage knows which of them was
//! used. The types are data with pure functions: no async code, no sockets, no file access. Every `Model` is
//! consistent: every id in it resolves, every header operation is permitted, and every host on a TLS listener
//! has TLS settings with a certificate.

pub mod access;
pub mod acme;
mod certificate_files;
pub mod client_address;
pub mod compression;
pub mod error_page;
pub mod files;
pub mod headers;
pub mod host;
mod ids;
mod limits;
mod listener;
pub mod log_format;
pub mod network;
pub mod path;
mod process;
pub mod route;
pub mod setting_report;
pub mod template;
pub mod tls;
pub mod upstream;
pub mod variable;
mod virtual_host;

pub use certificate_files::CertificateFiles;
pub use ids::{CertificateId, ErrorPagesId, HostId, LogId, TlsId, UpstreamId};
pub use limits::BodyLimit;
pub use listener::{HttpVersions, Listener, ListenerTransport, ProxyProtocolMode};
pub use process::{LogLevel, LogTarget, ProcessSettings};
pub use virtual_host::{HostSecurity, VirtualHost};

use acme::{AcmeCertificate, AcmeSettings};
use error_page::ErrorPages;
use host::HostPattern;
use route::Route;
use tls::TlsSettings;
use upstream::UpstreamSpec;
use variable::{NamedRequestVariable, RequestVariable};

/// The effective configuration of one process. Every id in it resolves.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub process: ProcessSettings,
    pub listeners: Vec<Listener>,
    hosts: Vec<VirtualHost>,
    upstreams: Vec<UpstreamSpec>,
    certificates: Vec<CertificateFiles>,
    tls_settings: Vec<TlsSettings>,
    access_logs: Vec<LogTarget>,
    error_pages: Vec<ErrorPages>,
    /// The host of the status endpoints; `None` without `[status]`.
    pub status: Option<HostId>,
    /// ACME settings; `None` if no certificate is managed by ACME.
    pub acme: Option<AcmeSettings>,
}

macro_rules! tables {
    ($($name:ident -> $field:ident: $item:ty, $push:ident, $get:ident;)*) => {
        impl Model {
            $(
                /// Adds an item and returns its id. An equal item is stored once and keeps its id.
                pub fn $push(&mut self, item: $item) -> $name {
                    if let Some(known) = self.$field.iter().position(|it| *it == item) {
                        return $name(known);
                    }
                    self.$field.push(item);
                    $name(self.$field.len() - 1)
                }

                /// Returns the item with an id of this model.
                pub fn $get(&self, id: $name) -> &$item {
                    &self.$field[id.0]
                }
            )*
        }
    };
}

tables! {
    HostId -> hosts: VirtualHost, add_host, host;
    UpstreamId -> upstreams: UpstreamSpec, add_upstream, upstream;
    CertificateId -> certificates: CertificateFiles, add_certificate, certificate;
    TlsId -> tls_settings: TlsSettings, add_tls_settings, tls_settings;
    LogId -> access_logs: LogTarget, add_access_log, access_log;
    ErrorPagesId -> error_pages: ErrorPages, add_error_pages, error_pages;
}

impl Model {
    /// Returns a model without listeners, hosts and upstreams.
    pub fn new(process: ProcessSettings) -> Model {
        Model {
            process,
            listeners: Vec::new(),
            hosts: Vec::new(),
            upstreams: Vec::new(),
            certificates: Vec::new(),
            tls_settings: Vec::new(),
            access_logs: Vec::new(),
            error_pages: Vec::new(),
            status: None,
            acme: None,
        }
    }

    /// Returns all virtual hosts.
    pub fn hosts(&self) -> &[VirtualHost] {
        &self.hosts
    }

    /// Returns all upstreams.
    pub fn upstreams(&self) -> &[UpstreamSpec] {
        &self.upstreams
    }

    /// Returns all upstreams with their ids.
    pub fn upstreams_with_ids(&self) -> impl Iterator<Item = (UpstreamId, &UpstreamSpec)> {
        self.upstreams.iter().enumerate().map(|(position, spec)| (UpstreamId(position), spec))
    }

    /// Returns all certificates with their ids.
    pub fn certificates(&self) -> impl Iterator<Item = (CertificateId, &CertificateFiles)> {
        self.certificates.iter().enumerate().map(|(position, files)| (CertificateId(position), files))
    }

    /// Returns all TLS settings with their ids.
    pub fn all_tls_settings(&self) -> impl Iterator<Item = (TlsId, &TlsSettings)> {
        self.tls_settings.iter().enumerate().map(|(position, settings)| (TlsId(position), settings))
    }

    /// Returns all access log destinations.
    pub fn access_logs(&self) -> &[LogTarget] {
        &self.access_logs
    }

    /// Returns all sets of error pages.
    pub fn all_error_pages(&self) -> &[ErrorPages] {
        &self.error_pages
    }

    /// Returns the names of all hosts that use a certificate.
    pub fn hosts_with_certificate(&self, id: CertificateId) -> Vec<HostPattern> {
        let uses = |security: HostSecurity| match security {
            HostSecurity::Tls(tls) => self.tls_settings(tls).certificates.contains(&id),
            HostSecurity::Plain => false,
        };
        let hosts = self.hosts.iter().filter(|host| uses(host.security));
        hosts.flat_map(|host| host.names.iter().cloned()).collect()
    }

    /// Returns the ACME settings of a certificate; `None` if it is not managed by ACME.
    pub fn acme_certificate(&self, id: CertificateId) -> Option<&AcmeCertificate> {
        self.acme.as_ref()?.certificates.iter().find(|it| it.certificate == id)
    }

    /// Returns whether any header template or log format uses a variable.
    pub fn uses_variable(&self, variable: NamedRequestVariable) -> bool {
        let wanted = RequestVariable::Named(variable);
        self.hosts.iter().any(|host| {
            let mut ops = host.routes.iter().flat_map(Route::header_ops);
            host.log_format.uses_variable(&wanted) || ops.any(|op| op.uses_variable(&wanted))
        })
    }
}
