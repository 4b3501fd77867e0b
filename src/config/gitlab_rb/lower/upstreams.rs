//! Default and configured addresses of the package's services.

use std::net::Ipv6Addr;

use super::reader::SettingsReader;
use super::service::Service;
use crate::config::document::{Spanned, UpstreamRef};
use crate::config::span::SourceSpan;
use crate::config::values::address;

impl Service {
    /// Returns the address of the service's upstream. `None` if it is invalid, which is reported.
    pub(super) fn upstream(self, reader: &mut SettingsReader<'_>) -> Option<Spanned<UpstreamRef>> {
        let text = match self {
            Service::Gitlab => return workhorse(reader),
            Service::Mattermost => {
                let address = reader.text(&["mattermost", "service_address"]);
                let port = reader.text(&["mattermost", "service_port"]);
                let host = address.as_ref().map_or("127.0.0.1", |setting| setting.value.as_str());
                let host = match host.parse::<Ipv6Addr>() {
                    Ok(address) => format!("[{address}]"),
                    Err(_) if host.is_empty() => "127.0.0.1".to_owned(),
                    Err(_) => host.to_owned(),
                };
                let value = format!("{host}:{}", port.as_ref().map_or("8065", |setting| setting.value.as_str()));
                (value, address.or(port).map(|setting| setting.span))
            }
            Service::Pages => or_default(reader.text(&["gitlab_pages", "listen_proxy"]), "localhost:8090"),
            Service::Registry => or_default(reader.text(&["registry", "registry_http_addr"]), "127.0.0.1:5000"),
            Service::Kas => or_default(reader.text(&["gitlab_kas", "listen_address"]), "localhost:8150"),
        };
        read_upstream(text, reader)
    }
}

/// Returns the text and span of a setting, or the default without a span.
pub(super) fn or_default(setting: Option<Spanned<String>>, default: &str) -> (String, Option<SourceSpan>) {
    setting.map_or((default.to_owned(), None), |setting| (setting.value, Some(setting.span)))
}

/// Returns the address of Workhorse: a unix socket, unless `gitlab_workhorse['listen_network']` selects TCP.
fn workhorse(reader: &mut SettingsReader<'_>) -> Option<Spanned<UpstreamRef>> {
    let network = reader.text(&["gitlab_workhorse", "listen_network"]);
    let address = reader.text(&["gitlab_workhorse", "listen_addr"]);
    let directory = reader.text(&["gitlab_workhorse", "sockets_directory"]);
    if network.is_some_and(|setting| setting.value != "unix") {
        let (text, span) = or_default(address, "127.0.0.1:8181");
        return read_upstream((text, span), reader);
    }
    let directory =
        directory.map_or("/var/opt/gitlab/gitlab-workhorse/sockets".to_owned(), |setting| setting.value);
    let (path, span) = or_default(address, &format!("{}/socket", directory.trim_end_matches('/')));
    read_upstream((format!("unix:{path}"), span), reader)
}

/// Parses an upstream address. A service that listens on all addresses (`:PORT`, `0.0.0.0:PORT`) is reached at
/// 127.0.0.1.
pub(super) fn read_upstream(
    (text, span): (String, Option<SourceSpan>),
    reader: &mut SettingsReader<'_>,
) -> Option<Spanned<UpstreamRef>> {
    let reachable = match text.strip_prefix(':').or(text.strip_prefix("0.0.0.0:")) {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text,
    };
    let span = span.unwrap_or_else(|| reader.file.clone());
    match address::upstream(&reachable) {
        Ok(value) => Some(Spanned { value, span }),
        Err(error) => {
            reader.problems.push(error.at(&span));
            None
        }
    }
}
