//! Selects the virtual host of a request and checks it against the TLS connection.

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

/// A connection with the virtual host and forwarding headers of its first request, which nearly always are those of
/// all its requests.
pub(super) struct ConnectionContext {
    pub(super) client: Rc<DownstreamConnection>,
    first_host: OnceCell<SelectedHost>,
    first_forwarding: OnceCell<Rc<ForwardingHeaders>>,
}

/// The virtual host of a request and its `Host` value.
#[derive(Clone)]
pub(super) struct SelectedHost {
    pub(super) host: HostId,
    /// `Host` for the upstream, as the client sent it.
    pub(super) header: HeaderValue,
}

impl ConnectionContext {
    /// Creates the context of a new connection.
    pub(super) fn new(client: Rc<DownstreamConnection>) -> ConnectionContext {
        ConnectionContext { client, first_host: OnceCell::new(), first_forwarding: OnceCell::new() }
    }

    /// Returns the forwarding headers of a request. Those of the first request are cached.
    pub(super) fn forwarding_headers(
        &self,
        host: HeaderValue,
        client: SocketAddr,
        security: HostSecurity,
    ) -> Rc<ForwardingHeaders> {
        let client = self.client.peer.forwarded_for(client);
        match self.first_forwarding.get() {
            Some(first) if first.matches(&host, &client, security) => first.clone(),
            _ => {
                let forwarding = Rc::new(ForwardingHeaders::new(host, client, security));
                let _ = self.first_forwarding.set(forwarding.clone());
                forwarding
            }
        }
    }
}

/// Selects the virtual host of a request. The result for the first request is cached, because it depends only on
/// the connection and the host name.
///
/// # Errors
///
/// If the host is invalid, is not served on this connection, or requires a client certificate.
pub(super) fn select_host(
    snapshot: &Snapshot,
    connection: &ConnectionContext,
    head: &request::Parts,
) -> Result<SelectedHost, ProxyError> {
    let RequestedHost::Named(text) = RequestedHost::from_head(head)? else {
        return default_host(snapshot, &connection.client);
    };
    match connection.first_host.get() {
        Some(first) if first.header == *text => Ok(first.clone()),
        _ => {
            let selected = look_up(snapshot, &connection.client, text)?;
            // Only the first host is cached, so a connection for two hosts does not replace the entry each time.
            let _ = connection.first_host.set(selected.clone());
            Ok(selected)
        }
    }
}

/// Selects the virtual host by name, or else the default host of the listener.
fn look_up(snapshot: &Snapshot, client: &DownstreamConnection, text: &str) -> Result<SelectedHost, ProxyError> {
    let hosts = &snapshot.model.listeners[client.listener].hosts;
    let name = ParsedAuthority::parse(text).map_err(|_| ProxyError::BadHost)?.host;
    let host = *hosts.find(&name).or(hosts.default.as_ref()).ok_or(ProxyError::Misdirected)?;
    check_tls_settings(snapshot, client, host)?;
    let header = HeaderValue::from_str(text).map_err(|_| ProxyError::BadHost)?;
    Ok(SelectedHost { host, header })
}

/// Selects the default host of the listener, for a request that names no host.
fn default_host(snapshot: &Snapshot, client: &DownstreamConnection) -> Result<SelectedHost, ProxyError> {
    let host = snapshot.model.listeners[client.listener].hosts.default.ok_or(ProxyError::BadHost)?;
    check_tls_settings(snapshot, client, host)?;
    let name = snapshot.model.host(host).names.first().map(|name| name.name().as_str());
    let header = name.and_then(|name| HeaderValue::from_str(name).ok()).ok_or(ProxyError::BadHost)?;
    Ok(SelectedHost { host, header })
}

/// Rejects a request whose host needs stricter TLS settings than the connection has (421).
///
/// The handshake used the TLS settings of the host in SNI. A request for another host is accepted only if the
/// connection's settings are at least as strict and the same certificate covers both names, on which browsers rely
/// when they reuse a connection (RFC 9113 section 9.1.1). Otherwise a client could bypass the TLS settings of a
/// host. A client without SNI has accepted the certificate of the default host, so certificates are not compared.
fn check_tls_settings(snapshot: &Snapshot, client: &DownstreamConnection, host: HostId) -> Result<(), ProxyError> {
    let DownstreamSecurity::Tls { server_name, settings: used_id, client, .. } = &client.security else {
        return Ok(());
    };
    let HostSecurity::Tls(required_id) = snapshot.model.host(host).security else { return Ok(()) };
    let required = snapshot.model.tls_settings(required_id);
    if *used_id != required_id {
        let used = snapshot.model.tls_settings(*used_id);
        let is_covered = server_name.is_none() || used.certificates == required.certificates;
        if !is_covered || !used.is_at_least_as_strict_as(required) {
            return Err(ProxyError::Misdirected);
        }
    }
    if required.requires_client_certificate() && client.is_none() {
        return Err(ProxyError::NoClientCertificate);
    }
    Ok(())
}

/// Returns the client address by the rules of the host, or the socket peer without a host.
pub(super) fn client_address(
    snapshot: &Snapshot,
    client: &DownstreamConnection,
    host: Option<HostId>,
    head: &request::Parts,
) -> SocketAddr {
    let peer = &client.peer;
    let policy = host.map(|host| &snapshot.model.host(host).client_address);
    policy.map_or(peer.address, |policy| policy.resolve(peer.address, peer.proxied, &head.headers))
}
