//! The parsed configuration before defaults, every value with its span.
//!
//! One struct holds each section. Every front end fills a [`Document`]; [`compile`](super::compile::compile) turns it into a model. Every value
//! is typed and has its [`SourceSpan`]. A setting that is not in the file is unset here: `compile` applies the
//! defaults.

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
use crate::model::route::{ExpectContinue, FixedResponse, PathMatch, RedirectTarget};
use crate::model::template::Template;
use crate::model::tls::{CipherPreference, CipherSuite, ClientAuth, NamedGroup, SessionResumption, TlsVersions};
use crate::model::upstream::UpstreamAddress;
use crate::model::variable::LogVariable;
use crate::model::{BodyLimit, HttpVersions, LogLevel, LogTarget};

/// A parsed configuration file.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file; diagnostics about missing items refer to it.
    pub source: Arc<SourceFile>,
    /// Base directory of relative paths.
    pub directory: PathBuf,
    /// Hosts for unknown host names; on each address, the first of them that listens there.
    pub default_host: Setting<Vec<Spanned<HostName>>>,
    pub process: ProcessSection,
    /// Unset: no status endpoints.
    pub status: Setting<StatusSection>,
    /// Unset: no certificates are obtained through ACME.
    pub acme: Setting<AcmeSection>,
    pub defaults: HostSettings,
    pub hosts: Vec<HostSection>,
}

/// `[status]`
#[derive(Debug, Clone, Default)]
pub struct StatusSection {
    pub listen: Setting<Vec<Spanned<SocketAddr>>>,
    pub access: Setting<Vec<Spanned<AccessRule>>>,
    pub metrics: Setting<bool>,
    /// GitLab, which serves its own metrics to loopback clients only.
    pub upstream_metrics: Setting<UpstreamRef>,
}

/// An upstream as written: scheme and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRef {
    pub scheme: UpstreamScheme,
    pub address: UpstreamAddress,
}

/// `http`, `https`, `grpc` or `grpcs`: HTTP/1.1, or HTTP/2 as gRPC requires; plain or over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamScheme {
    Http,
    Https,
    Grpc,
    Grpcs,
}

/// `upstream_tls`
#[derive(Debug, Clone, Default)]
pub struct UpstreamTlsSection {
    pub verify: Setting<bool>,
    pub ca: Setting<PathBuf>,
    pub pin: Setting<PathBuf>,
    pub name: Setting<HostName>,
    pub certificate: Setting<PathBuf>,
    pub certificate_key: Setting<PathBuf>,
}

/// `[process]`
#[derive(Debug, Clone, Default)]
pub struct ProcessSection {
    pub workers: Setting<NonZeroUsize>,
    pub user: Setting<String>,
    pub shutdown_timeout: Setting<Duration>,
    pub log_level: Setting<LogLevel>,
    pub ticket_keys: Setting<PathBuf>,
}

/// `[[host]]`
#[derive(Debug, Clone)]
pub struct HostSection {
    pub span: SourceSpan,
    pub name: Setting<HostPattern>,
    pub aliases: Setting<Vec<Spanned<HostPattern>>>,
    pub upstream: Setting<UpstreamRef>,
    /// Each certificate belongs to the key at the same index.
    pub certificate: Setting<Vec<Spanned<PathBuf>>>,
    pub certificate_key: Setting<Vec<Spanned<PathBuf>>>,
    pub key_password_file: Setting<PathBuf>,
    pub public_port: Setting<NonZeroU16>,
    /// Directory of `http-01` challenge files (RFC 8555 section 8.3).
    pub acme_challenge_directory: Setting<PathBuf>,
    /// Further names in the ACME certificate, beside the host names.
    pub acme_names: Setting<Vec<Spanned<HostName>>>,
    pub settings: HostSettings,
    pub routes: Vec<RouteSection>,
}

