//! Lowers listen addresses and the HTTP redirect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::context::LowerContext;
use super::external_url::ExternalScheme;
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::{Diagnostics, ValueError};
use crate::config::document::Spanned;

/// Listen addresses and redirect of a host.
pub(super) struct ListenSettings {
    pub(super) tls: bool,
    pub(super) listen: Vec<Spanned<SocketAddr>>,
    /// Plain HTTP addresses that redirect to HTTPS; empty without a redirect.
    pub(super) redirect_from: Vec<Spanned<SocketAddr>>,
}

impl ListenSettings {
    /// Returns whether the host redirects HTTP to HTTPS.
    pub(super) fn redirects(&self) -> bool {
        !self.redirect_from.is_empty()
    }
}

/// Returns every address with the host's port and, for a TLS host with a redirect, with the redirect's port.
pub(super) fn lower(service_host: &ServiceHost, context: &mut LowerContext<'_, '_>) -> ListenSettings {
    let owner = service_host.service.owner();
    let by_url = service_host.url.scheme == ExternalScheme::Https;
    let by_scheme = match service_host.service {
        Service::Kas | Service::Registry => context.reader.flag(owner, "https").unwrap_or(by_url),
        _ => by_url,
    };
    let tls = context.reader.flag(owner, "listen_https").unwrap_or(by_scheme);
    // The port setting of the agent server has another name and is part of the URL already.
    let port = Some("listen_port").filter(|_| service_host.service != Service::Kas);
    let port = port.and_then(|key| context.reader.port(owner, key));
    let redirect = context.reader.flag(owner, "redirect_http_to_https");
    let own = service_host.own_certificate(context);
    let redirect =
        redirect.unwrap_or_else(|| context.lets_encrypt.redirects(service_host, &own, context.environment));
    let redirect_port = context.reader.port(owner, "redirect_http_to_https_port");
    let addresses = addresses(service_host, context.reader);
    let redirect_from = if tls && redirect { on(&addresses, redirect_port, 80) } else { Vec::new() };
    ListenSettings { tls, listen: on(&addresses, port, service_host.url.port), redirect_from }
}

/// Combines every address with a port. The span is that of the port if it is set, because an administrator
/// changes it there if the address is in use.
fn on(addresses: &[Spanned<IpAddr>], setting: Option<Spanned<u16>>, default: u16) -> Vec<Spanned<SocketAddr>> {
    let port = setting.as_ref().map_or(default, |setting| setting.value);
    let on = |address: &Spanned<IpAddr>| Spanned {
        value: SocketAddr::new(address.value, port),
        span: setting.as_ref().map_or(&address.span, |setting| &setting.span).clone(),
    };
    addresses.iter().map(on).collect()
}

/// Returns `listen_addresses`; the package's default is every IPv4 address.
fn addresses(service_host: &ServiceHost, reader: &mut SettingsReader<'_>) -> Vec<Spanned<IpAddr>> {
    let default = || vec![Spanned { value: "*".to_owned(), span: service_host.span.clone() }];
    let written = reader.texts(service_host.service.owner(), "listen_addresses").unwrap_or_else(default);
    read(written, reader.problems)
}

/// Parses addresses in nginx notation, without duplicates. Invalid ones are reported.
pub(super) fn read(written: Vec<Spanned<String>>, problems: &mut Diagnostics) -> Vec<Spanned<IpAddr>> {
    let mut addresses: Vec<Spanned<IpAddr>> = Vec::new();
    for address in written {
        match parse_address(&address.value) {
            Ok(value) if addresses.iter().any(|known| known.value == value) => {}
            Ok(value) => addresses.push(Spanned { value, span: address.span }),
            Err(error) => problems.push(error.at(&address.span)),
        }
    }
    addresses
}

fn parse_address(written: &str) -> Result<IpAddr, ValueError> {
    if written == "*" {
        return Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    if let Some(bare) = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        && let Ok(address) = bare.parse()
    {
        return Ok(IpAddr::V6(address));
    }
    if let Ok(address) = written.parse() {
        return Ok(IpAddr::V4(address));
    }
    let error = ValueError::new(format!("invalid listen address `{written}`"));
    Err(match written.parse::<std::net::Ipv6Addr>() {
        Ok(_) => error.help(format!("write an IPv6 address in brackets: '[{written}]'")),
        Err(_) => error
            .help("write '*' for all IPv4 addresses, '[::]' for all IPv6 addresses, or an address of this machine"),
    })
}
