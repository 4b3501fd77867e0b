//! Where a host listens, and whether it redirects.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::context::LowerContext;
use super::external_url::ExternalScheme;
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use crate::config::diagnostic::{Diagnostics, ValueError};
use crate::config::document::Spanned;

/// The sockets of a host.
pub(super) struct ListenSettings {
    pub(super) tls: bool,
    pub(super) listen: Vec<Spanned<SocketAddr>>,
    /// Empty if it does not redirect.
    pub(super) redirect_from: Vec<Spanned<SocketAddr>>,
}

impl ListenSettings {
    pub(super) fn redirects(&self) -> bool {
        !self.redirect_from.is_empty()
    }
}

/// Every address on the host's port; and, if it speaks TLS and is to redirect, on the redirect's port.
pub(super) fn of(plan: &ServiceHost, lowering: &mut LowerContext<'_, '_>) -> ListenSettings {
    let owner = plan.service.owner();
    let by_url = plan.url.scheme == ExternalScheme::Https;
    let by_scheme = match plan.service {
        Service::Kas | Service::Registry => lowering.reader.flag(owner, "https").unwrap_or(by_url),
        _ => by_url,
    };
    let tls = lowering.reader.flag(owner, "listen_https").unwrap_or(by_scheme);
    // The agent server's has another name, and is in the URL already.
    let port = Some("listen_port").filter(|_| plan.service != Service::Kas);
    let port = port.and_then(|key| lowering.reader.port(owner, key));
    let redirect = lowering.reader.flag(owner, "redirect_http_to_https");
    let own = plan.own_certificate(lowering);
    let redirect = redirect.unwrap_or_else(|| lowering.lets_encrypt.redirects(plan, &own, lowering.surroundings));
    let redirect_port = lowering.reader.port(owner, "redirect_http_to_https_port");
    let addresses = addresses(plan, lowering.reader);
    let redirect_from = if tls && redirect { on(&addresses, redirect_port, 80) } else { Vec::new() };
    ListenSettings { tls, listen: on(&addresses, port, plan.url.port), redirect_from }
}

/// Every address on a port. Where the port is said is the place to change it if it is taken.
fn on(addresses: &[Spanned<IpAddr>], said: Option<Spanned<u16>>, default: u16) -> Vec<Spanned<SocketAddr>> {
    let port = said.as_ref().map_or(default, |said| said.value);
    let on = |address: &Spanned<IpAddr>| Spanned {
        value: SocketAddr::new(address.value, port),
        span: said.as_ref().map_or(&address.span, |said| &said.span).clone(),
    };
    addresses.iter().map(on).collect()
}

/// The package listens on every IPv4 address unless it is told otherwise.
fn addresses(plan: &ServiceHost, reader: &mut SettingsReader<'_>) -> Vec<Spanned<IpAddr>> {
    let default = || vec![Spanned { value: "*".to_owned(), span: plan.span.clone() }];
    let said = reader.texts(plan.service.owner(), "listen_addresses").unwrap_or_else(default);
    read(said, reader.problems)
}

/// Reads addresses as nginx writes them. What is none is reported.
pub(super) fn read(said: Vec<Spanned<String>>, problems: &mut Diagnostics) -> Vec<Spanned<IpAddr>> {
    let mut addresses: Vec<Spanned<IpAddr>> = Vec::new();
    for written in said {
        match address(&written.value) {
            Ok(value) if addresses.iter().any(|known| known.value == value) => {}
            Ok(value) => addresses.push(Spanned { value, span: written.span }),
            Err(mistake) => problems.push(mistake.at(&written.span)),
        }
    }
    addresses
}

fn address(written: &str) -> Result<IpAddr, ValueError> {
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
    let mistake = ValueError::new(format!("`{written}` is no address to listen on"));
    Err(match written.parse::<std::net::Ipv6Addr>() {
        Ok(_) => mistake.help(format!("an IPv6 address stands in brackets: '[{written}]'")),
        Err(_) => {
            mistake.help("write '*' for every IPv4 address, '[::]' for every IPv6 one, or one of this machine")
        }
    })
}