/// Keys valid in `[[host]]` and `[defaults]`.
#[derive(Debug, Clone, Default)]
pub struct HostSettings {
    pub tls: Setting<bool>,
    /// Whether the certificate is managed by ACME.
    pub acme: Setting<bool>,
    pub listen: Setting<Vec<Spanned<SocketAddr>>>,
    pub redirect_from: Setting<Vec<Spanned<SocketAddr>>>,
    pub proxy_protocol: Setting<bool>,
    pub client_address: Setting<ClientAddressSection>,
    pub http2: Setting<HttpVersions>,
    pub tls_section: TlsSection,
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

/// `client_address`
#[derive(Debug, Clone, Default)]
pub struct ClientAddressSection {
    pub trusted: Setting<Vec<Spanned<Cidr>>>,
    pub from: Setting<RealIpSource>,
    pub recursive: Setting<bool>,
}

/// TLS keys of a host.
#[derive(Debug, Clone, Default)]
pub struct TlsSection {
    pub tls_versions: Setting<TlsVersions>,
    pub cipher_suites: Setting<Vec<Spanned<CipherSuite>>>,
    pub prefer_server_ciphers: Setting<CipherPreference>,
    pub key_exchange_groups: Setting<Vec<Spanned<NamedGroup>>>,
    pub session_resumption: Setting<SessionResumption>,
    pub client_certificates: Setting<ClientAuth>,
}

/// Keys valid in hosts, routes and `[defaults]`. Most apply to forwarded requests only ([`Self::forward_only`]);
/// `response_headers`, `access` and `error_pages` apply to every route action.
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
    pub expect_continue: Setting<ExpectContinue>,
    /// Error pages of a route replace all error pages of its host (as nginx `error_page`).
    pub error_pages: Setting<Vec<Spanned<ErrorPage>>>,
}

/// `[[host.route]]`
#[derive(Debug, Clone)]
pub struct RouteSection {
    pub span: SourceSpan,
    pub path: Setting<PathMatch>,
    /// Unset: forward to the upstream of the host.
    pub action: Setting<RouteActionSection>,
    /// Replacement for the matched path. Unset: the path is forwarded unchanged.
    pub replace_with: Setting<PathAndQuery>,
    pub before_redirect: Setting<bool>,
    pub settings: ForwardSettings,
}

/// The action of a route as written.
#[derive(Debug, Clone)]
pub enum RouteActionSection {
    Upstream(UpstreamRef),
    RedirectTo(RedirectSection),
    Respond(FixedResponse),
    /// Close the connection without a response (nginx `return 444`).
    Close,
    Files(FilesSection),
}

/// `redirect_to`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectSection {
    pub status: StatusCode,
    /// Scheme and authority, without a path.
    pub origin: String,
    pub path: RedirectTarget,
}

/// `files`
#[derive(Debug, Clone)]
pub struct FilesSection {
    pub mapping: FileMapping,
    pub index: Setting<String>,
}

/// `root` or `alias`: how a request path maps to a file.
#[derive(Debug, Clone)]
pub enum FileMapping {
    /// The request path is appended to this directory.
    Root(Spanned<PathBuf>),
    /// This path replaces the path of the route.
    Alias(Spanned<PathBuf>),
}

/// A header value, or `false` to omit the header.
#[derive(Debug, Clone, PartialEq)]
pub enum HeaderSetting {
    /// The proxy sets no value; a header from the upstream is forwarded unchanged.
    Leave,
    /// The proxy sets the value unless the upstream sends its own.
    SendIfAbsent(HeaderValue),
    /// The proxy sets the value and replaces that of the upstream.
    Send(HeaderValue),
}

impl HostSettings {
    /// Uses the more general value for each unset key.
    pub fn or(&self, general: &HostSettings) -> HostSettings {
        HostSettings {
            tls: self.tls.or(&general.tls),
            acme: self.acme.or(&general.acme),
            listen: self.listen.or(&general.listen),
            redirect_from: self.redirect_from.or(&general.redirect_from),
            proxy_protocol: self.proxy_protocol.or(&general.proxy_protocol),
            client_address: self.client_address.or(&general.client_address),
            http2: self.http2.or(&general.http2),
            tls_section: self.tls_section.or(&general.tls_section),
            hsts: self.hsts.or(&general.hsts),
            referrer_policy: self.referrer_policy.or(&general.referrer_policy),
            upstream_keepalive_connections: self
                .upstream_keepalive_connections
                .or(&general.upstream_keepalive_connections),
            upstream_keepalive_timeout: self.upstream_keepalive_timeout.or(&general.upstream_keepalive_timeout),
            compression: self.compression.or(&general.compression),
            access_log: self.access_log.or(&general.access_log),
            access_log_format: self.access_log_format.or(&general.access_log_format),
            access_log_escape: self.access_log_escape.or(&general.access_log_escape),
            forwarding: self.forwarding.or(&general.forwarding),
        }
    }
}

