//! Lowers `proxy_pass`.

use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::config::document::UpstreamRef;
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::config::values::address;

/// An upstream, and the path that replaces the one of the location.
#[derive(Debug, PartialEq)]
pub(super) struct ProxyPassTarget {
    pub(super) upstream: UpstreamRef,
    pub(super) path: Option<PathAndQuery>,
    /// The upstream's name, which nginx sends as `Host` by default; `None` for a unix socket.
    pub(super) host: Option<HeaderValue>,
}

/// Parses the URL of a `proxy_pass` in a host of the package.
pub(super) fn read(url: &str, service_host: &ServiceHost) -> Result<ProxyPassTarget, String> {
    if url.contains('$') {
        return Err("variables are not supported in `proxy_pass`; write the address".to_owned());
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is not a URL"))?;
    // A colon separates the path of a unix socket from the path of the request.
    let (authority, path) = match rest.strip_prefix("unix:") {
        Some(socket) => {
            let (socket, path) = socket.split_once(':').unwrap_or((socket, ""));
            (format!("unix:{socket}"), path)
        }
        None => {
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (authority.to_owned(), path)
        }
    };
    let path = match path {
        "" => None,
        path => Some(path.parse().map_err(|_| format!("`{path}` is not a path"))?),
    };
    let host = Some(&authority).filter(|name| !name.starts_with("unix:"));
    let host = host.and_then(|name| HeaderValue::from_str(name).ok());
    Ok(ProxyPassTarget { upstream: upstream(scheme, &authority, service_host)?, path, host })
}

/// Returns the upstream of an authority: the host's own by its name in nginx, or an address with a default
/// port.
fn upstream(scheme: &str, authority: &str, service_host: &ServiceHost) -> Result<UpstreamRef, String> {
    let package_name = match service_host.service {
        Service::Gitlab => "gitlab-workhorse",
        Service::Mattermost => "gitlab_mattermost",
        _ => "",
    };
    if authority == package_name {
        return Ok(service_host.upstream.value.clone());
    }
    let has_port = authority.starts_with("unix:")
        || authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = match (scheme, has_port) {
        (_, true) => "",
        ("https", false) => ":443",
        _ => ":80",
    };
    let address = match scheme {
        "http" => format!("{authority}{port}"),
        _ => format!("{scheme}://{authority}{port}"),
    };
    address::upstream(&address).map_err(|error| error.message)
}
