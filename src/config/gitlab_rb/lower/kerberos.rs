//! Adds the Kerberos port, a second port of GitLab's host.

use std::net::SocketAddr;

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{HostSection, Setting, Spanned};
use crate::config::gitlab_rb::value::HashEntry;

/// Adds the Kerberos port to GitLab's host, if it is enabled. Returns a second host of the same name if the
/// port uses plain HTTP and the host uses HTTPS.
pub(super) fn add_port(gitlab: &mut HostSection, reader: &mut SettingsReader<'_>) -> Option<HostSection> {
    let required = ["kerberos_enabled", "kerberos_use_dedicated_port"];
    if required.iter().any(|key| reader.flag_at(&["gitlab_rails", key]) != Some(true)) {
        for key in ["kerberos_port", "kerberos_https", "kerberos_use_dedicated_port"] {
            let why = "requires `kerberos_enabled` and `kerberos_use_dedicated_port`";
            reader.no_effect_at(&["gitlab_rails", key], why);
        }
        return None;
    }
    let addresses = addresses(gitlab, reader);
    let https =
        reader.entry(&["gitlab_rails", "kerberos_https"]).filter(|setting| setting.value.truth() == Some(true));
    match (https, gitlab.settings.tls.value_or(false), &mut gitlab.settings.listen) {
        (Some(_), true, Setting::Set(listen)) | (None, false, Setting::Set(listen)) => {
            listen.value.extend(addresses);
            None
        }
        (Some(https), false, _) => {
            reader.problems.push(without_certificate(&https));
            None
        }
        (None, ..) => Some(plain(gitlab, addresses)),
        (Some(_), true, _) => None,
    }
}

/// Returns the listen addresses of GitLab's host with the Kerberos port, by default 8443.
fn addresses(gitlab: &HostSection, reader: &mut SettingsReader<'_>) -> Vec<Spanned<SocketAddr>> {
    let setting = reader.text(&["gitlab_rails", "kerberos_port"]);
    let port = setting.and_then(|setting| setting.value.parse().ok()).unwrap_or(8443);
    let listen = gitlab.settings.listen.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
    let on_port = |setting: &Spanned<SocketAddr>| Spanned {
        value: SocketAddr::new(setting.value.ip(), port),
        span: setting.span.clone(),
    };
    listen.iter().map(on_port).collect()
}

/// Returns a copy of GitLab's host without TLS on the given addresses.
fn plain(gitlab: &HostSection, addresses: Vec<Spanned<SocketAddr>>) -> HostSection {
    let mut host = gitlab.clone();
    let span = host.span.clone();
    (host.certificate, host.certificate_key, host.key_password_file) = Default::default();
    host.public_port = Setting::Unset;
    host.settings.tls = Setting::Set(Spanned { value: false, span: span.clone() });
    host.settings.listen = Setting::Set(Spanned { value: addresses, span });
    host.settings.redirect_from = Setting::Unset;
    (host.settings.http2, host.settings.tls_section) = Default::default();
    for route in &mut host.routes {
        route.before_redirect = Setting::Unset;
    }
    host
}

fn without_certificate(https: &HashEntry) -> Diagnostic {
    Diagnostic::error(&https.span, "`kerberos_https` requires a certificate, but GitLab's host does not use HTTPS")
        .help("set `gitlab_rails['kerberos_https'] = false`, or serve GitLab over HTTPS")
}
