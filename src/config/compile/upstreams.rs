//! Compiles upstream addresses, pools and TLS.

use super::context::CompileContext;
use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{
    ForwardSettings, HostSettings, Setting, Spanned, UpstreamRef, UpstreamScheme, UpstreamTlsSection,
};
use crate::model::CertificateFiles;
use crate::model::host::HostName;
use crate::model::upstream::{
    UpstreamAddress, UpstreamProtocol, UpstreamSecurity, UpstreamSpec, UpstreamTlsSettings, UpstreamTrust,
};

/// Compiles an upstream with the settings of its connections.
pub(super) fn compile(
    upstream: &UpstreamRef,
    settings: &ForwardSettings,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> UpstreamSpec {
    let (protocol, is_tls) = match upstream.scheme {
        UpstreamScheme::Http => (UpstreamProtocol::Http1, false),
        UpstreamScheme::Https => (UpstreamProtocol::Http1, true),
        UpstreamScheme::Grpc => (UpstreamProtocol::Http2, false),
        UpstreamScheme::Grpcs => (UpstreamProtocol::Http2, true),
    };
    let tls = is_tls.then(|| tls(&upstream.address, &settings.upstream_tls, context)).flatten();
    UpstreamSpec {
        address: context.upstream(upstream.address.clone()),
        protocol,
        security: tls.map_or(UpstreamSecurity::Plain, UpstreamSecurity::Tls),
        connect_timeout: settings.connect_timeout.value_or(defaults::CONNECT_TIMEOUT),
        idle_timeout: host.upstream_keepalive_timeout.value_or(defaults::UPSTREAM_KEEPALIVE_TIMEOUT),
        max_idle: host.upstream_keepalive_connections.value_or(defaults::UPSTREAM_KEEPALIVE_CONNECTIONS),
    }
}

/// Reports `upstream_tls` if no upstream is connected over TLS.
pub(super) fn report_unused_tls(settings: &ForwardSettings, problems: &mut Diagnostics) {
    if let Some(span) = settings.upstream_tls.span() {
        let message = "`upstream_tls` has no effect: the upstream is connected without TLS";
        let warning = Diagnostic::warning(span, message);
        problems.push(warning.help("remove it, or write `https://` or `grpcs://` before the upstream address"));
    }
}

/// Returns `None` after an error, which is reported.
fn tls(
    address: &UpstreamAddress,
    setting: &Setting<UpstreamTlsSection>,
    context: &mut CompileContext<'_>,
) -> Option<UpstreamTlsSettings> {
    let empty = UpstreamTlsSection::default();
    let section = setting.as_set().map_or(&empty, |setting| &setting.value);
    let name = section.name.as_set().map(|setting| setting.value.clone()).or_else(|| name_of(address));
    let (trust, identity) = (trust(section, context), identity(section, context));
    if let (None, Some(span)) = (&name, setting.span()) {
        let error = Diagnostic::error(span, "the server name for the certificate of the upstream is missing");
        context.problems.push(error.help("add `name = \"kas.example.com\"` with a name in the certificate"));
    }
    Some(UpstreamTlsSettings { name: name?, trust, identity })
}

/// Returns the server name of an address: the host, or `localhost` for a unix socket, which has no name.
fn name_of(address: &UpstreamAddress) -> Option<HostName> {
    match address {
        UpstreamAddress::Unix(_) => HostName::parse("localhost").ok(),
        UpstreamAddress::Tcp { host, .. } if host.contains(':') => HostName::parse(&format!("[{host}]")).ok(),
        UpstreamAddress::Tcp { host, .. } => HostName::parse(host).ok(),
    }
}

fn trust(section: &UpstreamTlsSection, context: &mut CompileContext<'_>) -> UpstreamTrust {
    let off = section.verify.as_set().filter(|setting| !setting.value);
    let modes = [off.map(|verify| &verify.span), section.ca.span(), section.pin.span()];
    if let [_, second, ..] = modes.into_iter().flatten().collect::<Vec<_>>()[..] {
        let error = Diagnostic::error(second, "only one of `verify = false`, `ca` and `pin` is allowed");
        context.problems.push(error.help("remove the others"));
    }
    match (off, section.ca.as_set(), section.pin.as_set()) {
        (Some(off), ..) => {
            let warning = Diagnostic::warning(&off.span, "the certificate of the upstream is not verified");
            context.problems.push(warning.help("set `ca` to the CA, or `pin` to the certificate itself"));
            UpstreamTrust::Insecure
        }
        (None, Some(ca), _) => UpstreamTrust::CaFile(context.path(ca.value.clone())),
        (None, None, Some(pin)) => UpstreamTrust::Pinned(context.path(pin.value.clone())),
        (None, None, None) => UpstreamTrust::System,
    }
}

fn identity(section: &UpstreamTlsSection, context: &mut CompileContext<'_>) -> Option<CertificateFiles> {
    match (section.certificate.as_set(), section.certificate_key.as_set()) {
        (Some(chain), Some(key)) => Some(CertificateFiles {
            chain: context.path(chain.value.clone()),
            key: context.path(key.value.clone()),
            passwords: None,
        }),
        (Some(Spanned { span, .. }), None) | (None, Some(Spanned { span, .. })) => {
            let error = Diagnostic::error(span, "`certificate` and `certificate_key` must be set together");
            context.problems.push(error.help("set both keys, or remove both"));
            None
        }
        (None, None) => None,
    }
}
