//! Where the package's applications listen.

use std::net::Ipv6Addr;

use super::reader::SettingsReader;
use super::service::Service;
use crate::config::document::{Spanned, UpstreamRef};
use crate::config::span::SourceSpan;
use crate::config::values::address;

impl Service {
    /// Where the application listens.
    pub(super) fn upstream(self, reader: &mut SettingsReader<'_>) -> Option<Spanned<UpstreamRef>> {
        let text = match self {
            Service::Gitlab => return workhorse(reader),
            Service::Mattermost => {
                let address = reader.text(&["mattermost", "service_address"]);
                let port = reader.text(&["mattermost", "service_port"]);
                let host = address.as_ref().map_or("127.0.0.1", |said| said.value.as_str());
                let host = match host.parse::<Ipv6Addr>() {
                    Ok(address) => format!("[{address}]"),
                    Err(_) if host.is_empty() => "127.0.0.1".to_owned(),
                    Err(_) => host.to_owned(),
                };
                let value = format!("{host}:{}", port.as_ref().map_or("8065", |said| said.value.as_str()));
                (value, address.or(port).map(|said| said.span))
            }
            Service::Pages => or_default(reader.text(&["gitlab_pages", "listen_proxy"]), "localhost:8090"),
            Service::Registry => or_default(reader.text(&["registry", "registry_http_addr"]), "127.0.0.1:5000"),
            Service::Kas => or_default(reader.text(&["gitlab_kas", "listen_address"]), "localhost:8150"),
        };
        read_upstream(text, reader)
    }
}

pub(super) fn or_default(said: Option<Spanned<String>>, default: &str) -> (String, Option<SourceSpan>) {
    said.map_or((default.to_owned(), None), |said| (said.value, Some(said.span)))
}

/// Workhorse listens on a socket, unless it is told otherwise.
fn workhorse(reader: &mut SettingsReader<'_>) -> Option<Spanned<UpstreamRef>> {
    let network = reader.text(&["gitlab_workhorse", "listen_network"]);
    let address = reader.text(&["gitlab_workhorse", "listen_addr"]);
    let directory = reader.text(&["gitlab_workhorse", "sockets_directory"]);
    if network.is_some_and(|said| said.value != "unix") {
        let (text, place) = or_default(address, "127.0.0.1:8181");
        return read_upstream((text, place), reader);
    }
    let directory = directory.map_or("/var/opt/gitlab/gitlab-workhorse/sockets".to_owned(), |said| said.value);
    let (path, place) = or_default(address, &format!("{}/socket", directory.trim_end_matches('/')));
    read_upstream((format!("unix:{path}"), place), reader)
}

/// Reads an address to connect to. One to listen on everywhere is reached on this machine.
pub(super) fn read_upstream(
    (text, place): (String, Option<SourceSpan>),
    reader: &mut SettingsReader<'_>,
) -> Option<Spanned<UpstreamRef>> {
    let reachable = match text.strip_prefix(':').or(text.strip_prefix("0.0.0.0:")) {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text,
    };
    let place = place.unwrap_or_else(|| reader.file.clone());
    match address::upstream(&reachable) {
        Ok(value) => Some(Spanned { value, span: place }),
        Err(mistake) => {
            reader.problems.push(mistake.at(&place));
            None
        }
    }
}
