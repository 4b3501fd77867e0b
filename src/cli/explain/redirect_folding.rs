//! Finds the hosts that are the plain side of a TLS host.
//!
//! In the model a redirect is a host like any other. People think of it as a part of the host it leads
//! to, and the TOML language says it so (`redirect_from`).

use std::net::SocketAddr;

use http::StatusCode;

use crate::model::client_address::ClientAddressPolicy;
use crate::model::compression::CompressionPolicy;
use crate::model::headers::ops::HeaderOp;
use crate::model::host::HostPattern;
use crate::model::route::{PathMatch, RedirectAction, RedirectOrigin, Route, RouteAction};
use crate::model::{HostId, HostSecurity, Model, VirtualHost};

/// The redirect to a TLS host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FoldedRedirect<'a> {
    pub(super) from: Vec<SocketAddr>,
    pub(super) port: u16,
    /// Paths that are served before the redirect.
    pub(super) before: Vec<&'a PathMatch>,
}

/// All hosts in their order, each with its redirect; the hosts that make up a redirect are left out.
pub(super) fn hosts(model: &Model) -> Vec<(usize, Option<FoldedRedirect<'_>>)> {
    let mut folded = Vec::new();
    let mut next = 0;
    for (index, host) in model.hosts().iter().enumerate() {
        if index < next || is_status(model, index) {
            continue;
        }
        let redirect = redirect_to(model, index);
        next = index + 1 + redirect.as_ref().map_or(0, |_| host.names.len());
        folded.push((index, redirect));
    }
    folded
}

/// Whether a host is that of the pages about the proxy itself.
pub(super) fn is_status(model: &Model, index: usize) -> bool {
    model.status.is_some_and(|id| id.index() == index)
}

/// The addresses on which a host answers.
pub(super) fn addresses(model: &Model, index: usize) -> Vec<SocketAddr> {
    let here = |id: &HostId| id.index() == index;
    let of_host = model.listeners.iter().filter(|it| it.hosts.entries().iter().any(|(_, id)| here(id)));
    of_host.map(|listener| listener.address).collect()
}

/// A route's own response headers, without those that all answers of its host carry.
pub(super) fn own_headers(route: &Route) -> impl Iterator<Item = &HeaderOp> {
    route.response_headers.iter().filter(|op| !HOST_WIDE.contains(&op.name().as_str()))
}

/// The redirect to the host at `index`, if the hosts that follow it are just that.
fn redirect_to(model: &Model, index: usize) -> Option<FoldedRedirect<'_>> {
    let host = &model.hosts()[index];
    if host.security == HostSecurity::Plain {
        return None;
    }
    let mut found = host.names.iter().enumerate().map(|(nth, name)| {
        let plain = model.hosts().get(index + 1 + nth)?;
        let mut redirect = plain_side(host, name, plain)?;
        redirect.from = addresses(model, index + 1 + nth);
        Some(redirect)
    });
    let first = found.next()??;
    found.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// What a plain host does if it is the plain side of `name` of a TLS host.
fn plain_side<'a>(host: &'a VirtualHost, name: &HostPattern, plain: &'a VirtualHost) -> Option<FoldedRedirect<'a>> {
    let same_log = plain.access_log == host.access_log && plain.log_format == host.log_format;
    let same = plain.names == [name.clone()] && same_log;
    let is_plain = plain.security == HostSecurity::Plain
        && plain.client_address == ClientAddressPolicy::Peer
        && plain.compression == CompressionPolicy::Off;
    if !same || !is_plain {
        return None;
    }
    let (redirect, before): (Vec<_>, Vec<_>) = plain.routes.iter().partition(|route| is_catch_all(route));
    let port = match redirect[..] {
        [Route { action: RouteAction::Redirect(redirect), response_headers, .. }]
            if response_headers.is_empty() =>
        {
            port_of(redirect, name)?
        }
        _ => return None,
    };
    let of_host = |route: &Route| host.routes.iter().any(|original| is_copy(route, original));
    let all_copied = before.iter().all(|route| of_host(route));
    let before = before.iter().map(|route| &route.path).collect();
    all_copied.then_some(FoldedRedirect { from: Vec::new(), port, before })
}

/// The port of a redirect that leads a name to itself.
fn port_of(redirect: &RedirectAction, name: &HostPattern) -> Option<u16> {
    match (&redirect.origin, name) {
        _ if redirect.status != StatusCode::MOVED_PERMANENTLY => None,
        (RedirectOrigin::SameHost { port }, HostPattern::Wildcard(_)) => Some(port.unwrap_or(443)),
        (RedirectOrigin::Fixed(text), HostPattern::Exact(name)) => {
            match text.strip_prefix("https://")?.strip_prefix(name.as_str())? {
                "" => Some(443),
                rest => rest.strip_prefix(':')?.parse().ok(),
            }
        }
        _ => None,
    }
}

fn is_catch_all(route: &Route) -> bool {
    matches!(&route.path, PathMatch::Prefix(prefix) if prefix == "/")
}

fn is_copy(copy: &Route, original: &Route) -> bool {
    copy.path == original.path
        && copy.action == original.action
        && copy.access == original.access
        && copy.error_pages == original.error_pages
        && copy.response_headers.iter().eq(own_headers(original))
}

/// Headers that the TOML language gives a host by keys of their own.
const HOST_WIDE: [&str; 2] = ["strict-transport-security", "referrer-policy"];