impl TlsSection {
    /// Uses the more general value for each unset key.
    pub fn or(&self, general: &TlsSection) -> TlsSection {
        TlsSection {
            tls_versions: self.tls_versions.or(&general.tls_versions),
            cipher_suites: self.cipher_suites.or(&general.cipher_suites),
            prefer_server_ciphers: self.prefer_server_ciphers.or(&general.prefer_server_ciphers),
            key_exchange_groups: self.key_exchange_groups.or(&general.key_exchange_groups),
            session_resumption: self.session_resumption.or(&general.session_resumption),
            client_certificates: self.client_certificates.or(&general.client_certificates),
        }
    }

    /// Returns the keys that are set, with their spans.
    pub fn keys(&self) -> Vec<(&'static str, &SourceSpan)> {
        let keys = [
            ("tls_versions", self.tls_versions.span()),
            ("cipher_suites", self.cipher_suites.span()),
            ("prefer_server_ciphers", self.prefer_server_ciphers.span()),
            ("key_exchange_groups", self.key_exchange_groups.span()),
            ("session_resumption", self.session_resumption.span()),
            ("client_certificates", self.client_certificates.span()),
        ];
        keys.into_iter().filter_map(|(key, span)| Some((key, span?))).collect()
    }
}

impl ForwardSettings {
    /// Uses the more general value for each unset key; headers are merged by name.
    pub fn or(&self, general: &ForwardSettings) -> ForwardSettings {
        ForwardSettings {
            max_request_body: self.max_request_body.or(&general.max_request_body),
            connect_timeout: self.connect_timeout.or(&general.connect_timeout),
            upstream_read_timeout: self.upstream_read_timeout.or(&general.upstream_read_timeout),
            client_timeout: self.client_timeout.or(&general.client_timeout),
            tunnel_idle_timeout: self.tunnel_idle_timeout.or(&general.tunnel_idle_timeout),
            upstream_tls: self.upstream_tls.or(&general.upstream_tls),
            request_headers: merge_headers(&self.request_headers, &general.request_headers),
            response_headers: merge_headers(&self.response_headers, &general.response_headers),
            access: self.access.or(&general.access),
            intercept_errors: self.intercept_errors.or(&general.intercept_errors),
            expect_continue: self.expect_continue.or(&general.expect_continue),
            error_pages: self.error_pages.or(&general.error_pages),
        }
    }

    /// Returns the keys that are set and apply to forwarded requests only, with their spans.
    pub fn forward_only(&self) -> Vec<(&'static str, &SourceSpan)> {
        let keys = [
            ("max_request_body", self.max_request_body.span()),
            ("connect_timeout", self.connect_timeout.span()),
            ("upstream_read_timeout", self.upstream_read_timeout.span()),
            ("client_timeout", self.client_timeout.span()),
            ("tunnel_idle_timeout", self.tunnel_idle_timeout.span()),
            ("intercept_errors", self.intercept_errors.span()),
            ("expect_continue", self.expect_continue.span()),
            ("upstream_tls", self.upstream_tls.span()),
            ("request_headers", self.request_headers.first().map(|op| &op.span)),
        ];
        keys.into_iter().filter_map(|(key, span)| Some((key, span?))).collect()
    }
}

fn merge_headers(ops: &[Spanned<HeaderOp>], general: &[Spanned<HeaderOp>]) -> Vec<Spanned<HeaderOp>> {
    let is_overridden =
        |op: &&Spanned<HeaderOp>| ops.iter().any(|op_above| op_above.value.name() == op.value.name());
    general.iter().filter(|op| !is_overridden(op)).chain(ops).cloned().collect()
}
