//! Where a host answers, and from where it redirects.

use std::net::SocketAddr;

use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, HostSettings, Setting, Spanned};
use crate::config::span::SourceSpan;

/// The addresses of the host itself. Empty if they cannot be read.
pub(super) fn listen(
    section: &HostSection,
    settings: &HostSettings,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    let port = if settings.tls.value_or(defaults::TLS) { 443 } else { 80 };
    let addresses = addresses(&settings.listen, port, &section.span, problems);
    if let (Some(said), true) = (settings.listen.as_set(), addresses.is_empty()) {
        let error = Diagnostic::error(&said.span, "a host that listens nowhere is never reached");
        problems.push(error.help("name an address, or remove the line for the default"));
    }
    addresses
}

/// The plain addresses that redirect to the host. None for a plain host.
pub(super) fn redirect_from(
    section: &HostSection,
    settings: &HostSettings,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    if settings.tls.value_or(defaults::TLS) {
        return addresses(&settings.redirect_from, 80, &section.span, problems);
    }
    // A default is meant for the TLS hosts among all; only the host's own word contradicts itself.
    if let Some(said) = section.settings.redirect_from.as_set().filter(|said| !said.value.is_empty()) {
        let error = Diagnostic::error(&said.span, "a host without TLS has nothing to redirect to");
        problems.push(error.help("remove `redirect_from`, or serve the host with TLS"));
    }
    Vec::new()
}

/// The port of the URLs that clients are redirected to; `None` if it is 443.
pub(super) fn public_port(
    section: &HostSection,
    listen: &[Spanned<SocketAddr>],
    problems: &mut Diagnostics,
) -> Option<u16> {
    let first = listen.first().filter(|_| section.public_port.is_unset());
    if let Some(address) = first.filter(|address| address.value.port() == 0) {
        let message = "the system chooses this port, so nobody can be redirected to it";
        let error = Diagnostic::error(&address.span, message);
        problems.push(error.help("write `redirect_from = []`, or the port that clients see as `public_port`"));
    }
    let said = section.public_port.as_set().map(|said| said.value.get());
    said.or(first.map(|address| address.value.port())).filter(|port| *port != 443)
}

/// The addresses that are said, or a port everywhere. Each only once.
fn addresses(
    said: &Setting<Vec<Spanned<SocketAddr>>>,
    default_port: u16,
    host: &SourceSpan,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    let said = match said {
        Setting::Set(said) => &said.value,
        Setting::Invalid => return Vec::new(),
        Setting::Unset => {
            let at_host = |value| Spanned { value, span: host.clone() };
            return defaults::everywhere(default_port).map(at_host).into();
        }
    };
    let mut addresses: Vec<Spanned<SocketAddr>> = Vec::new();
    for address in said {
        if addresses.iter().any(|known| known.value == address.value) {
            let error = Diagnostic::error(&address.span, format!("{} is listed twice", address.value));
            problems.push(error.help("remove one of them"));
        } else {
            addresses.push(address.clone());
        }
    }
    addresses
}
