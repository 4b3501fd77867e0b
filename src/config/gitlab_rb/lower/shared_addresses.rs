//! What hosts that share addresses must settle among themselves, as the package's nginx does.
//!
//! HTTP/2 is offered on a socket if one of its hosts has it. Of two hosts with one name on one socket the
//! first is served.

use std::net::SocketAddr;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Setting};
use crate::model::HttpVersions;
use crate::model::host::HostPattern;

/// Adds hosts that are other names of the first ones. A name that is a host's own already is left to it, as
/// its requests never reach another one.
pub(super) fn add_renamed(hosts: &mut Vec<HostSection>, renamed: Vec<HostSection>) {
    for host in renamed {
        if hosts.iter().all(|known| name(known) != name(&host)) {
            hosts.push(host);
        }
    }
}

/// Takes redirects away that an earlier host of the same name leaves no room for.
pub(super) fn drop_shadowed_redirects(hosts: &mut [HostSection], problems: &mut Diagnostics) {
    for later in 1..hosts.len() {
        let (before, after) = hosts.split_at_mut(later);
        let host = &mut after[0];
        let same_name = |other: &&HostSection| name(other).is_some() && name(other) == name(host);
        let taken: Vec<SocketAddr> = before.iter().filter(same_name).flat_map(claimed).collect();
        let Setting::Set(redirect) = &mut host.settings.redirect_from else { continue };
        let count = redirect.value.len();
        redirect.value.retain(|address| !taken.contains(&address.value));
        if redirect.value.len() < count {
            let message = "this host's redirect to HTTPS has no room: another host has its name and address";
            problems.push(Diagnostic::warning(&host.span, message).help("requests there go to the other host"));
        }
        if redirect.value.is_empty() {
            host.public_port = Setting::Unset;
        }
    }
}

fn name(host: &HostSection) -> Option<&HostPattern> {
    host.name.as_set().map(|said| &said.value)
}

/// All addresses that a host answers on, redirects included.
fn claimed(host: &HostSection) -> Vec<SocketAddr> {
    let lists = [&host.settings.listen, &host.settings.redirect_from];
    lists.iter().filter_map(|list| list.as_set()).flat_map(|said| said.value.iter().map(|it| it.value)).collect()
}

/// Makes the hosts agree.
pub(super) fn unify_http_versions(hosts: &mut [HostSection]) {
    // Agreement spreads from host to host, at most once through all of them.
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
    let has_http2 = |host: &HostSection| matches!(&host.settings.http2, Setting::Set(said) if said.value == HttpVersions::Http2And1);
    if has_http2(first) {
        second.settings.http2 = first.settings.http2.clone();
    } else if has_http2(second) {
        first.settings.http2 = second.settings.http2.clone();
    }
}

/// Whether both listen on a common address, and both with TLS.
fn share_tls_address(a: &HostSection, b: &HostSection) -> bool {
    let addresses = |host: &HostSection| -> Vec<_> {
        let is_tls = host.settings.tls.value_or(false);
        let listen = host.settings.listen.as_set().filter(|_| is_tls);
        listen.map(|said| said.value.iter().map(|address| address.value).collect()).unwrap_or_default()
    };
    let of_a: Vec<SocketAddr> = addresses(a);
    addresses(b).iter().any(|address| of_a.contains(address))
}
