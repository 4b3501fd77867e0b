//! Compiles client address rules.

use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{ClientAddressSection, HostSettings, Spanned};
use crate::model::ProxyProtocolMode;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::network::Cidr;

/// Returns whether connections to the host start with a PROXY header.
pub(super) fn proxy_protocol(settings: &HostSettings) -> ProxyProtocolMode {
    if settings.proxy_protocol.value_or(false) { ProxyProtocolMode::ProxyProtocol } else { ProxyProtocolMode::None }
}

/// Compiles the client address rules of a host. An empty `trusted` list disables the rules of `[defaults]`.
pub(super) fn compile(settings: &HostSettings, problems: &mut Diagnostics) -> ClientAddressPolicy {
    let Some(Spanned { value: section, span }) = settings.client_address.as_set() else {
        return ClientAddressPolicy::Peer;
    };
    if section.trusted.is_unset() {
        let error = Diagnostic::error(span, "`client_address` is missing the key `trusted`");
        problems.push(error.help("add `trusted = [\"10.0.0.1\"]` with the addresses of the load balancers"));
    }
    let trusted = section.trusted.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
    if trusted.is_empty() {
        return ClientAddressPolicy::Peer;
    }
    report_universal_trust(trusted, problems);
    let source = section.from.value_or(defaults::address_source(proxy_protocol(settings)));
    if source == RealIpSource::ProxyProtocol {
        report_missing_proxy_protocol(settings, section, problems);
    }
    let is_recursive = section.recursive.value_or(false);
    let selection = if is_recursive { RealIpSelection::LastUntrusted } else { RealIpSelection::Last };
    ClientAddressPolicy::RealIp(RealIpPolicy {
        trusted: trusted.iter().map(|block| block.value).collect(),
        source,
        choice: selection,
    })
}

fn report_universal_trust(trusted: &[Spanned<Cidr>], problems: &mut Diagnostics) {
    for block in trusted.iter().filter(|block| block.value.is_any()) {
        let message = format!("`{}` trusts every client to set its own address", block.value);
        problems
            .push(Diagnostic::warning(&block.span, message).help("list only the addresses of the load balancers"));
    }
}

fn report_missing_proxy_protocol(
    settings: &HostSettings,
    section: &ClientAddressSection,
    problems: &mut Diagnostics,
) {
    if let (Some(span), ProxyProtocolMode::None) = (section.from.span(), proxy_protocol(settings)) {
        let warning = Diagnostic::warning(
            span,
            "`proxy_protocol` as the address source has no effect: connections have no PROXY header",
        );
        problems.push(warning.help("add `proxy_protocol = true` to the host, or write a request header"));
    }
}
