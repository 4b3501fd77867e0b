//! Who the client is, when something in front of the proxy connects on its behalf.
//!
//! The rules are those of nginx's `real_ip_*`: a peer that is trusted may say for whom it speaks, in a header
//! of the request or in the PROXY protocol; the word of all others is worth nothing.

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::network::Cidr;

/// How a host learns who its clients are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAddressPolicy {
    /// Whoever connects is the client.
    Peer,
    /// Trusted peers are asked.
    RealIp(RealIpPolicy),
}

/// Who is asked for the client's address, and what is made of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealIpPolicy {
    /// Those whose word counts; at least one.
    pub trusted: Vec<Cidr>,
    pub source: RealIpSource,
    pub choice: RealIpSelection,
}

/// Where the address is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealIpSource {
    /// In front of everything else on the connection.
    ProxyProtocol,
    /// In a header, as a list to which each proxy on the way adds at the end.
    Header(HeaderName),
}

/// Which address of a list is the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RealIpSelection {
    /// The last one: what the peer itself has seen.
    Last,
    /// The last one that is not trusted; if all are, the first. What nginx calls recursive.
    LastUntrusted,
}

impl ClientAddressPolicy {
    /// The client of a request that came from `peer`, who spoke for `proxied` in the PROXY protocol. The port
    /// is 0 where nobody has said it.
    pub fn resolve(&self, peer: SocketAddr, proxied: Option<SocketAddr>, headers: &HeaderMap) -> SocketAddr {
        let ClientAddressPolicy::RealIp(told) = self else { return peer };
        if !told.trusts(peer.ip()) {
            return peer;
        }
        match &told.source {
            RealIpSource::ProxyProtocol => proxied.unwrap_or(peer),
            RealIpSource::Header(name) => told.select(headers, name).unwrap_or(peer),
        }
    }
}

impl RealIpPolicy {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// The address that counts, from the end of the list. What stands before something that is no address was
    /// written by nobody who is known, so it does not count.
    fn select(&self, headers: &HeaderMap, name: &HeaderName) -> Option<SocketAddr> {
        let mut chosen = None;
        for written in headers.get_all(name).iter().rev().flat_map(forwarded_addresses) {
            let Some(address) = parse(written) else { break };
            chosen = Some(address);
            if self.choice == RealIpSelection::Last || !self.trusts(address.ip()) {
                break;
            }
        }
        chosen
    }
}

/// What is listed in a header, the last first. Blanks separate as commas do, as in nginx.
fn forwarded_addresses(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().rsplit(|byte| b", \t".contains(byte)).filter(|written| !written.is_empty())
}

/// Reads an address as proxies write it: bare, in brackets, with or without a port.
fn parse(written: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(written).ok()?;
    let without_port = |ip| SocketAddr::new(ip, 0);
    let bare = || text.parse().ok().map(without_port);
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6).map(without_port);
    let address = text.parse().ok().or_else(bare).or_else(bracketed)?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BALANCER: &str = "10.0.0.1:5000";

    fn told(source: RealIpSource, choice: RealIpSelection) -> ClientAddressPolicy {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec();
        ClientAddressPolicy::RealIp(RealIpPolicy { trusted, source, choice })
    }

    /// The client that a request with these `X-Forwarded-For` lines has.
    fn client(choice: RealIpSelection, peer: &str, lines: &[&str]) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        let policy = told(RealIpSource::Header(name), choice);
        policy.resolve(peer.parse().unwrap(), None, &headers).to_string()
    }

    #[test]
    fn only_a_trusted_peer_is_believed() {
        assert_eq!(client(RealIpSelection::Last, BALANCER, &["192.0.2.7"]), "192.0.2.7:0");
        assert_eq!(client(RealIpSelection::Last, "192.0.2.1:9", &["192.0.2.7"]), "192.0.2.1:9");
        assert_eq!(client(RealIpSelection::Last, BALANCER, &[]), BALANCER);
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "192.0.2.7".parse().unwrap())]);
        let peer = BALANCER.parse().unwrap();
        assert_eq!(ClientAddressPolicy::Peer.resolve(peer, None, &headers), peer);
    }

    #[test]
    fn the_last_address_counts_or_the_last_that_is_not_trusted() {
        let lines = ["6.6.6.6, 192.0.2.7", "10.0.0.3 ,10.0.0.2"];
        assert_eq!(client(RealIpSelection::Last, BALANCER, &lines), "10.0.0.2:0");
        assert_eq!(client(RealIpSelection::LastUntrusted, BALANCER, &lines), "192.0.2.7:0");
        assert_eq!(
            client(RealIpSelection::LastUntrusted, BALANCER, &["10.0.0.4, 10.0.0.3", "10.0.0.2"]),
            "10.0.0.4:0"
        );
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_read() {
        for (written, address) in [
            ("192.0.2.7:1234", "192.0.2.7:1234"),
            ("2001:db9::7", "[2001:db9::7]:0"),
            ("[2001:db9::7]", "[2001:db9::7]:0"),
            ("[2001:db9::7]:99", "[2001:db9::7]:99"),
            ("::ffff:192.0.2.7", "192.0.2.7:0"),
        ] {
            assert_eq!(client(RealIpSelection::Last, BALANCER, &[written]), address, "{written}");
        }
    }

    #[test]
    fn nothing_counts_that_stands_before_garbage() {
        assert_eq!(
            client(RealIpSelection::LastUntrusted, BALANCER, &["192.0.2.7, unknown, 10.0.0.2"]),
            "10.0.0.2:0"
        );
        for garbage in ["unknown", "192.0.2", "[192.0.2.7", "192.0.2.7:port", "[192.0.2.7]", "\"192.0.2.7\""] {
            assert_eq!(client(RealIpSelection::Last, BALANCER, &["192.0.2.8", garbage]), BALANCER, "{garbage}");
        }
    }

    #[test]
    fn the_proxy_protocol_is_believed_by_the_same_rule() {
        let policy = told(RealIpSource::ProxyProtocol, RealIpSelection::Last);
        let client = Some("192.0.2.7:1234".parse().unwrap());
        let of = |peer: &str, proxied| policy.resolve(peer.parse().unwrap(), proxied, &HeaderMap::new());
        assert_eq!(Some(of(BALANCER, client)), client);
        assert_eq!(of("192.0.2.1:9", client).to_string(), "192.0.2.1:9");
        assert_eq!(of(BALANCER, None).to_string(), BALANCER);
    }
}
