//! Reports listen addresses that a GitLab service already uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::reader::{SettingsReader, spelled};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Spanned};
use crate::model::upstream::UpstreamAddress;

/// Reports hosts that listen on the address of their upstream, of Pages or of Puma.
pub(super) fn report(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    report_upstreams(hosts, reader.problems);
    report_pages(hosts, reader);
    report_puma(hosts, reader);
}

fn report_upstreams(hosts: &[HostSection], problems: &mut Diagnostics) {
    for host in hosts {
        let address = host.upstream.as_set().map(|setting| &setting.value.address);
        let Some(UpstreamAddress::Tcp { host: upstream, port }) = address else {
            continue;
        };
        let ip = if upstream == "localhost" { Ok(Ipv4Addr::LOCALHOST.into()) } else { upstream.parse() };
        let Some(taken) = ip.ok().filter(IpAddr::is_loopback).map(|ip| SocketAddr::new(ip, *port)) else {
            continue;
        };
        if let Some(address) = listening(host).find(|address| overlaps(address.value, taken)) {
            let message =
                format!("cannot listen on {}: the upstream of this host listens on port {port}", address.value);
            problems.push(Diagnostic::error(&address.span, message).help("choose another port for one of them"));
        }
    }
}

/// Reports conflicts with the addresses on which Pages serves custom domains.
fn report_pages(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    let switches = [["gitlab_rails", "pages_enabled"], ["gitlab_pages", "enable"]];
    let is_off = switches.iter().any(|path| reader.flag_at(path) == Some(false));
    if is_off || reader.text(&["pages_external_url"]).is_none() {
        return;
    }
    for key in ["external_http", "external_https", "external_https_proxyv2"] {
        let path = ["gitlab_pages", key];
        for setting in reader.texts_at(&path).unwrap_or_default() {
            let Ok(taken) = setting.value.parse() else { continue };
            if let Some(address) = all_addresses(hosts).find(|address| overlaps(address.value, taken)) {
                let message = format!("cannot listen on {}: GitLab Pages listens on {taken}", address.value);
                let error = Diagnostic::error(&address.span, message)
                    .help(format!("`{}` at {} sets the address of Pages", spelled(&path), setting.span))
                    .help("use different addresses: set those of the proxy in `listen_addresses`");
                reader.problems.push(error);
            }
        }
    }
}

/// Warns about the TCP address of Puma. It is not an error, because Puma may run elsewhere or without TCP.
fn report_puma(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    let is_off =
        [["puma", "enable"], ["gitlab_rails", "enable"]].iter().any(|path| reader.flag_at(path) == Some(false));
    let port = reader.text(&["puma", "port"]).and_then(|setting| setting.value.parse().ok()).unwrap_or(8080);
    let taken = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(address) = all_addresses(hosts).find(|address| !is_off && overlaps(address.value, taken)) {
        let message =
            format!("listen address {} conflicts with Puma, which usually listens on {taken}", address.value);
        let warning = Diagnostic::warning(&address.span, message);
        reader.problems.push(warning.help("choose another port, or set `puma['port']`"));
    }
}

/// Returns the listen addresses of a host.
fn listening(host: &HostSection) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    host.settings.listen.as_set().into_iter().flat_map(|setting| &setting.value)
}

/// Returns the addresses of all hosts, those of redirects included.
fn all_addresses(hosts: &[HostSection]) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    hosts.iter().flat_map(|host| {
        let redirects = host.settings.redirect_from.as_set();
        listening(host).chain(redirects.into_iter().flat_map(|setting| &setting.value))
    })
}

/// Returns whether two programs cannot listen on both addresses. As in nginx, IPv4 and IPv6 addresses do not
/// overlap.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && same_ip
}
