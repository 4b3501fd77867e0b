//! What a configuration says, before anybody asks what it means.
//!
//! Every front end fills a [`Document`]; `compile` turns it into a model. A value is typed and knows
//! its [`SourceSpan`]. What was not said stays unsaid here: defaults belong to the meaning.

mod acme;
mod setting;

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use acme::AcmeSection;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};
pub use setting::{Setting, Spanned};

use super::span::{SourceFile, SourceSpan};
use crate::model::access::AccessRule;
use crate::model::client_address::RealIpSource;
use crate::model::compression::CompressionPolicy;
use crate::model::error_page::{ErrorPage, InterceptErrors};
use crate::model::headers::ops::HeaderOp;
use crate::model::host::{HostName, HostPattern};
use crate::model::log_format::LogEscape;
use crate::model::network::Cidr;
use crate::model::route::{FixedResponse, PathMatch, RedirectTarget};
use crate::model::template::Template;
use crate::model::tls::{CipherPreference, CipherSuite, ClientAuth, NamedGroup, SessionResumption, TlsVersions};
use crate::model::upstream::UpstreamAddress;
use crate::model::variable::LogVariable;
use crate::model::{BodyLimit, HttpVersions, LogLevel, LogTarget};

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it was read; problems with what is missing are told of it.
    pub source: Arc<SourceFile>,
    /// Where relative paths start.
    pub directory: PathBuf,
    /// Who answers for unknown names; on each address the first of them that is there.
    pub default_host: Setting<Vec<Spanned<HostName>>>,
    pub process: ProcessSection,
    /// Unsaid means that there are no pages about the proxy.
    pub status: Setting<StatusSection>,
    /// Unsaid means that no certificates are obtained.
    pub acme: Setting<AcmeSection>,
    pub defaults: HostSettings,
    pub hosts: Vec<HostSection>,
}

/// What is said about the pages about the proxy itself.
#[derive(Debug, Clone, Default)]
pub struct StatusSection {
    pub listen: Setting<Vec<Spanned<SocketAddr>>>,
    pub access: Setting<Vec<Spanned<AccessRule>>>,
    pub metrics: Setting<bool>,
    /// GitLab, which tells its own metrics to who is told to be on this machine.
    pub upstream_metrics: Setting<UpstreamRef>,
}

/// An application as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRef {
    pub scheme: UpstreamScheme,
    pub address: UpstreamAddress,
}

/// What is spoken to an application: HTTP/1.1 or, as gRPC needs it, HTTP/2; plain or over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamScheme {
    Http,
    Https,
    Grpc,
    Grpcs,
}

/// What is said about TLS to an application.
#[derive(Debug, Clone, Default)]
pub struct UpstreamTlsSection {
    pub verify: Setting<bool>,
    pub ca: Setting<PathBuf>,
    pub pin: Setting<PathBuf>,
    pub name: Setting<HostName>,
    pub certificate: Setting<PathBuf>,
    pub certificate_key: Setting<PathBuf>,
}

/// What is said about the process.
#[derive(Debug, Clone, Default)]
pub struct ProcessSection {
    pub workers: Setting<NonZeroUsize>,
    pub user: Setting<String>,
    pub shutdown_timeout: Setting<Duration>,
    pub log_level: Setting<LogLevel>,
    pub ticket_keys: Setting<PathBuf>,
}

/// What is said about one host.
#[derive(Debug, Clone)]
pub struct HostSection {
    pub span: SourceSpan,
    pub name: Setting<HostPattern>,
    pub aliases: Setting<Vec<Spanned<HostPattern>>>,
    pub upstream: Setting<UpstreamRef>,
    /// Each with the key at the same position.
    pub certificate: Setting<Vec<Spanned<PathBuf>>>,
    pub certificate_key: Setting<Vec<Spanned<PathBuf>>>,
    pub key_password_file: Setting<PathBuf>,
    pub public_port: Setting<NonZeroU16>,
    /// Where files for certificate validation (RFC 8555 section 8.3) are looked for.
    pub acme_challenge_directory: Setting<PathBuf>,
    /// Names in the certificate that is obtained, beside those of hosts.
    pub acme_names: Setting<Vec<Spanned<HostName>>>,
    pub settings: HostSettings,
    pub routes: Vec<RouteSection>,
}

