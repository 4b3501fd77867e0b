//! Parses trusted peers and the header that carries the client address.

use http::HeaderName;

use crate::config::diagnostic::ValueError;
use crate::model::client_address::RealIpSource;
use crate::model::network::Cidr;

/// Parses a trusted peer, as an IP address or a CIDR block. Host names are rejected: trust must not depend on DNS.
///
/// ```
/// use gatepost::config::values::client_address::trusted;
///
/// assert_eq!(trusted("10.0.0.1").unwrap().to_string(), "10.0.0.1");
/// assert!(trusted("2001:db8::/32").is_ok());
/// assert!(trusted("balancer.internal").is_err());
/// ```
///
/// # Errors
/// Returns an error for any other text.
pub fn trusted(text: &str) -> Result<Cidr, ValueError> {
    // IPv6 addresses contain letters as well, but always with a colon.
    let is_name = !text.contains(':') && text.contains(|c: char| c.is_ascii_alphabetic());
    let reason =
        if is_name { "a host name; trusted peers are IP addresses" } else { "not an IP address or CIDR block" };
    text.parse().map_err(|_| ValueError::new(format!("`{text}` is {reason}")).help(TRUSTED_EXPECTED))
}

/// Parses the source of the client address: a header name, or `proxy_protocol`.
///
/// # Errors
/// Returns an error if the text is not a header name.
pub fn source(text: &str) -> Result<RealIpSource, ValueError> {
    if text == "proxy_protocol" {
        return Ok(RealIpSource::ProxyProtocol);
    }
    let name = HeaderName::try_from(text);
    let error = || ValueError::new(format!("`{text}` is not a header name")).help(SOURCE_EXPECTED);
    name.map(RealIpSource::Header).map_err(|_| error())
}

/// Help text for a value that is not a list of trusted peers.
pub const TRUSTED_EXPECTED: &str = "write IP addresses or CIDR blocks: [\"10.0.0.1\", \"192.0.2.0/24\"]";

/// Help text for a value that is not a source of client addresses.
pub const SOURCE_EXPECTED: &str = "write \"X-Forwarded-For\", another header name, or \"proxy_protocol\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_and_invalid_addresses_have_different_errors() {
        let message = |text: &str| trusted(text).unwrap_err().message;
        for name in ["balancer.internal", "localhost", "lb1", "face.example.com/24"] {
            assert_eq!(message(name), format!("`{name}` is a host name; trusted peers are IP addresses"));
        }
        for text in ["10.0.0.0/33", "10.0.0", "", "[::1]", "2001:db8::/129"] {
            assert_eq!(message(text), format!("`{text}` is not an IP address or CIDR block"));
        }
    }

    #[test]
    fn a_source_is_a_header_or_the_proxy_protocol() {
        assert_eq!(source("proxy_protocol"), Ok(RealIpSource::ProxyProtocol));
        assert_eq!(source("CF-Connecting-IP"), source("cf-connecting-ip"));
        assert!(source("X Forwarded For").is_err() && source("").is_err());
    }
}
