//! Addresses as they are written: where to listen, where an application is, where a redirect goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::diagnostic::ValueError;
use crate::config::document::{UpstreamRef, UpstreamScheme};
use crate::model::host::ParsedAuthority;
use crate::model::upstream::UpstreamAddress;

/// Reads an address to listen on: `0.0.0.0:443`, `[::]:443`, or `*:443` for every IPv4 address.
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    let wrong = |message: String| ValueError::new(message).help(LISTEN_EXPECTED);
    if let Some(port) = text.strip_prefix("*:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err(wrong(format!("`{text}` has no port")));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) || text.starts_with(':') {
        return Err(wrong(format!("`{text}` does not say which address to listen on")));
    }
    text.parse().map_err(|_| wrong(format!("`{text}` is not an IP address with a port")))
}

/// Reads where an application listens: `unix:/path`, `127.0.0.1:8065`, `[::1]:80` or `localhost:8090`.
/// What is spoken there may stand before it, as nginx writes it; it is `http://` if nothing is said.
pub fn upstream(text: &str) -> Result<UpstreamRef, ValueError> {
    let spoken = SCHEMES.iter().find_map(|(name, scheme)| Some((*scheme, text.strip_prefix(name)?)));
    let (scheme, rest) = spoken.unwrap_or((UpstreamScheme::Http, text));
    Ok(UpstreamRef { scheme, address: socket(text, rest)? })
}

/// The socket of an application; `text` is all that is written.
fn socket(text: &str, rest: &str) -> Result<UpstreamAddress, ValueError> {
    let wrong = |message: String| ValueError::new(message).help(UPSTREAM_EXPECTED);
    match rest.strip_prefix("unix:") {
        Some("") => return Err(wrong(format!("`{text}` names no socket"))),
        Some(path) => return Ok(UpstreamAddress::Unix(PathBuf::from(path))),
        None if rest.starts_with('/') => {
            return Err(ValueError::new(format!("`{text}` is a path, not an address"))
                .help(format!("a socket is written \"unix:{rest}\"")));
        }
        None => {}
    }
    if let Some((scheme, _)) = rest.split_once("://") {
        return Err(ValueError::new(format!("`{scheme}://` is not spoken here"))
            .help("write `http://` or nothing, `https://`, `grpc://` or `grpcs://` before the address"));
    }
    if let Some(path) = rest.find('/').map(|at| &rest[at..]) {
        return Err(wrong(format!("`{path}` is too much: a path stands in `replace_with` of a route")));
    }
    let authority =
        ParsedAuthority::parse(rest).map_err(|why| wrong(format!("`{text}` is not an address: {why}")))?;
    let port = authority.port.ok_or_else(|| wrong(format!("`{text}` has no port")))?;
    let host = authority.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(UpstreamAddress::Tcp { host, port })
}

/// Reads where a redirect goes, scheme and host only: `https://other.example.com`. The path and query
/// of the request follow as they came.
pub fn origin(text: &str) -> Result<String, ValueError> {
    let wrong = |message: String| ValueError::new(message).help(ORIGIN_EXPECTED);
    let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
        return Err(wrong(format!("`{text}` does not begin with `https://` or `http://`")));
    };
    if let Some(path) = rest.find(['/', '?', '#']).map(|at| &rest[at..]) {
        return Err(wrong(format!("`{path}` is too much: the path and query of the request are kept")));
    }
    let authority =
        ParsedAuthority::parse(rest).map_err(|why| wrong(format!("`{text}` is not an origin: {why}")))?;
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

/// What to write where an address to listen on is expected.
pub const LISTEN_EXPECTED: &str =
    "write \"0.0.0.0:443\" for all IPv4 addresses, \"[::]:443\" for all IPv6 ones, or one address of this machine";

/// What to write where the address of an application is expected.
pub const UPSTREAM_EXPECTED: &str =
    "write \"unix:/path/to/socket\", \"127.0.0.1:8065\", \"[::1]:8065\" or \"localhost:8065\"";

/// What to write where the goal of a redirect is expected.
pub const ORIGIN_EXPECTED: &str = "write scheme and host only: \"https://other.example.com\"";

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
    fn an_address_to_listen_on_needs_both_parts() {
        let message = |text: &str| listen(text).unwrap_err().message;
        assert_eq!(message(":443"), "`:443` does not say which address to listen on");
        assert_eq!(message("443"), "`443` does not say which address to listen on");
        assert_eq!(message("10.0.0.1"), "`10.0.0.1` has no port");
        assert_eq!(message("::"), "`::` has no port");
        assert_eq!(message("localhost:443"), "`localhost:443` is not an IP address with a port");
        assert_eq!(message("*:99999"), "`*:99999` is not an IP address with a port");
    }

    #[test]
    fn applications_are_found_by_socket_or_port() {
        assert_eq!(upstream("unix:/run/a b.sock"), unix("/run/a b.sock"));
        assert_eq!(upstream("http://unix:/run/a.sock"), unix("/run/a.sock"));
        assert_eq!(upstream("127.0.0.1:8065"), tcp("127.0.0.1", 8065));
        assert_eq!(upstream("http://LOCALHOST:8090"), tcp("localhost", 8090));
        assert_eq!(upstream("[0::1]:80"), tcp("::1", 80));
    }

    #[test]
    fn an_application_says_what_it_speaks() {
        let scheme = |text: &str| upstream(text).map(|application| application.scheme);
        assert_eq!(scheme("https://kas.example.com:8150"), Ok(UpstreamScheme::Https));
        assert_eq!(scheme("grpc://unix:/run/kas.sock"), Ok(UpstreamScheme::Grpc));
        assert_eq!(scheme("grpcs://[::1]:8150"), Ok(UpstreamScheme::Grpcs));
        assert!(upstream("ftp://127.0.0.1:21").is_err());
    }

    #[test]
    fn an_application_address_is_complete_and_no_more() {
        let message = |text: &str| upstream(text).unwrap_err().message;
        assert_eq!(message("127.0.0.1"), "`127.0.0.1` has no port");
        assert_eq!(message("unix:"), "`unix:` names no socket");
        assert!(message("http://127.0.0.1:8065/").starts_with("`/` is too much"));
        assert!(message("").starts_with("`` is not an address"));
        assert_eq!(message("/run/a.sock"), "`/run/a.sock` is a path, not an address");
    }

    #[test]
    fn a_redirect_goes_to_an_origin_without_a_path() {
        assert_eq!(origin("https://Other.example.com:8443"), Ok("https://other.example.com:8443".to_owned()));
        assert_eq!(origin("http://other.example.com"), Ok("http://other.example.com".to_owned()));
        let message = |text: &str| origin(text).unwrap_err().message;
        assert!(message("other.example.com").contains("does not begin with"));
        assert!(message("ftp://other.example.com").contains("does not begin with"));
        assert!(message("https://other.example.com/x").starts_with("`/x` is too much"));
        assert!(message("https://user@other.example.com").contains("is not an origin"));
    }
}
