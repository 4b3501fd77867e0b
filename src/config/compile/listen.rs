//! Resolves listen addresses and redirect addresses of a host.

use std::net::SocketAddr;

use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, HostSettings, Setting, Spanned};
use crate::config::span::SourceSpan;

/// Returns the listen addresses of the host. Empty if they are invalid.
pub(super) fn listen(
    section: &HostSection,
    settings: &HostSettings,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    let port = if settings.tls.value_or(defaults::TLS) { 443 } else { 80 };
    let addresses = addresses(&settings.listen, port, &section.span, problems);
    if let (Some(setting), true) = (settings.listen.as_set(), addresses.is_empty()) {
        let error = Diagnostic::error(&setting.span, "`listen` is empty, so no request reaches the host");
        problems.push(error.help("write an address, or remove the line to use the default"));
    }
    addresses
}

/// Returns the plain HTTP addresses that redirect to the host. Empty for a plain host.
pub(super) fn redirect_from(
    section: &HostSection,
    settings: &HostSettings,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    if settings.tls.value_or(defaults::TLS) {
        return addresses(&settings.redirect_from, 80, &section.span, problems);
    }
    // `[defaults]` apply to TLS hosts; only the host's own setting contradicts `tls = false`.
    if let Some(setting) = section.settings.redirect_from.as_set().filter(|setting| !setting.value.is_empty()) {
        let error = Diagnostic::error(&setting.span, "`redirect_from` is not allowed on a host without TLS");
        problems.push(error.help("remove `redirect_from`, or enable TLS for the host"));
    }
    Vec::new()
}

/// Returns the port in the redirect URLs; `None` for 443.
pub(super) fn public_port(
    section: &HostSection,
    listen: &[Spanned<SocketAddr>],
    problems: &mut Diagnostics,
) -> Option<u16> {
    let first = listen.first().filter(|_| section.public_port.is_unset());
    if let Some(address) = first.filter(|address| address.value.port() == 0) {
        let message = format!("cannot redirect to `{}`: the system chooses the port", address.value);
        let error = Diagnostic::error(&address.span, message);
        problems.push(error.help("set `redirect_from = []`, or set `public_port` to the port that clients use"));
    }
    let public_port = section.public_port.as_set().map(|setting| setting.value.get());
    public_port.or(first.map(|address| address.value.port())).filter(|port| *port != 443)
}

/// Returns the configured addresses, or the default port on all addresses. Reports duplicates.
fn addresses(
    setting: &Setting<Vec<Spanned<SocketAddr>>>,
    default_port: u16,
    host: &SourceSpan,
    problems: &mut Diagnostics,
) -> Vec<Spanned<SocketAddr>> {
    let configured = match setting {
        Setting::Set(setting) => &setting.value,
        Setting::Invalid => return Vec::new(),
        Setting::Unset => {
            let at_host = |value| Spanned { value, span: host.clone() };
            return defaults::all_addresses(default_port).map(at_host).into();
        }
    };
    let mut addresses: Vec<Spanned<SocketAddr>> = Vec::new();
    for address in configured {
        if addresses.iter().any(|known| known.value == address.value) {
            let error = Diagnostic::error(&address.span, format!("`{}` is listed twice", address.value));
            problems.push(error.help("remove one of them"));
        } else {
            addresses.push(address.clone());
        }
    }
    addresses
}
