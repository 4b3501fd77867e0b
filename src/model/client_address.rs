//! Determines the client address behind trusted proxies.
//!
//! The rules are those of nginx `real_ip_*`: a trusted peer names the client in a request header or in the
//! PROXY protocol header. Addresses named by any other peer are ignored.

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::network::Cidr;

/// How a virtual host determines the client address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAddressPolicy {
    /// The peer of the TCP connection is the client.
    Peer,
    /// Trusted peers name the client (nginx `set_real_ip_from`).
    RealIp(RealIpPolicy),
}

/// Trusted peers and the header they name the client in (nginx `real_ip_*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealIpPolicy {
    /// Peers that may name the client; not empty.
    pub trusted: Vec<Cidr>,
    pub source: RealIpSource,
    pub choice: RealIpSelection,
}

/// Where a trusted peer names the client (nginx `real_ip_header`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealIpSource {
    /// The PROXY protocol header at the start of the connection.
    ProxyProtocol,
    /// A request header with a list, to which each proxy on the path appends an address.
    Header(HeaderName),
}

/// Which address of a forwarded list is the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RealIpSelection {
    /// The last address, which is the peer of the trusted proxy itself.
    Last,
    /// The last address that is not trusted; the first address if all are trusted (nginx `real_ip_recursive
    /// on`).
    LastUntrusted,
}

impl ClientAddressPolicy {
    /// Returns the client address of a request from `peer`.
    ///
    /// `proxied` is the client in the PROXY protocol header, if the connection has one. The result is `peer`
    /// unless `peer` is trusted and names a valid client. The port is 0 if the header contains no port.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use gatepost::model::client_address::{ClientAddressPolicy, RealIpPolicy, RealIpSelection, RealIpSource};
    /// use http::{HeaderMap, HeaderName, HeaderValue};
    ///
    /// let name = HeaderName::from_static("x-forwarded-for");
    /// let policy = ClientAddressPolicy::RealIp(RealIpPolicy {
    ///     trusted: vec!["10.0.0.0/8".parse().expect("a CIDR block")],
    ///     source: RealIpSource::Header(name.clone()),
    ///     choice: RealIpSelection::LastUntrusted,
    /// });
    /// let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("192.0.2.7, 10.0.0.2"))]);
    ///
    /// let balancer: SocketAddr = ([10, 0, 0, 1], 5000).into();
    /// assert_eq!(policy.resolve(balancer, None, &headers), ([192, 0, 2, 7], 0).into());
    /// let untrusted: SocketAddr = ([203, 0, 113, 1], 5000).into();
    /// assert_eq!(policy.resolve(untrusted, None, &headers), untrusted);
    /// ```
    pub fn resolve(&self, peer: SocketAddr, proxied: Option<SocketAddr>, headers: &HeaderMap) -> SocketAddr {
        let ClientAddressPolicy::RealIp(policy) = self else { return peer };
        if !policy.trusts(peer.ip()) {
            return peer;
        }
        match &policy.source {
            RealIpSource::ProxyProtocol => proxied.unwrap_or(peer),
            RealIpSource::Header(name) => policy.select(headers, name).unwrap_or(peer),
        }
    }
}

impl RealIpPolicy {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Selects the client address from a forwarded list, last entry first.
    ///
    /// Selection stops at an entry that is not an address. Entries before it were not written by a trusted
    /// proxy, so they are ignored.
    fn select(&self, headers: &HeaderMap, name: &HeaderName) -> Option<SocketAddr> {
        let mut selected = None;
        for entry in headers.get_all(name).iter().rev().flat_map(forwarded_addresses) {
            let Some(address) = parse(entry) else { break };
            selected = Some(address);
            if self.choice == RealIpSelection::Last || !self.trusts(address.ip()) {
                break;
            }
        }
        selected
    }
}

