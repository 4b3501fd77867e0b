//! Where `proxy_pass` leads.

use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::config::document::UpstreamRef;
use crate::config::gitlab_rb::lower::service::{Service, ServiceHost};
use crate::config::values::address;

/// An application, and the path that takes the place of the location's.
#[derive(Debug, PartialEq)]
pub(super) struct ProxyPassTarget {
    pub(super) upstream: UpstreamRef,
    pub(super) path: Option<PathAndQuery>,
    /// What nginx names it in `Host`, if nothing else is said; `None` for a socket.
    pub(super) host: Option<HeaderValue>,
}

/// Reads the URL of a `proxy_pass` in a host of the package.
pub(super) fn read(url: &str, plan: &ServiceHost) -> Result<ProxyPassTarget, String> {
    if url.contains('$') {
        return Err("variables are not understood here; write the address itself".to_owned());
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is no URL"))?;
    // After a socket's path a colon comes before the path of the request.
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
        path => Some(path.parse().map_err(|_| format!("`{path}` is no path"))?),
    };
    let host = Some(&authority).filter(|name| !name.starts_with("unix:"));
    let host = host.and_then(|name| HeaderValue::from_str(name).ok());
    Ok(ProxyPassTarget { upstream: upstream(scheme, &authority, plan)?, path, host })
}

fn upstream(scheme: &str, authority: &str, plan: &ServiceHost) -> Result<UpstreamRef, String> {
    let own = match plan.service {
        Service::Gitlab => "gitlab-workhorse",
        Service::Mattermost => "gitlab_mattermost",
        _ => "",
    };
    if authority == own {
        return Ok(plan.upstream.value.clone());
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
    address::upstream(&address).map_err(|mistake| mistake.message)
}
