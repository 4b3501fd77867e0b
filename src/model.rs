//! What a configuration means.
//!
//! Both front ends, TOML and `gitlab.rb`, compile into a [`Model`]; nothing behind it knows which one
//! was used. The types are pure data with behaviour: no async, no sockets, no files. A `Model` that
//! exists is consistent: every id in it resolves, every header operation is allowed, every host on a
//! TLS listener has terms with a certificate.

pub mod access;
pub mod acme;
pub mod client_address;
pub mod compression;
pub mod end_to_end;
pub mod error_page;
pub mod files;
pub mod forgeable;
pub mod header_ops;
pub mod host;
pub mod introduction;
pub mod judgement;
pub mod log_format;
pub mod network;
pub mod path;
pub mod route;
pub mod template;
pub mod tls;
pub mod upstream;
pub mod variable;

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use acme::{Acme, Obtained};
use client_address::ClientAddress;
use compression::Compression;
use error_page::ErrorPages;
use host::{HostPattern, HostTable};
use log_format::LogFormat;
use route::{Route, Routes};
use tls::{TicketKeySource, TlsTerms};
use upstream::UpstreamSpec;
use variable::{RequestFact, RequestVariable};

/// Everything one process serves, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub process: Process,
    pub listeners: Vec<Listener>,
    hosts: Vec<VirtualHost>,
    upstreams: Vec<UpstreamSpec>,
    certificates: Vec<CertificateFiles>,
    tls_terms: Vec<TlsTerms>,
    access_logs: Vec<LogTarget>,
    error_pages: Vec<ErrorPages>,
    /// The host of the pages about the proxy itself, if there is one.
    pub status: Option<HostId>,
    /// How certificates are obtained, if any are.
    pub acme: Option<Acme>,
}

/// Settings of the process as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Threads that serve; each has its own listening sockets, pools and buffers.
    pub workers: NonZeroUsize,
    /// The account to serve as after sockets, keys and logs are open; `None` keeps the one that
    /// started the program.
    pub user: Option<String>,
    /// How long a stop waits for requests and tunnels before it cuts them.
    pub shutdown_grace: Duration,
    /// Verbosity of the program's own log, on standard error.
    pub log_level: LogLevel,
    pub ticket_keys: TicketKeySource,
}

/// Verbosity of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// An address that is accepted on, with the hosts that answer there.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    pub address: SocketAddr,
    pub preamble: Preamble,
    pub transport: Transport,
    pub hosts: HostTable<HostId>,
}

impl Listener {
    /// The host that stands in where no name decides: whose certificate is shown to a client that names
    /// none, and whose log takes requests for hosts that are not here.
    pub fn fallback(&self) -> Option<HostId> {
        let first = || self.hosts.entries().into_iter().map(|(_, id)| *id).min();
        self.hosts.default.or_else(first)
    }
}

/// What stands in front of everything else on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preamble {
    None,
    /// A header that names the client. Connections without one are closed.
    ProxyProtocol,
}

/// What a client must speak to a listener first. The terms of TLS are those of the host that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Tls,
}

/// The HTTP versions offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersions {
    Http1Only,
    Http2And1,
}

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

/// The files of one certificate: its chain, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// Pass phrases for the key, one in a line; each is tried.
    pub passwords: Option<PathBuf>,
}

impl CertificateFiles {
    /// All of them, the chain first.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        [Some(self.chain.as_path()), Some(self.key.as_path()), self.passwords.as_deref()].into_iter().flatten()
    }
}

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    Off,
    Stdout,
    File(PathBuf),
}

/// The largest request body a route accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    Unlimited,
    Bytes(NonZeroU64),
}

impl BodyLimit {
    /// Whether a body of `length` bytes may pass.
    pub fn allows(self, length: u64) -> bool {
        match self {
            BodyLimit::Unlimited => true,
            BodyLimit::Bytes(limit) => length <= limit.get(),
        }
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident -> $field:ident: $item:ty, $push:ident, $get:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// Only the model's own `add_…` makes one, so looking it up cannot fail.
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(usize);

            impl $name {
                /// The position, for tables that run beside the model's.
                pub fn index(self) -> usize {
                    self.0
                }
            }

            impl Model {
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
            }
        )*
    };
}

ids! {
    /// Names a [`VirtualHost`] of a model.
    HostId -> hosts: VirtualHost, add_host, host;
    /// Names an [`UpstreamSpec`] of a model.
    UpstreamId -> upstreams: UpstreamSpec, add_upstream, upstream;
    /// Names a pair of [`CertificateFiles`] of a model.
    CertificateId -> certificates: CertificateFiles, add_certificate, certificate;
    /// Names the [`TlsTerms`] of hosts of a model.
    TlsId -> tls_terms: TlsTerms, add_tls_terms, tls_terms;
    /// Names a [`LogTarget`] of a model.
    LogId -> access_logs: LogTarget, add_access_log, access_log;
    /// Names [`ErrorPages`] of a model.
    ErrorPagesId -> error_pages: ErrorPages, add_error_pages, error_pages;
}

impl Model {
    /// A model that serves nothing yet.
    pub fn new(process: Process) -> Model {
        Model {
            process,
            listeners: Vec::new(),
            hosts: Vec::new(),
            upstreams: Vec::new(),
            certificates: Vec::new(),
            tls_terms: Vec::new(),
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
    pub fn numbered_upstreams(&self) -> impl Iterator<Item = (UpstreamId, &UpstreamSpec)> {
        self.upstreams.iter().enumerate().map(|(position, spec)| (UpstreamId(position), spec))
    }

    pub fn certificates(&self) -> impl Iterator<Item = (CertificateId, &CertificateFiles)> {
        self.certificates.iter().enumerate().map(|(position, files)| (CertificateId(position), files))
    }

    pub fn all_tls_terms(&self) -> impl Iterator<Item = (TlsId, &TlsTerms)> {
        self.tls_terms.iter().enumerate().map(|(position, terms)| (TlsId(position), terms))
    }

    pub fn access_logs(&self) -> &[LogTarget] {
        &self.access_logs
    }

    pub fn all_error_pages(&self) -> &[ErrorPages] {
        &self.error_pages
    }

    /// The names of all hosts that show a certificate.
    pub fn names_behind(&self, id: CertificateId) -> Vec<HostPattern> {
        let shows = |security: Security| match security {
            Security::Tls(terms) => self.tls_terms(terms).certificates.contains(&id),
            Security::Plain => false,
        };
        let hosts = self.hosts.iter().filter(|host| shows(host.security));
        hosts.flat_map(|host| host.names.iter().cloned()).collect()
    }

    /// What is obtained as this certificate, if it is.
    pub fn obtained(&self, id: CertificateId) -> Option<&Obtained> {
        self.acme.as_ref()?.certificates.iter().find(|it| it.certificate == id)
    }

    /// Whether a template of the model, of a log or of a header, names a fact.
    pub fn names(&self, fact: RequestFact) -> bool {
        let wanted = RequestVariable::Fact(fact);
        self.hosts.iter().any(|host| {
            let mut ops = host.routes.iter().flat_map(Route::header_ops);
            host.log_format.names(&wanted) || ops.any(|op| op.names(&wanted))
        })
    }
}
