//! What hosts on one address must agree on, because it is settled before the client has named one.
//!
//! In the package's nginx HTTP/2 is offered on a socket if one of its hosts has it, and the first host's
//! TLS versions hold.

use crate::config::document::{HostSection, Setting};
use crate::model::HttpVersions;

/// Makes the hosts agree.
pub(super) fn agree(hosts: &mut [HostSection]) {
    // Agreement spreads from host to host, at most once through all of them.
    for _ in 0..hosts.len() {
        for first in 0..hosts.len() {
            for second in first + 1..hosts.len() {
                if meet(&hosts[first], &hosts[second]) {
                    let (before, after) = hosts.split_at_mut(second);
                    align(&mut before[first], &mut after[0]);
                }
            }
        }
    }
}

fn align(first: &mut HostSection, second: &mut HostSection) {
    let has_http2 = |host: &HostSection| matches!(&host.settings.http2, Setting::Said(said) if said.value == HttpVersions::Http2And1);
    if has_http2(first) {
        second.settings.http2 = first.settings.http2.clone();
    } else if has_http2(second) {
        first.settings.http2 = second.settings.http2.clone();
    }
    second.settings.tls_versions = first.settings.tls_versions.clone();
}

/// Whether both listen on a common address, and both with TLS.
fn meet(a: &HostSection, b: &HostSection) -> bool {
    let addresses = |host: &HostSection| -> Vec<_> {
        let is_tls = host.settings.tls.value_or(false);
        let listen = host.settings.listen.said().filter(|_| is_tls);
        listen.map(|said| said.value.iter().map(|address| address.value).collect()).unwrap_or_default()
    };
    let of_a: Vec<std::net::SocketAddr> = addresses(a);
    addresses(b).iter().any(|address| of_a.contains(address))
}
