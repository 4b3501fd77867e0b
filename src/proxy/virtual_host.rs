//! Which host a request is for, whether its connection may reach it, and who asks there.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::header::HeaderValue;
use http::request;

use super::error::Refusal;
use super::requested_host::RequestedHost;
use super::snapshot::Snapshot;
use crate::downstream::connection::{ClientConnection, ConnectionSecurity};
use crate::model::headers::forwarding::Introduction;
use crate::model::host::Authority;
use crate::model::{HostId, Security};

/// A client connection, and whom its first request was for. Nearly always that is whom all others are for.
pub(super) struct Visit {
    pub(super) client: Rc<ClientConnection>,
    first: OnceCell<Addressee>,
    introduction: OnceCell<Rc<Introduction>>,
}

/// Whom a request is for.
#[derive(Clone)]
pub(super) struct Addressee {
    pub(super) host: HostId,
    /// `Host` for the application, as the client wrote it.
    pub(super) header: HeaderValue,
}

impl Visit {
    pub(super) fn of(client: Rc<ClientConnection>) -> Visit {
        Visit { client, first: OnceCell::new(), introduction: OnceCell::new() }
    }

    /// How the client of a request is introduced to applications. That of the first request is kept.
    pub(super) fn introduction(
        &self,
        host: HeaderValue,
        client: SocketAddr,
        security: Security,
    ) -> Rc<Introduction> {
        let client = self.client.peer.header_for(client);
        match self.introduction.get() {
            Some(first) if first.is_of(&host, &client, security) => first.clone(),
            _ => {
                let introduction = Rc::new(Introduction::new(host, client, security));
                let _ = self.introduction.set(introduction.clone());
                introduction
            }
        }
    }
}

/// Whom a request is for. What the first request of a connection was told is told to all that name the same:
/// the answer depends on the connection and the name alone.
pub(super) fn find_host(snapshot: &Snapshot, visit: &Visit, head: &request::Parts) -> Result<Addressee, Refusal> {
    let RequestedHost::Named(text) = RequestedHost::of(head)? else { return stand_in(snapshot, &visit.client) };
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

fn look_up(snapshot: &Snapshot, client: &ClientConnection, text: &str) -> Result<Addressee, Refusal> {
    let hosts = &snapshot.model.listeners[client.listener].hosts;
    let name = Authority::parse(text).map_err(|_| Refusal::BadHost)?.host;
    let host = *hosts.find(&name).or(hosts.default.as_ref()).ok_or(Refusal::Misdirected)?;
    check_terms(snapshot, client, host)?;
    let header = HeaderValue::from_str(text).map_err(|_| Refusal::BadHost)?;
    Ok(Addressee { host, header })
}

/// The host for requests that name none.
fn stand_in(snapshot: &Snapshot, client: &ClientConnection) -> Result<Addressee, Refusal> {
    let host = snapshot.model.listeners[client.listener].hosts.default.ok_or(Refusal::BadHost)?;
    check_terms(snapshot, client, host)?;
    let name = snapshot.model.host(host).names.first().map(|name| name.name().as_str());
    let header = name.and_then(|name| HeaderValue::from_str(name).ok()).ok_or(Refusal::BadHost)?;
    Ok(Addressee { host, header })
}

/// A connection was opened for one name, on the terms of its host. Requests for another host are served
/// only if that protects them as well and the same certificate covers both, as browsers that reuse
/// connections rely on (RFC 9113 section 9.1.1); else a client could go around a host's own TLS terms.
/// Old clients name nothing; what they were shown was for them to judge.
fn check_terms(snapshot: &Snapshot, client: &ClientConnection, host: HostId) -> Result<(), Refusal> {
    let ConnectionSecurity::Tls { server_name, terms, client, .. } = &client.security else {
        return Ok(());
    };
    let Security::Tls(wanted) = snapshot.model.host(host).security else { return Ok(()) };
    let wanted_terms = snapshot.model.tls_terms(wanted);
    if *terms != wanted {
        let terms = snapshot.model.tls_terms(*terms);
        let is_certified = server_name.is_none() || terms.certificates == wanted_terms.certificates;
        if !is_certified || !terms.protect_as(wanted_terms) {
            return Err(Refusal::Misdirected);
        }
    }
    if wanted_terms.require_client() && client.is_none() {
        return Err(Refusal::NoClientCertificate);
    }
    Ok(())
}

/// Who asks, by the rules of the host that answers.
pub(super) fn client_address(
    snapshot: &Snapshot,
    client: &ClientConnection,
    host: Option<HostId>,
    head: &request::Parts,
) -> SocketAddr {
    let peer = &client.peer;
    let rules = host.map(|host| &snapshot.model.host(host).client_address);
    rules.map_or(peer.address, |rules| rules.of_request(peer.address, peer.proxied, &head.headers))
}
