//! Which host a request is for, whether its connection may reach it, and who asks there.

use std::net::SocketAddr;

use http::header::HeaderValue;
use http::request;

use super::Proxy;
use super::reply::Refusal;
use super::requested_host::RequestedHost;
use crate::model::{HostId, Security};
use crate::net::connection::{ClientConnection, ConnectionSecurity};

impl Proxy {
    /// The host a request is for, and `Host` for the application.
    pub(super) fn find_host(
        &self,
        client: &ClientConnection,
        head: &request::Parts,
    ) -> Result<(HostId, HeaderValue), Refusal> {
        let hosts = &self.model.listeners[client.listener].hosts;
        match RequestedHost::of(head)? {
            RequestedHost::Named { name, header } => {
                let host = *hosts.find(&name).or(hosts.default.as_ref()).ok_or(Refusal::Misdirected)?;
                self.check_terms(client, host)?;
                Ok((host, header))
            }
            RequestedHost::Unnamed => {
                let host = hosts.default.ok_or(Refusal::BadHost)?;
                self.check_terms(client, host)?;
                let name = self.model.host(host).names.first().map(|name| name.name().as_str());
                let header = name.and_then(|name| HeaderValue::from_str(name).ok());
                Ok((host, header.ok_or(Refusal::BadHost)?))
            }
        }
    }

    /// A connection was opened for one name, on the terms of its host. Requests for another host are served
    /// only if that protects them as well and the same certificate covers both, as browsers that reuse
    /// connections rely on (RFC 9113 section 9.1.1); else a client could go around a host's own TLS terms.
    /// Old clients name nothing; what they were shown was for them to judge.
    fn check_terms(&self, client: &ClientConnection, host: HostId) -> Result<(), Refusal> {
        let ConnectionSecurity::Tls { server_name, terms, client, .. } = &client.security else {
            return Ok(());
        };
        let Security::Tls(wanted) = self.model.host(host).security else { return Ok(()) };
        let wanted_terms = self.model.tls_terms(wanted);
        if *terms != wanted {
            let terms = self.model.tls_terms(*terms);
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
        &self,
        client: &ClientConnection,
        host: Option<HostId>,
        head: &request::Parts,
    ) -> SocketAddr {
        let peer = &client.peer;
        let rules = host.map(|host| &self.model.host(host).client_address);
        rules.map_or(peer.address, |rules| rules.of_request(peer.address, peer.proxied, &head.headers))
    }
}
