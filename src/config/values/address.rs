//! Parses listen addresses, upstream addresses and redirect origins.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::diagnostic::ValueError;
use crate::config::document::{UpstreamRef, UpstreamScheme};
use crate::model::host::ParsedAuthority;
use crate::model::upstream::UpstreamAddress;

/// Parses a listen address: `0.0.0.0:443`, `[::]:443`, or `*:443` for every IPv4 address.
///
/// ```
/// use gatepost::config::values::address::listen;
///
/// assert_eq!(listen("*:443").unwrap(), "0.0.0.0:443".parse().unwrap());
/// assert_eq!(listen("[::]:443").unwrap(), "[::]:443".parse().unwrap());
/// assert!(listen("localhost:443").is_err(), "host names are not resolved");
/// ```
///
/// # Errors
/// Returns an error if the IP address or the port is missing or invalid.
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    let error = |message: String| ValueError::new(message).help(LISTEN_EXPECTED);
    if let Some(port) = text.strip_prefix("*:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err(error(format!("`{text}` has no port")));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) || text.starts_with(':') {
        return Err(error(format!("`{text}` has no IP address")));
    }
    text.parse().map_err(|_| error(format!("`{text}` is not an IP address with a port")))
}

/// Parses an upstream address: `unix:/path`, `127.0.0.1:8065`, `[::1]:80` or `localhost:8090`. A scheme may
/// precede it, as in nginx `proxy_pass` and `grpc_pass`: `http://` (the default), `https://`, `grpc://` or
/// `grpcs://`.
///
/// ```
/// use gatepost::config::document::UpstreamScheme;
/// use gatepost::config::values::address::upstream;
/// use gatepost::model::upstream::UpstreamAddress;
///
/// let kas = upstream("grpcs://kas.internal:8150").unwrap();
/// assert_eq!(kas.scheme, UpstreamScheme::Grpcs);
/// assert_eq!(kas.address, UpstreamAddress::Tcp { host: "kas.internal".to_owned(), port: 8150 });
/// assert_eq!(upstream("unix:/run/gitlab.sock").unwrap().scheme, UpstreamScheme::Http);
/// assert!(upstream("http://127.0.0.1:8065/path").is_err());
/// ```
///
/// # Errors
/// Returns an error for another scheme, a missing port, or a path after the address.
pub fn upstream(text: &str) -> Result<UpstreamRef, ValueError> {
    let prefixed = SCHEMES.iter().find_map(|(name, scheme)| Some((*scheme, text.strip_prefix(name)?)));
    let (scheme, rest) = prefixed.unwrap_or((UpstreamScheme::Http, text));
    Ok(UpstreamRef { scheme, address: address(text, rest)? })
}

/// Parses the address after the scheme. `text` is the whole value, for messages.
fn address(text: &str, rest: &str) -> Result<UpstreamAddress, ValueError> {
    let error = |message: String| ValueError::new(message).help(UPSTREAM_EXPECTED);
    match rest.strip_prefix("unix:") {
        Some("") => return Err(error(format!("`{text}` has no socket path"))),
        Some(path) => return Ok(UpstreamAddress::Unix(PathBuf::from(path))),
        None if rest.starts_with('/') => {
            return Err(ValueError::new(format!("`{text}` is a path, not an address"))
                .help(format!("write \"unix:{rest}\" for a unix socket")));
        }
        None => {}
    }
    if let Some((scheme, _)) = rest.split_once("://") {
        return Err(ValueError::new(format!("unsupported upstream scheme `{scheme}://`"))
            .help("write `http://`, `https://`, `grpc://`, `grpcs://` or no scheme before the address"));
    }
    if let Some(path) = rest.find('/').map(|at| &rest[at..]) {
        return Err(ValueError::new(format!("path `{path}` is not allowed in an upstream address"))
            .help("write the address alone; `replace_with` of a route replaces the path"));
    }
    let authority = ParsedAuthority::parse(rest)
        .map_err(|reason| error(format!("`{text}` is not an upstream address: {reason}")))?;
    let port = authority.port.ok_or_else(|| error(format!("`{text}` has no port")))?;
    let host = authority.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(UpstreamAddress::Tcp { host, port })
}

/// Parses a redirect origin, scheme and authority only: `https://other.example.com`. Returns it with the host in
/// lower case. The path and query of the request are appended unchanged.
///
/// ```
/// use gatepost::config::values::address::origin;
///
/// assert_eq!(origin("https://Other.example.com:8443").unwrap(), "https://other.example.com:8443");
/// assert!(origin("https://other.example.com/path").is_err());
/// ```
///
/// # Errors
/// Returns an error for another scheme, for an invalid authority, or for a path or query after it.
pub fn origin(text: &str) -> Result<String, ValueError> {
    let error = |message: String| ValueError::new(message).help(ORIGIN_EXPECTED);
    let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
        return Err(error(format!("`{text}` does not start with `https://` or `http://`")));
    };
    if let Some(path) = rest.find(['/', '?', '#']).map(|at| &rest[at..]) {
        return Err(error(format!(
            "`{path}` is not allowed in an origin: the path and query of the request are kept"
        )));
    }
    let authority =
        ParsedAuthority::parse(rest).map_err(|reason| error(format!("`{text}` is not an origin: {reason}")))?;
    Ok(match authority.port {
        Some(port) => format!("{scheme}://{}:{port}", authority.host),
        None => format!("{scheme}://{}", authority.host),
    })
}

