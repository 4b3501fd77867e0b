//! Which host a request is for, whether its connection may reach it, and who asks there.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::header::HeaderValue;
use http::request;

use super::error::ProxyError;
use super::requested_host::RequestedHost;
use super::snapshot::Snapshot;
use crate::downstream::connection::{DownstreamConnection, DownstreamSecurity};
use crate::model::headers::forwarding::ForwardingHeaders;
use crate::model::host::ParsedAuthority;
use crate::model::{HostId, HostSecurity};

/// A client connection, and whom its first request was for. Nearly always that is whom all others are for.
pub(super) struct ConnectionContext {
    pub(super) client: Rc<DownstreamConnection>,
    first: OnceCell<SelectedHost>,
    introduction: OnceCell<Rc<ForwardingHeaders>>,
}

/// Whom a request is for.
#[derive(Clone)]
pub(super) struct SelectedHost {
    pub(super) host: HostId,
    /// `Host` for the application, as the client wrote it.
    pub(super) header: HeaderValue,
}

impl ConnectionContext {
    pub(super) fn of(client: Rc<DownstreamConnection>) -> ConnectionContext {
        ConnectionContext { client, first: OnceCell::new(), introduction: OnceCell::new() }
    }

    /// How the client of a request is introduced to applications. That of the first request is kept.
    pub(super) fn forwarding_headers(
        &self,
        host: HeaderValue,
        client: SocketAddr,
        security: HostSecurity,
    ) -> Rc<ForwardingHeaders> {
        let client = self.client.peer.forwarded_for(client);
        match self.introduction.get() {
            Some(first) if first.matches(&host, &client, security) => first.clone(),
            _ => {
                let introduction = Rc::new(ForwardingHeaders::new(host, client, security));
                let _ = self.introduction.set(introduction.clone());
                introduction
            }
        }
    }
}

/// Whom a request is for. What the first request of a connection was told is told to all that name the same:
/// the answer depends on the connection and the name alone.
pub(super) fn select_host(
    snapshot: &Snapshot,
    visit: &ConnectionContext,
    head: &request::Parts,
) -> Result<SelectedHost, ProxyError> {
    let RequestedHost::Named(text) = RequestedHost::of(head)? else { return default_host(snapshot, &visit.client) };
    match visit.first.get() {
        Some(first) if first.header == *text => Ok(first.clone()),
        _ => {
            let found = look_up(snapshot, &visit.client, text)?;
            // Only the first is kept; so a connection for two hosts does not pay for each change.
            let _ = visit.first.set(found.clone());
            Ok(found)
        }
    }
}

fn look_up(snapshot: &Snapshot, client: &DownstreamConnection, text: &str) -> Result<SelectedHost, ProxyError> {
    let hosts = &snapshot.model.listeners[client.listener].hosts;
    let name = ParsedAuthority::parse(text).map_err(|_| ProxyError::BadHost)?.host;
    let host = *hosts.find(&name).or(hosts.default.as_ref()).ok_or(ProxyError::Misdirected)?;
    check_tls_settings(snapshot, client, host)?;
    let header = HeaderValue::from_str(text).map_err(|_| ProxyError::BadHost)?;
    Ok(SelectedHost { host, header })
}

/// The host for requests that name none.
fn default_host(snapshot: &Snapshot, client: &DownstreamConnection) -> Result<SelectedHost, ProxyError> {
    let host = snapshot.model.listeners[client.listener].hosts.default.ok_or(ProxyError::BadHost)?;
    check_tls_settings(snapshot, client, host)?;
    let name = snapshot.model.host(host).names.first().map(|name| name.name().as_str());
    let header = name.and_then(|name| HeaderValue::from_str(name).ok()).ok_or(ProxyError::BadHost)?;
    Ok(SelectedHost { host, header })
}

/// A connection was opened for one name, on the terms of its host. Requests for another host are served
/// only if that protects them as well and the same certificate covers both, as browsers that reuse
/// connections rely on (RFC 9113 section 9.1.1); else a client could go around a host's own TLS terms.
/// Old clients name nothing; what they were shown was for them to judge.
fn check_tls_settings(snapshot: &Snapshot, client: &DownstreamConnection, host: HostId) -> Result<(), ProxyError> {
    let DownstreamSecurity::Tls { server_name, terms, client, .. } = &client.security else {
        return Ok(());
    };
    let HostSecurity::Tls(wanted) = snapshot.model.host(host).security else { return Ok(()) };
    let wanted_terms = snapshot.model.tls_settings(wanted);
    if *terms != wanted {
        let terms = snapshot.model.tls_settings(*terms);
        let is_certified = server_name.is_none() || terms.certificates == wanted_terms.certificates;
        if !is_certified || !terms.is_at_least_as_strict_as(wanted_terms) {
            return Err(ProxyError::Misdirected);
        }
    }
    if wanted_terms.requires_client_certificate() && client.is_none() {
        return Err(ProxyError::NoClientCertificate);
    }
    Ok(())
}

/// Who asks, by the rules of the host that answers.
pub(super) fn client_address(
    snapshot: &Snapshot,
    client: &DownstreamConnection,
    host: Option<HostId>,
    head: &request::Parts,
) -> SocketAddr {
    let peer = &client.peer;
    let rules = host.map(|host| &snapshot.model.host(host).client_address);
    rules.map_or(peer.address, |rules| rules.resolve(peer.address, peer.proxied, &head.headers))
}
