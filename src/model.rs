//! What a configuration means.
//!
//! Both front ends, TOML and `gitlab.rb`, compile into a [`Model`]; nothing behind it knows which one
//! was used. The types are pure data with behaviour: no async, no sockets, no files. A `Model` that
//! exists is consistent: every id in it resolves, every header operation is allowed, every host on a
//! TLS listener has terms with a certificate.

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

/// Everything one process serves, and how.
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
    /// The host of the pages about the proxy itself, if there is one.
    pub status: Option<HostId>,
    /// How certificates are obtained, if any are.
    pub acme: Option<AcmeSettings>,
}

macro_rules! tables {
    ($($name:ident -> $field:ident: $item:ty, $push:ident, $get:ident;)*) => {
        impl Model {
            $(
                /// Adds an item; an equal one that is there already keeps its id.
                pub fn $push(&mut self, item: $item) -> $name {
                    if let Some(known) = self.$field.iter().position(|it| *it == item) {
                        return $name(known);
                    }
                    self.$field.push(item);
                    $name(self.$field.len() - 1)
                }

                /// The item behind an id of this model.
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
    TlsId -> tls_settings: TlsSettings, add_tls_terms, tls_terms;
    LogId -> access_logs: LogTarget, add_access_log, access_log;
    ErrorPagesId -> error_pages: ErrorPages, add_error_pages, error_pages;
}

impl Model {
    /// A model that serves nothing yet.
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

    pub fn hosts(&self) -> &[VirtualHost] {
        &self.hosts
    }

    pub fn upstreams(&self) -> &[UpstreamSpec] {
        &self.upstreams
    }

    /// The same with their ids.
    pub fn upstreams_with_ids(&self) -> impl Iterator<Item = (UpstreamId, &UpstreamSpec)> {
        self.upstreams.iter().enumerate().map(|(position, spec)| (UpstreamId(position), spec))
    }

    pub fn certificates(&self) -> impl Iterator<Item = (CertificateId, &CertificateFiles)> {
        self.certificates.iter().enumerate().map(|(position, files)| (CertificateId(position), files))
    }

    pub fn all_tls_settings(&self) -> impl Iterator<Item = (TlsId, &TlsSettings)> {
        self.tls_settings.iter().enumerate().map(|(position, terms)| (TlsId(position), terms))
    }

    pub fn access_logs(&self) -> &[LogTarget] {
        &self.access_logs
    }

    pub fn all_error_pages(&self) -> &[ErrorPages] {
        &self.error_pages
    }

    /// The names of all hosts that show a certificate.
    pub fn hosts_with_certificate(&self, id: CertificateId) -> Vec<HostPattern> {
        let shows = |security: HostSecurity| match security {
            HostSecurity::Tls(terms) => self.tls_terms(terms).certificates.contains(&id),
            HostSecurity::Plain => false,
        };
        let hosts = self.hosts.iter().filter(|host| shows(host.security));
        hosts.flat_map(|host| host.names.iter().cloned()).collect()
    }

    /// What is obtained as this certificate, if it is.
    pub fn acme_certificate(&self, id: CertificateId) -> Option<&AcmeCertificate> {
        self.acme.as_ref()?.certificates.iter().find(|it| it.certificate == id)
    }

    /// Whether a template of the model, of a log or of a header, names a fact.
    pub fn uses_variable(&self, fact: NamedRequestVariable) -> bool {
        let wanted = RequestVariable::Fact(fact);
        self.hosts.iter().any(|host| {
            let mut ops = host.routes.iter().flat_map(Route::header_ops);
            host.log_format.names(&wanted) || ops.any(|op| op.names(&wanted))
        })
    }
}
