//! How a host learns who its clients are.

use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{ClientAddressSection, HostSettings, Spanned};
use crate::model::ProxyProtocolMode;
use crate::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
use crate::model::network::Cidr;

/// What stands in front of everything else on connections to the host.
pub(super) fn preamble(settings: &HostSettings) -> ProxyProtocolMode {
    if settings.proxy_protocol.value_or(false) { ProxyProtocolMode::ProxyProtocol } else { ProxyProtocolMode::None }
}

/// Compiles the rules of a host. An empty list of trusted peers takes back what `[defaults]` say.
pub(super) fn compile(settings: &HostSettings, problems: &mut Diagnostics) -> ClientAddressPolicy {
    let Some(Spanned { value: section, span: place }) = settings.client_address.as_set() else {
        return ClientAddressPolicy::Peer;
    };
    if section.trusted.is_unset() {
        let error = Diagnostic::error(place, "this does not say whose word about clients counts");
        problems.push(error.help("add `trusted = [\"10.0.0.1\"]` with the addresses of the balancers"));
    }
    let trusted = section.trusted.as_set().map(|said| &said.value[..]).unwrap_or_default();
    if trusted.is_empty() {
        return ClientAddressPolicy::Peer;
    }
    report_trusted_strangers(trusted, problems);
    let source = section.from.value_or(defaults::address_source(preamble(settings)));
    if source == RealIpSource::ProxyProtocol {
        report_missing_header(settings, section, problems);
    }
    let is_recursive = section.recursive.value_or(false);
    let choice = if is_recursive { RealIpSelection::LastUntrusted } else { RealIpSelection::Last };
    ClientAddressPolicy::RealIp(RealIpPolicy {
        trusted: trusted.iter().map(|said| said.value).collect(),
        source,
        choice,
    })
}

fn report_trusted_strangers(trusted: &[Spanned<Cidr>], problems: &mut Diagnostics) {
    for said in trusted.iter().filter(|said| said.value.is_any()) {
        let message = format!("`{}` trusts every client to say who it is", said.value);
        problems.push(Diagnostic::warning(&said.span, message).help("name the addresses of the balancers alone"));
    }
}

fn report_missing_header(settings: &HostSettings, section: &ClientAddressSection, problems: &mut Diagnostics) {
    if let (Some(place), ProxyProtocolMode::None) = (section.from.span(), preamble(settings)) {
        let warning = Diagnostic::warning(place, "connections to this host begin without a PROXY header");
        problems.push(warning.help("add `proxy_protocol = true` to the host, or name a header of requests"));
    }
}
