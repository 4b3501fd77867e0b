//! Merges an HTTP redirect host with the HTTPS host it redirects to.
//!
//! In the model a redirect is a host of its own. In the TOML configuration it is a key of the HTTPS host,
//! `redirect_from`.

use std::net::SocketAddr;

use http::StatusCode;

use crate::model::client_address::ClientAddressPolicy;
use crate::model::compression::CompressionPolicy;
use crate::model::headers::ops::HeaderOp;
use crate::model::host::HostPattern;
use crate::model::route::{PathMatch, RedirectAction, RedirectOrigin, Route, RouteAction};
use crate::model::{HostId, HostSecurity, Model, VirtualHost};

/// The redirect of an HTTPS host.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FoldedRedirect<'a> {
    /// Listening addresses of the redirect.
    pub(super) from: Vec<SocketAddr>,
    /// Port of the HTTPS URL.
    pub(super) port: u16,
    /// Paths that are served without TLS, before the redirect.
    pub(super) before: Vec<&'a PathMatch>,
}

/// Returns the indexes of all hosts in their order, each with its redirect. Redirect hosts are left out.
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

/// Returns whether a host is the status host.
pub(super) fn is_status(model: &Model, index: usize) -> bool {
    model.status.is_some_and(|id| id.index() == index)
}

/// Returns the addresses that a host listens on.
pub(super) fn addresses(model: &Model, index: usize) -> Vec<SocketAddr> {
    let is_host = |id: &HostId| id.index() == index;
    let listeners = model.listeners.iter().filter(|it| it.hosts.entries().iter().any(|(_, id)| is_host(id)));
    listeners.map(|listener| listener.address).collect()
}

/// Returns the response headers of a route without those that all responses of its host carry.
pub(super) fn own_headers(route: &Route) -> impl Iterator<Item = &HeaderOp> {
    route.response_headers.iter().filter(|op| !HOST_WIDE.contains(&op.name().as_str()))
}

/// Returns the redirect of the host at `index`, if the hosts after it are its redirect hosts, one for each name.
fn redirect_to(model: &Model, index: usize) -> Option<FoldedRedirect<'_>> {
    let host = &model.hosts()[index];
    if host.security == HostSecurity::Plain {
        return None;
    }
    let mut found = host.names.iter().enumerate().map(|(nth, name)| {
        let plain = model.hosts().get(index + 1 + nth)?;
        let mut redirect = as_redirect(host, name, plain)?;
        redirect.from = addresses(model, index + 1 + nth);
        Some(redirect)
    });
    let first = found.next()??;
    found.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Returns the redirect that a plain host is for `name` of a TLS host; `None` if it is another kind of host.
fn as_redirect<'a>(
    host: &'a VirtualHost,
    name: &HostPattern,
    plain: &'a VirtualHost,
) -> Option<FoldedRedirect<'a>> {
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
    let is_copied = |route: &Route| host.routes.iter().any(|original| is_copy(route, original));
    let all_copied = before.iter().all(|route| is_copied(route));
    let before = before.iter().map(|route| &route.path).collect();
    all_copied.then_some(FoldedRedirect { from: Vec::new(), port, before })
}

/// Returns the HTTPS port of a redirect to the same name; `None` if it redirects elsewhere or not with 301.
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

/// Response headers that are host keys in the TOML configuration: `hsts` and `referrer_policy`.
const HOST_WIDE: [&str; 2] = ["strict-transport-security", "referrer-policy"];