/// What can be said of a host or, as a default, of all hosts.
#[derive(Debug, Clone, Default)]
pub struct HostSettings {
    pub tls: Setting<bool>,
    /// Whether the certificate is obtained from an authority.
    pub acme: Setting<bool>,
    pub listen: Setting<Vec<Spanned<SocketAddr>>>,
    pub redirect_from: Setting<Vec<Spanned<SocketAddr>>>,
    pub proxy_protocol: Setting<bool>,
    pub client_address: Setting<ClientAddressSection>,
    pub http2: Setting<HttpVersions>,
    pub encryption: TlsSection,
    pub hsts: Setting<HeaderSetting>,
    pub referrer_policy: Setting<HeaderSetting>,
    pub upstream_keepalive_connections: Setting<usize>,
    pub upstream_keepalive_timeout: Setting<Duration>,
    pub compression: Setting<CompressionPolicy>,
    pub access_log: Setting<LogTarget>,
    pub access_log_format: Setting<Template<LogVariable>>,
    pub access_log_escape: Setting<LogEscape>,
    pub forwarding: ForwardSettings,
}

/// What is said about who knows the client's address.
#[derive(Debug, Clone, Default)]
pub struct ClientAddressSection {
    pub trusted: Setting<Vec<Spanned<Cidr>>>,
    pub from: Setting<RealIpSource>,
    pub recursive: Setting<bool>,
}

/// What can be said of the encryption of a TLS host.
#[derive(Debug, Clone, Default)]
pub struct TlsSection {
    pub tls_versions: Setting<TlsVersions>,
    pub cipher_suites: Setting<Vec<Spanned<CipherSuite>>>,
    pub prefer_server_ciphers: Setting<CipherPreference>,
    pub key_exchange_groups: Setting<Vec<Spanned<NamedGroup>>>,
    pub session_resumption: Setting<SessionResumption>,
    pub client_certificates: Setting<ClientAuth>,
}

/// What can be said of a route too.
#[derive(Debug, Clone, Default)]
pub struct ForwardSettings {
    pub max_request_body: Setting<BodyLimit>,
    pub connect_timeout: Setting<Duration>,
    pub upstream_read_timeout: Setting<Duration>,
    pub client_timeout: Setting<Duration>,
    pub tunnel_idle_timeout: Setting<Duration>,
    pub upstream_tls: Setting<UpstreamTlsSection>,
    pub request_headers: Vec<Spanned<HeaderOp>>,
    pub response_headers: Vec<Spanned<HeaderOp>>,
    pub access: Setting<Vec<Spanned<AccessRule>>>,
    pub intercept_errors: Setting<InterceptErrors>,
    /// As in nginx, those of a route stand in the place of all those of its host.
    pub error_pages: Setting<Vec<Spanned<ErrorPage>>>,
}

/// What is said about one route of a host.
#[derive(Debug, Clone)]
pub struct RouteSection {
    pub place: SourceSpan,
    pub path: Setting<PathMatch>,
    /// Unsaid means: to the host's upstream.
    pub action: Setting<RouteActionSection>,
    /// Stands in place of the matched path; unsaid means that the path goes on as it came.
    pub replace_with: Setting<PathAndQuery>,
    pub before_redirect: Setting<bool>,
    pub settings: ForwardSettings,
}

/// What a route is said to do.
#[derive(Debug, Clone)]
pub enum RouteActionSection {
    Upstream(UpstreamRef),
    RedirectTo(RedirectSection),
    Respond(FixedResponse),
    /// The connection ends without an answer.
    Close,
    Files(FilesSection),
}

/// Where a route is said to send clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectSection {
    pub status: StatusCode,
    /// Scheme and authority.
    pub origin: String,
    pub path: RedirectTarget,
}

/// What is said about files to serve.
#[derive(Debug, Clone)]
pub struct FilesSection {
    pub mapping: FileMapping,
    pub index: Setting<String>,
}

/// How paths become files.
#[derive(Debug, Clone)]
pub enum FileMapping {
    /// The path of the request leads on from this directory.
    Root(Spanned<PathBuf>),
    /// This stands in the place of the route's path.
    Alias(Spanned<PathBuf>),
}

/// Whether the proxy sends a header, and with which value.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderSetting {
    /// The proxy adds nothing; what the application sends stays.
    Leave,
    Send(HeaderValue),
}

