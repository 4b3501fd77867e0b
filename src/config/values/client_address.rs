//! Who is believed about a client's address, as it is written.

use http::HeaderName;

use crate::config::diagnostic::ValueError;
use crate::model::client_address::RealIpSource;
use crate::model::network::Cidr;

/// Reads a peer that is trusted, or a block of them: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`. No names: who
/// is believed should not depend on a resolver.
pub fn trusted(text: &str) -> Result<Cidr, ValueError> {
    // Digits of IPv6 are letters, too, but only beside a colon.
    let is_name = !text.contains(':') && text.contains(|c: char| c.is_ascii_alphabetic());
    let what = if is_name { "a name, and names are not resolved here" } else { "no address, nor a block of them" };
    text.parse().map_err(|_| ValueError::new(format!("`{text}` is {what}")).help(TRUSTED_EXPECTED))
}

/// Reads where the address is said: the name of a header, or `proxy_protocol`.
pub fn source(text: &str) -> Result<RealIpSource, ValueError> {
    if text == "proxy_protocol" {
        return Ok(RealIpSource::ProxyProtocol);
    }
    let name = HeaderName::try_from(text);
    let mistake = || ValueError::new(format!("`{text}` is not the name of a header")).help(SOURCE_EXPECTED);
    name.map(RealIpSource::Header).map_err(|_| mistake())
}

/// What to write where trusted peers are expected.
pub const TRUSTED_EXPECTED: &str = "write addresses or blocks of them: [\"10.0.0.1\", \"192.0.2.0/24\"]";

/// What to write where the source of addresses is expected.
pub const SOURCE_EXPECTED: &str = "write \"X-Forwarded-For\", another header, or \"proxy_protocol\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_from_addresses_that_are_wrong() {
        let message = |text: &str| trusted(text).unwrap_err().message;
        for name in ["balancer.internal", "localhost", "lb1", "face.example.com/24"] {
            assert_eq!(message(name), format!("`{name}` is a name, and names are not resolved here"));
        }
        for text in ["10.0.0.0/33", "10.0.0", "", "[::1]", "2001:db8::/129"] {
            assert_eq!(message(text), format!("`{text}` is no address, nor a block of them"));
        }
    }

    #[test]
    fn a_source_is_a_header_or_the_proxy_protocol() {
        assert_eq!(source("proxy_protocol"), Ok(RealIpSource::ProxyProtocol));
        assert_eq!(source("CF-Connecting-IP"), source("cf-connecting-ip"));
        assert!(source("X Forwarded For").is_err() && source("").is_err());
    }
}
