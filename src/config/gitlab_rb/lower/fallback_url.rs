//! Derives the GitLab URL when `external_url` is not set.
//!
//! The older settings `gitlab_host`, `gitlab_port` and `gitlab_https` apply first, then the full name of the
//! machine.

use super::external_url::{ExternalScheme, ExternalUrl};
use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::model::host::HostName;

/// Returns the URL at which the package would serve GitLab. `fqdn` is the full name of the machine. `None`
/// without a host name, which is reported.
pub(super) fn read(fqdn: Option<String>, reader: &mut SettingsReader<'_>) -> Option<ExternalUrl> {
    let [host, port, https] = OLDER_SETTINGS;
    let span = reader.file.clone();
    let setting = reader.text(&host).map(|setting| setting.value);
    let name = setting.clone().or(fqdn.clone());
    let Some(name) = name.and_then(|name| HostName::parse(&name).ok()) else {
        let error = Diagnostic::error(&span, "`external_url` is not set, and this machine has no full host name");
        reader.problems.push(error.help("write `external_url 'https://gitlab.example.com'`"));
        return None;
    };
    let scheme = if reader.flag_at(&https) == Some(true) { ExternalScheme::Https } else { ExternalScheme::Http };
    let port = reader.text(&port).and_then(|setting| setting.value.trim().parse().ok());
    let url = ExternalUrl {
        scheme,
        // The package then names certificate files after the machine.
        host: fqdn.or(setting).unwrap_or_default(),
        name,
        port: port.unwrap_or(scheme.port()),
        path: String::new(),
        span: span.clone(),
    };
    let message = format!("`external_url` is not set; GitLab is served at {}", url.origin());
    let warning = Diagnostic::warning(&span, message);
    reader.problems.push(warning.help("write `external_url 'https://gitlab.example.com'`"));
    Some(url)
}

/// Records that `external_url` overrides the older settings.
pub(super) fn record_overridden(reader: &mut SettingsReader<'_>) {
    for path in OLDER_SETTINGS {
        reader.no_effect_at(&path, "overridden by `external_url`");
    }
}

const OLDER_SETTINGS: [[&str; 2]; 3] =
    [["gitlab_rails", "gitlab_host"], ["gitlab_rails", "gitlab_port"], ["gitlab_rails", "gitlab_https"]];
