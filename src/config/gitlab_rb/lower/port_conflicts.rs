//! Ports of hosts that a program of GitLab has already.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::reader::{SettingsReader, spelled};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Spanned};
use crate::model::upstream::UpstreamAddress;

/// Reports hosts that want the very address of their application, of Pages, or of Puma.
pub(super) fn report(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    report_applications(hosts, reader.problems);
    report_pages(hosts, reader);
    report_puma(hosts, reader);
}

fn report_applications(hosts: &[HostSection], problems: &mut Diagnostics) {
    for host in hosts {
        let address = host.upstream.as_set().map(|said| &said.value.address);
        let Some(UpstreamAddress::Tcp { host: application, port }) = address else {
            continue;
        };
        let here = if application == "localhost" { Ok(Ipv4Addr::LOCALHOST.into()) } else { application.parse() };
        let Some(taken) = here.ok().filter(IpAddr::is_loopback).map(|ip| SocketAddr::new(ip, *port)) else {
            continue;
        };
        if let Some(address) = listening(host).find(|address| overlaps(address.value, taken)) {
            let message = format!("the application itself listens on port {port}, so the proxy cannot");
            problems.push(Diagnostic::error(&address.span, message).help("choose another port for one of them"));
        }
    }
}

/// For domains of its users Pages has addresses of its own.
fn report_pages(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    let switches = [["gitlab_rails", "pages_enabled"], ["gitlab_pages", "enable"]];
    let is_off = switches.iter().any(|path| reader.flag_at(path) == Some(false));
    if is_off || reader.text(&["pages_external_url"]).is_none() {
        return;
    }
    for key in ["external_http", "external_https", "external_https_proxyv2"] {
        let path = ["gitlab_pages", key];
        for said in reader.texts_at(&path).unwrap_or_default() {
            let Ok(taken) = said.value.parse() else { continue };
            if let Some(address) = wanted(hosts).find(|address| overlaps(address.value, taken)) {
                let message =
                    format!("Pages itself listens on {taken}, so the proxy cannot listen on {}", address.value);
                let error = Diagnostic::error(&address.span, message)
                    .help(format!("that is in {}, at {}", spelled(&path), said.span))
                    .help("give each its own address: name those of the proxy in listen_addresses");
                reader.problems.push(error);
            }
        }
    }
}

/// Whether Puma runs here, and listens on TCP, is not certain.
fn report_puma(hosts: &[HostSection], reader: &mut SettingsReader<'_>) {
    let is_off =
        [["puma", "enable"], ["gitlab_rails", "enable"]].iter().any(|path| reader.flag_at(path) == Some(false));
    let port = reader.text(&["puma", "port"]).and_then(|said| said.value.parse().ok()).unwrap_or(8080);
    let taken = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(address) = wanted(hosts).find(|address| !is_off && overlaps(address.value, taken)) {
        let message = format!("GitLab's own Puma usually listens on {taken}");
        let warning = Diagnostic::warning(&address.span, message);
        reader.problems.push(warning.help("choose another port, or set puma['port']"));
    }
}

fn listening(host: &HostSection) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    host.settings.listen.as_set().into_iter().flat_map(|said| &said.value)
}

/// All addresses, those of redirects included.
fn wanted(hosts: &[HostSection]) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    hosts.iter().flat_map(|host| {
        let redirects = host.settings.redirect_from.as_set();
        listening(host).chain(redirects.into_iter().flat_map(|said| &said.value))
    })
}

/// Whether two programs cannot have both. An address of IPv4 and one of IPv6 are apart, as in nginx.
fn overlaps(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && same_ip
}
