//! Where GitLab is if `external_url` does not say it: what older files say, else the machine's full name.

use super::external_url::{ExternalScheme, ExternalUrl};
use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::model::host::HostName;

/// The URL that the package would serve GitLab under. `fqdn` is the full name of this machine.
pub(super) fn read(fqdn: Option<String>, reader: &mut SettingsReader<'_>) -> Option<ExternalUrl> {
    let [host, port, https] = OLDER;
    let place = reader.file.clone();
    let said = reader.text(&host).map(|said| said.value);
    let name = said.clone().or(fqdn.clone());
    let Some(name) = name.and_then(|name| HostName::parse(&name).ok()) else {
        let error = Diagnostic::error(&place, "external_url is not set, and this machine has no full name");
        reader.problems.push(error.help("write external_url 'https://gitlab.example.com'"));
        return None;
    };
    let scheme = if reader.flag_at(&https) == Some(true) { ExternalScheme::Https } else { ExternalScheme::Http };
    let port = reader.text(&port).and_then(|said| said.value.trim().parse().ok());
    let url = ExternalUrl {
        scheme,
        // Certificates are named after the machine then.
        host: fqdn.or(said).unwrap_or_default(),
        name,
        port: port.unwrap_or(scheme.port()),
        path: String::new(),
        span: place.clone(),
    };
    let message = format!("external_url is not set, so GitLab is served as {}", url.origin());
    let warning = Diagnostic::warning(&place, message);
    reader.problems.push(warning.help("write external_url 'https://gitlab.example.com'"));
    Some(url)
}

/// Says that the older settings have lost against `external_url`.
pub(super) fn is_overridden(reader: &mut SettingsReader<'_>) {
    for path in OLDER {
        reader.no_effect_at(&path, "external_url says it");
    }
}

const OLDER: [[&str; 2]; 3] =
    [["gitlab_rails", "gitlab_host"], ["gitlab_rails", "gitlab_port"], ["gitlab_rails", "gitlab_https"]];
