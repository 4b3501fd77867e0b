//! CIDR blocks for access and trust rules.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// A CIDR block; IPv4-mapped IPv6 addresses count as IPv4.
///
/// IPv4 and IPv6 are separate: `::/0` contains no IPv4 address. Bits beyond the prefix are cleared when a block
/// is parsed, as in nginx.
///
/// ```
/// use gatepost::model::network::Cidr;
///
/// let block: Cidr = "10.1.2.3/8".parse().expect("a CIDR block");
/// assert_eq!(block.to_string(), "10.0.0.0/8");
/// assert!(block.contains([10, 255, 0, 1].into()));
/// assert!(block.contains("::ffff:10.0.0.1".parse().expect("an address")));
/// assert!("10.0.0.0/33".parse::<Cidr>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// Error returned when a text is not a CIDR block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCidr;

impl Cidr {
    /// Returns whether the block contains an address. IPv4-mapped IPv6 addresses match as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Returns whether the block contains every address of its family (`0.0.0.0/0` or `::/0`).
    pub fn is_any(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

/// A block of one address.
impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Cidr {
        Cidr(IpNet::from(address.to_canonical()))
    }
}

/// Parses `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32` or `::1`. Bits beyond the prefix are cleared, as in nginx.
impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Cidr, InvalidCidr> {
        let block = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        block.map(|block| Cidr(normalized(block))).map_err(|_| InvalidCidr)
    }
}

/// A block of one address is formatted without a prefix.
impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

/// Clears the bits beyond the prefix. An IPv4-mapped block (RFC 4291 section 2.5.5.2) becomes an IPv4 block,
/// because addresses are converted to IPv4 before they are compared.
fn normalized(block: IpNet) -> IpNet {
    let block = block.trunc();
    let IpNet::V6(v6) = block else { return block };
    let prefix = v6.prefix_len().checked_sub(MAPPED_PREFIX);
    let mapped = v6.addr().to_ipv4_mapped().zip(prefix);
    mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(block, IpNet::V4)
}

/// Prefix length of `::ffff:0:0/96`, the range of IPv4-mapped addresses.
const MAPPED_PREFIX: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_contains_the_addresses_of_its_prefix() {
        let contains = |block: &str, address: &str| cidr(block).contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("2001:db8::/32", "2001:db8:1::9") && !contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1") && !contains("::/0", "10.0.0.1"));
    }

    #[test]
    fn blocks_are_formatted_in_canonical_form() {
        for (text, formatted) in
            [("10.1.2.3/8", "10.0.0.0/8"), ("192.0.2.1/32", "192.0.2.1"), ("2001:DB8:0::/64", "2001:db8::/64")]
        {
            assert_eq!(cidr(text).to_string(), formatted);
        }
    }

    #[test]
    fn host_names_and_invalid_blocks_are_rejected() {
        for text in ["", "balancer.internal", "10.0.0.0/33", "10.0.0/8", "[::1]", "10.0.0.1:80", "unix:", "/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(InvalidCidr), "{text}");
        }
    }
}
