//! Who is at the other end of a client's connection, and for whom it says to speak.

use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;
use tokio::net::TcpStream;

use crate::model::ProxyProtocolMode;
use crate::net::proxy_protocol;

/// The other end of a connection.
pub struct Peer {
    /// Who connected: the client itself, or something in front of the proxy.
    pub address: SocketAddr,
    /// The client that a PROXY header names.
    pub proxied: Option<SocketAddr>,
    /// The client's address for applications as far as the connection tells it, formatted once for all requests.
    header: HeaderValue,
}

impl Peer {
    /// Takes from the connection what its listener wants before everything else. `None` if that does not come,
    /// and then the connection is of no use.
    pub async fn identify(tcp: &mut TcpStream, address: SocketAddr, preamble: ProxyProtocolMode) -> Option<Peer> {
        let proxied = match preamble {
            ProxyProtocolMode::None => None,
            // In a box, so that connections without a header need no room for its reading.
            ProxyProtocolMode::ProxyProtocol => match Box::pin(proxy_protocol::read(tcp)).await {
                Ok(client) => client,
                Err(failure) => {
                    tracing::debug!("connection from {address} was closed: {failure}");
                    return None;
                }
            },
        };
        let header = address_header(proxied.unwrap_or(address).ip());
        Some(Peer { address, proxied, header })
    }

    /// What applications are told if the client of a request is `client`. A PROXY header is passed on whoever
    /// wrote it, as the package's nginx does with `$proxy_protocol_addr`.
    pub fn forwarded_for(&self, client: SocketAddr) -> HeaderValue {
        if self.proxied.is_some() || client == self.address {
            return self.header.clone();
        }
        address_header(client.ip())
    }
}

fn address_header(address: IpAddr) -> HeaderValue {
    // An address consists of digits, letters, dots and colons, so it is always a valid value.
    HeaderValue::try_from(address.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