const SCHEMES: [(&str, UpstreamScheme); 4] = [
    ("http://", UpstreamScheme::Http),
    ("https://", UpstreamScheme::Https),
    ("grpc://", UpstreamScheme::Grpc),
    ("grpcs://", UpstreamScheme::Grpcs),
];

/// Help text for a value that is not a listen address.
pub const LISTEN_EXPECTED: &str =
    "write \"0.0.0.0:443\" for all IPv4, \"[::]:443\" for all IPv6 addresses, or one address of this machine";

/// Help text for a value that is not an upstream address.
pub const UPSTREAM_EXPECTED: &str =
    "write \"unix:/path/to/socket\", \"127.0.0.1:8065\", \"[::1]:8065\" or \"localhost:8065\"";

/// Help text for a value that is not a redirect origin.
pub const ORIGIN_EXPECTED: &str = "write scheme and authority only: \"https://other.example.com\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Result<UpstreamRef, ValueError> {
        Ok(UpstreamRef {
            scheme: UpstreamScheme::Http,
            address: UpstreamAddress::Tcp { host: host.to_owned(), port },
        })
    }

    fn unix(path: &str) -> Result<UpstreamRef, ValueError> {
        Ok(UpstreamRef { scheme: UpstreamScheme::Http, address: UpstreamAddress::Unix(path.into()) })
    }

    #[test]
    fn a_star_listens_on_every_ipv4_address() {
        assert_eq!(listen("*:443"), Ok(SocketAddr::from(([0, 0, 0, 0], 443))));
        assert_eq!(listen("[::]:443").map(|it| it.to_string()), Ok("[::]:443".to_owned()));
    }

    #[test]
    fn a_listen_address_without_ip_address_or_port_is_rejected() {
        let message = |text: &str| listen(text).unwrap_err().message;
        assert_eq!(message(":443"), "`:443` has no IP address");
        assert_eq!(message("443"), "`443` has no IP address");
        assert_eq!(message("10.0.0.1"), "`10.0.0.1` has no port");
        assert_eq!(message("::"), "`::` has no port");
        assert_eq!(message("localhost:443"), "`localhost:443` is not an IP address with a port");
        assert_eq!(message("*:99999"), "`*:99999` is not an IP address with a port");
    }

    #[test]
    fn unix_and_tcp_upstreams_are_parsed() {
        assert_eq!(upstream("unix:/run/a b.sock"), unix("/run/a b.sock"));
        assert_eq!(upstream("http://unix:/run/a.sock"), unix("/run/a.sock"));
        assert_eq!(upstream("127.0.0.1:8065"), tcp("127.0.0.1", 8065));
        assert_eq!(upstream("http://LOCALHOST:8090"), tcp("localhost", 8090));
        assert_eq!(upstream("[0::1]:80"), tcp("::1", 80));
    }

    #[test]
    fn the_scheme_selects_protocol_and_tls() {
        let scheme = |text: &str| upstream(text).map(|upstream| upstream.scheme);
        assert_eq!(scheme("https://kas.example.com:8150"), Ok(UpstreamScheme::Https));
        assert_eq!(scheme("grpc://unix:/run/kas.sock"), Ok(UpstreamScheme::Grpc));
        assert_eq!(scheme("grpcs://[::1]:8150"), Ok(UpstreamScheme::Grpcs));
        assert!(upstream("ftp://127.0.0.1:21").is_err());
    }

    #[test]
    fn an_upstream_address_without_port_or_with_a_path_is_rejected() {
        let message = |text: &str| upstream(text).unwrap_err().message;
        assert_eq!(message("127.0.0.1"), "`127.0.0.1` has no port");
        assert_eq!(message("unix:"), "`unix:` has no socket path");
        assert_eq!(message("http://127.0.0.1:8065/"), "path `/` is not allowed in an upstream address");
        assert!(message("").starts_with("`` is not an upstream address"));
        assert_eq!(message("/run/a.sock"), "`/run/a.sock` is a path, not an address");
    }

    #[test]
    fn a_redirect_origin_with_a_path_is_rejected() {
        assert_eq!(origin("https://Other.example.com:8443"), Ok("https://other.example.com:8443".to_owned()));
        assert_eq!(origin("http://other.example.com"), Ok("http://other.example.com".to_owned()));
        let message = |text: &str| origin(text).unwrap_err().message;
        assert!(message("other.example.com").contains("does not start with"));
        assert!(message("ftp://other.example.com").contains("does not start with"));
        assert!(message("https://other.example.com/x").starts_with("`/x` is not allowed in an origin"));
        assert!(message("https://user@other.example.com").contains("is not an origin"));
    }
}
