//! How an application is reached, and how far it is trusted.

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

/// The application with all that holds for connections to it.
pub(super) fn compile(
    application: &UpstreamRef,
    settings: &ForwardSettings,
    host: &HostSettings,
    context: &mut CompileContext<'_>,
) -> UpstreamSpec {
    let (protocol, is_tls) = match application.scheme {
        UpstreamScheme::Http => (UpstreamProtocol::Http1, false),
        UpstreamScheme::Https => (UpstreamProtocol::Http1, true),
        UpstreamScheme::Grpc => (UpstreamProtocol::Http2, false),
        UpstreamScheme::Grpcs => (UpstreamProtocol::Http2, true),
    };
    let tls = is_tls.then(|| tls(&application.address, &settings.upstream_tls, context)).flatten();
    UpstreamSpec {
        address: context.upstream(application.address.clone()),
        protocol,
        security: tls.map_or(UpstreamSecurity::Plain, UpstreamSecurity::Tls),
        connect_timeout: settings.connect_timeout.value_or(defaults::CONNECT_TIMEOUT),
        idle_timeout: host.upstream_keepalive_timeout.value_or(defaults::KEEPALIVE_TIMEOUT),
        max_idle: host.upstream_keepalive_connections.value_or(defaults::KEEPALIVE_CONNECTIONS),
    }
}

/// Reports the terms of TLS where no application is spoken to over TLS.
pub(super) fn report_unused_tls(settings: &ForwardSettings, problems: &mut Diagnostics) {
    if let Some(place) = settings.upstream_tls.span() {
        let message = "`upstream_tls` has no effect: the application is spoken to without TLS";
        let warning = Diagnostic::warning(place, message);
        problems.push(warning.help("remove it, or write `https://` or `grpcs://` before the address"));
    }
}

/// `None` if something is wrong, which has been reported.
fn tls(
    address: &UpstreamAddress,
    said: &Setting<UpstreamTlsSection>,
    context: &mut CompileContext<'_>,
) -> Option<UpstreamTlsSettings> {
    let unsaid = UpstreamTlsSection::default();
    let section = said.as_set().map_or(&unsaid, |said| &said.value);
    let name = section.name.as_set().map(|said| said.value.clone()).or_else(|| name_of(address));
    let (trust, identity) = (trust(section, context), identity(section, context));
    if let (None, Some(place)) = (&name, said.span()) {
        let error = Diagnostic::error(place, "nothing says which name the application's certificate is for");
        context.problems.push(error.help("add `name = \"kas.example.com\"` with the name in the certificate"));
    }
    Some(UpstreamTlsSettings { name: name?, trust, identity })
}

/// The name of a TCP address; a socket has none, so the certificate is expected to be for this machine.
fn name_of(address: &UpstreamAddress) -> Option<HostName> {
    match address {
        UpstreamAddress::Unix(_) => HostName::parse("localhost").ok(),
        UpstreamAddress::Tcp { host, .. } if host.contains(':') => HostName::parse(&format!("[{host}]")).ok(),
        UpstreamAddress::Tcp { host, .. } => HostName::parse(host).ok(),
    }
}

fn trust(section: &UpstreamTlsSection, context: &mut CompileContext<'_>) -> UpstreamTrust {
    let off = section.verify.as_set().filter(|said| !said.value);
    let wishes = [off.map(|said| &said.span), section.ca.span(), section.pin.span()];
    if let [_, second, ..] = wishes.into_iter().flatten().collect::<Vec<_>>()[..] {
        let error = Diagnostic::error(second, "only one of `verify = false`, `ca` and `pin` can stand here");
        context.problems.push(error.help("remove the others"));
    }
    match (off, section.ca.as_set(), section.pin.as_set()) {
        (Some(off), ..) => {
            let warning = Diagnostic::warning(&off.span, "the application's certificate is not verified");
            context.problems.push(warning.help("name its authority as `ca`, or the certificate itself as `pin`"));
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
        (Some(Spanned { span: place, .. }), None) | (None, Some(Spanned { span: place, .. })) => {
            let error = Diagnostic::error(place, "a certificate and its key belong together");
            context.problems.push(error.help("name both, as `certificate` and `certificate_key`"));
            None
        }
        (None, None) => None,
    }
}
