//! Addresses by the block: `10.0.0.0/8`, or a single one.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// A block of IP addresses. IPv4 and IPv6 are apart: `::/0` holds no IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCidr;

impl Cidr {
    /// Whether it holds an address. One that is IPv4 in IPv6's clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether it holds every address of its kind.
    pub fn is_any(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// A single address.
impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Cidr {
        Cidr(IpNet::from(address.to_canonical()))
    }
}

/// Reads `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32` or `::1`. Bits beyond the prefix are dropped, as nginx
/// does.
impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Cidr, InvalidCidr> {
        let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        block.map(|block| Cidr(normal(block))).map_err(|_| InvalidCidr)
    }
}

/// A single address is written without a prefix.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// The block without bits beyond its prefix. IPv4 in IPv6's clothes (RFC 4291 section 2.5.5.2) counts as IPv4,
/// or it would hold nobody.
fn normal(block: IpNet) -> IpNet {
    let block = block.trunc();
    let IpNet::V6(within) = block else { return block };
    let prefix = within.prefix_len().checked_sub(MAPPED_PREFIX);
    let mapped = within.addr().to_ipv4_mapped().zip(prefix);
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(block, IpNet::V4)
}

/// The bits before the address in `::ffff:0:0/96`.
const MAPPED_PREFIX: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_the_addresses_of_its_prefix() {
        let holds = |network: &str, address: &str| self::network(network).contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.2"));
        assert!(holds("2001:db8::/32", "2001:db8:1::9") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1") && !holds("::/0", "10.0.0.1"));
    }

    #[test]
    fn a_network_is_written_as_short_as_it_can_be() {
        for (text, written) in
            [("10.1.2.3/8", "10.0.0.0/8"), ("192.0.2.1/32", "192.0.2.1"), ("2001:DB8:0::/64", "2001:db8::/64")]
        {
            assert_eq!(network(text).to_string(), written);
        }
    }

    #[test]
    fn names_and_impossible_blocks_are_no_networks() {
        for text in ["", "balancer.internal", "10.0.0.0/33", "10.0.0/8", "[::1]", "10.0.0.1:80", "unix:", "/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr), "{text}");
        }
    }
}