impl HostSettings {
    /// These settings laid over more general ones.
    pub fn over(&self, below: &HostSettings) -> HostSettings {
        HostSettings {
            tls: self.tls.over(&below.tls),
            acme: self.acme.over(&below.acme),
            listen: self.listen.over(&below.listen),
            redirect_from: self.redirect_from.over(&below.redirect_from),
            proxy_protocol: self.proxy_protocol.over(&below.proxy_protocol),
            client_address: self.client_address.over(&below.client_address),
            http2: self.http2.over(&below.http2),
            encryption: self.encryption.over(&below.encryption),
            hsts: self.hsts.over(&below.hsts),
            referrer_policy: self.referrer_policy.over(&below.referrer_policy),
            upstream_keepalive_connections: self
                .upstream_keepalive_connections
                .over(&below.upstream_keepalive_connections),
            upstream_keepalive_timeout: self.upstream_keepalive_timeout.over(&below.upstream_keepalive_timeout),
            compression: self.compression.over(&below.compression),
            access_log: self.access_log.over(&below.access_log),
            access_log_format: self.access_log_format.over(&below.access_log_format),
            access_log_escape: self.access_log_escape.over(&below.access_log_escape),
            forwarding: self.forwarding.over(&below.forwarding),
        }
    }
}

impl TlsSection {
    /// These settings laid over more general ones.
    pub fn over(&self, below: &TlsSection) -> TlsSection {
        TlsSection {
            tls_versions: self.tls_versions.over(&below.tls_versions),
            cipher_suites: self.cipher_suites.over(&below.cipher_suites),
            prefer_server_ciphers: self.prefer_server_ciphers.over(&below.prefer_server_ciphers),
            key_exchange_groups: self.key_exchange_groups.over(&below.key_exchange_groups),
            session_resumption: self.session_resumption.over(&below.session_resumption),
            client_certificates: self.client_certificates.over(&below.client_certificates),
        }
    }

    /// The keys said here, with their places.
    pub fn keys(&self) -> Vec<(&'static str, &SourceSpan)> {
        let keys = [
            ("tls_versions", self.tls_versions.span()),
            ("cipher_suites", self.cipher_suites.span()),
            ("prefer_server_ciphers", self.prefer_server_ciphers.span()),
            ("key_exchange_groups", self.key_exchange_groups.span()),
            ("session_resumption", self.session_resumption.span()),
            ("client_certificates", self.client_certificates.span()),
        ];
        keys.into_iter().filter_map(|(key, place)| Some((key, place?))).collect()
    }
}

impl ForwardSettings {
    /// These settings laid over more general ones; headers are laid over name by name.
    pub fn over(&self, below: &ForwardSettings) -> ForwardSettings {
        ForwardSettings {
            max_request_body: self.max_request_body.over(&below.max_request_body),
            connect_timeout: self.connect_timeout.over(&below.connect_timeout),
            upstream_read_timeout: self.upstream_read_timeout.over(&below.upstream_read_timeout),
            client_timeout: self.client_timeout.over(&below.client_timeout),
            tunnel_idle_timeout: self.tunnel_idle_timeout.over(&below.tunnel_idle_timeout),
            upstream_tls: self.upstream_tls.over(&below.upstream_tls),
            request_headers: headers_over(&self.request_headers, &below.request_headers),
            response_headers: headers_over(&self.response_headers, &below.response_headers),
            access: self.access.over(&below.access),
            intercept_errors: self.intercept_errors.over(&below.intercept_errors),
            error_pages: self.error_pages.over(&below.error_pages),
        }
    }

    /// The keys said here that only a forwarded request can obey, with their places.
    pub fn forward_only(&self) -> Vec<(&'static str, &SourceSpan)> {
        let keys = [
            ("max_request_body", self.max_request_body.span()),
            ("connect_timeout", self.connect_timeout.span()),
            ("upstream_read_timeout", self.upstream_read_timeout.span()),
            ("client_timeout", self.client_timeout.span()),
            ("tunnel_idle_timeout", self.tunnel_idle_timeout.span()),
            ("intercept_errors", self.intercept_errors.span()),
            ("upstream_tls", self.upstream_tls.span()),
            ("request_headers", self.request_headers.first().map(|op| &op.span)),
        ];
        keys.into_iter().filter_map(|(key, place)| Some((key, place?))).collect()
    }
}

fn headers_over(ops: &[Spanned<HeaderOp>], below: &[Spanned<HeaderOp>]) -> Vec<Spanned<HeaderOp>> {
    let covered = |op: &&Spanned<HeaderOp>| ops.iter().any(|own| own.value.name() == op.value.name());
    below.iter().filter(|op| !covered(op)).chain(ops).cloned().collect()
}
