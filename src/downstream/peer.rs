//! Socket peer and the client named by the PROXY protocol.

use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;
use tokio::net::TcpStream;

use crate::model::ProxyProtocolMode;
use crate::net::proxy_protocol;

/// Socket peer address and the client address from the PROXY protocol.
pub struct Peer {
    /// Socket peer: the client, or a load balancer in front of the proxy.
    pub address: SocketAddr,
    /// The client that a PROXY header names; `None` without a header, or if the header names no client.
    pub proxied: Option<SocketAddr>,
    /// `X-Forwarded-For` value of this connection, formatted once for all requests.
    forwarded_for: HeaderValue,
}

impl Peer {
    /// Reads the PROXY protocol header if the listener requires one. `None` if a required header is missing,
    /// malformed or late; the connection is then closed.
    pub async fn identify(
        tcp: &mut TcpStream,
        address: SocketAddr,
        proxy_protocol: ProxyProtocolMode,
    ) -> Option<Peer> {
        let proxied = match proxy_protocol {
            ProxyProtocolMode::None => None,
            // Boxed, so that the futures of connections without a header stay small.
            ProxyProtocolMode::ProxyProtocol => match Box::pin(proxy_protocol::read(tcp)).await {
                Ok(client) => client,
                Err(error) => {
                    tracing::debug!(client = %address, error = %error, "connection closed: no valid PROXY header");
                    return None;
                }
            },
        };
        let forwarded_for = address_header(proxied.unwrap_or(address).ip());
        Some(Peer { address, proxied, forwarded_for })
    }

    /// Returns the `X-Forwarded-For` value for a client. The address of a PROXY header takes precedence over
    /// `client`, even from an untrusted peer, as the package's nginx does with `$proxy_protocol_addr`.
    pub fn forwarded_for(&self, client: SocketAddr) -> HeaderValue {
        if self.proxied.is_some() || client == self.address {
            return self.forwarded_for.clone();
        }
        address_header(client.ip())
    }
}

fn address_header(address: IpAddr) -> HeaderValue {
    // An address consists of digits, letters, dots and colons, so it is always a valid header value.
    HeaderValue::try_from(address.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