/// Returns the entries of a forwarding header, last first. Blanks separate entries as commas do, as in nginx.
fn forwarded_addresses(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().rsplit(|byte| b", \t".contains(byte)).filter(|entry| !entry.is_empty())
}

/// Parses an address in the forms that proxies write: bare or in brackets, with or without a port.
fn parse(entry: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(entry).ok()?;
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

    fn real_ip(source: RealIpSource, choice: RealIpSelection) -> ClientAddressPolicy {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec();
        ClientAddressPolicy::RealIp(RealIpPolicy { trusted, source, choice })
    }

    /// Returns the client of a request with these `X-Forwarded-For` lines.
    fn client(choice: RealIpSelection, peer: &str, lines: &[&str]) -> String {
        let name = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        let policy = real_ip(RealIpSource::Header(name), choice);
        policy.resolve(peer.parse().unwrap(), None, &headers).to_string()
    }

    #[test]
    fn only_a_trusted_peer_names_the_client() {
        assert_eq!(client(RealIpSelection::Last, BALANCER, &["192.0.2.7"]), "192.0.2.7:0");
        assert_eq!(client(RealIpSelection::Last, "192.0.2.1:9", &["192.0.2.7"]), "192.0.2.1:9");
        assert_eq!(client(RealIpSelection::Last, BALANCER, &[]), BALANCER);
        let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "192.0.2.7".parse().unwrap())]);
        let peer = BALANCER.parse().unwrap();
        assert_eq!(ClientAddressPolicy::Peer.resolve(peer, None, &headers), peer);
    }

    #[test]
    fn the_last_or_the_last_untrusted_address_is_selected() {
        let lines = ["6.6.6.6, 192.0.2.7", "10.0.0.3 ,10.0.0.2"];
        assert_eq!(client(RealIpSelection::Last, BALANCER, &lines), "10.0.0.2:0");
        assert_eq!(client(RealIpSelection::LastUntrusted, BALANCER, &lines), "192.0.2.7:0");
        assert_eq!(
            client(RealIpSelection::LastUntrusted, BALANCER, &["10.0.0.4, 10.0.0.3", "10.0.0.2"]),
            "10.0.0.4:0"
        );
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_parsed() {
        for (entry, address) in [
            ("192.0.2.7:1234", "192.0.2.7:1234"),
            ("2001:db9::7", "[2001:db9::7]:0"),
            ("[2001:db9::7]", "[2001:db9::7]:0"),
            ("[2001:db9::7]:99", "[2001:db9::7]:99"),
            ("::ffff:192.0.2.7", "192.0.2.7:0"),
        ] {
            assert_eq!(client(RealIpSelection::Last, BALANCER, &[entry]), address, "{entry}");
        }
    }

    #[test]
    fn entries_before_an_invalid_one_are_ignored() {
        assert_eq!(
            client(RealIpSelection::LastUntrusted, BALANCER, &["192.0.2.7, unknown, 10.0.0.2"]),
            "10.0.0.2:0"
        );
        for invalid in ["unknown", "192.0.2", "[192.0.2.7", "192.0.2.7:port", "[192.0.2.7]", "\"192.0.2.7\""] {
            assert_eq!(client(RealIpSelection::Last, BALANCER, &["192.0.2.8", invalid]), BALANCER, "{invalid}");
        }
    }

    #[test]
    fn the_proxy_protocol_requires_a_trusted_peer() {
        let policy = real_ip(RealIpSource::ProxyProtocol, RealIpSelection::Last);
        let client = Some("192.0.2.7:1234".parse().unwrap());
        let resolve = |peer: &str, proxied| policy.resolve(peer.parse().unwrap(), proxied, &HeaderMap::new());
        assert_eq!(Some(resolve(BALANCER, client)), client);
        assert_eq!(resolve("192.0.2.1:9", client).to_string(), "192.0.2.1:9");
        assert_eq!(resolve(BALANCER, None).to_string(), BALANCER);
    }
}
