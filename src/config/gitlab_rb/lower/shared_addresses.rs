//! Resolves conflicts between hosts on one address as nginx does.
//!
//! HTTP/2 is offered on an address if one of its hosts enables it. Of two hosts with the same name on one
//! address,
//! the first is served.

use std::net::SocketAddr;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Setting};
use crate::model::HttpVersions;
use crate::model::host::HostPattern;

/// Adds hosts for additional names. A name that already has a host is skipped, because its requests would never
/// reach a second one.
pub(super) fn add_renamed(hosts: &mut Vec<HostSection>, renamed: Vec<HostSection>) {
    for host in renamed {
        if hosts.iter().all(|known| name(known) != name(&host)) {
            hosts.push(host);
        }
    }
}

/// Removes redirect addresses that an earlier host of the same name uses.
pub(super) fn drop_shadowed_redirects(hosts: &mut [HostSection], problems: &mut Diagnostics) {
    for later in 1..hosts.len() {
        let (before, after) = hosts.split_at_mut(later);
        let host = &mut after[0];
        let same_name = |other: &&HostSection| name(other).is_some() && name(other) == name(host);
        let taken: Vec<SocketAddr> = before.iter().filter(same_name).flat_map(all_addresses).collect();
        let Setting::Set(redirect) = &mut host.settings.redirect_from else { continue };
        let count = redirect.value.len();
        redirect.value.retain(|address| !taken.contains(&address.value));
        if redirect.value.len() < count {
            let message =
                "the redirect of this host to HTTPS has no effect: another host uses its name and address";
            problems.push(Diagnostic::warning(&host.span, message).help("the other host serves these requests"));
        }
        if redirect.value.is_empty() {
            host.public_port = Setting::Unset;
        }
    }
}

fn name(host: &HostSection) -> Option<&HostPattern> {
    host.name.as_set().map(|setting| &setting.value)
}

/// Returns all addresses of a host, those of redirects included.
fn all_addresses(host: &HostSection) -> Vec<SocketAddr> {
    let lists = [&host.settings.listen, &host.settings.redirect_from];
    lists
        .iter()
        .filter_map(|list| list.as_set())
        .flat_map(|setting| setting.value.iter().map(|it| it.value))
        .collect()
}

/// Gives hosts that share a TLS address the same HTTP versions.
pub(super) fn unify_http_versions(hosts: &mut [HostSection]) {
    // HTTP/2 propagates from host to host, so as many rounds as hosts suffice.
    for _ in 0..hosts.len() {
        for first in 0..hosts.len() {
            for second in first + 1..hosts.len() {
                if share_tls_address(&hosts[first], &hosts[second]) {
                    let (before, after) = hosts.split_at_mut(second);
                    copy_http_versions(&mut before[first], &mut after[0]);
                }
            }
        }
    }
}

fn copy_http_versions(first: &mut HostSection, second: &mut HostSection) {
    let has_http2 = |host: &HostSection| matches!(&host.settings.http2, Setting::Set(setting) if setting.value == HttpVersions::Http2And1);
    if has_http2(first) {
        second.settings.http2 = first.settings.http2.clone();
    } else if has_http2(second) {
        first.settings.http2 = second.settings.http2.clone();
    }
}

/// Returns whether both hosts use TLS and share a listen address.
fn share_tls_address(a: &HostSection, b: &HostSection) -> bool {
    let addresses = |host: &HostSection| -> Vec<_> {
        let is_tls = host.settings.tls.value_or(false);
        let listen = host.settings.listen.as_set().filter(|_| is_tls);
        listen.map(|setting| setting.value.iter().map(|address| address.value).collect()).unwrap_or_default()
    };
    let of_a: Vec<SocketAddr> = addresses(a);
    addresses(b).iter().any(|address| of_a.contains(address))
}
