//! The port for Kerberos: GitLab's host once more, on a port of its own.

use std::net::SocketAddr;

use super::reader::SettingsReader;
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{HostSection, Setting, Spanned};
use crate::config::gitlab_rb::value::HashEntry;

/// Lets GitLab's host listen there too, if the file asks for it. The port may speak plain HTTP although the
/// host speaks HTTPS; then that is another host of the same name.
pub(super) fn add_port(gitlab: &mut HostSection, reader: &mut SettingsReader<'_>) -> Option<HostSection> {
    let wanted = ["kerberos_enabled", "kerberos_use_dedicated_port"];
    if wanted.iter().any(|key| reader.flag_at(&["gitlab_rails", key]) != Some(true)) {
        for key in ["kerberos_port", "kerberos_https", "kerberos_use_dedicated_port"] {
            let why = "this needs kerberos_enabled and kerberos_use_dedicated_port";
            reader.no_effect_at(&["gitlab_rails", key], why);
        }
        return None;
    }
    let addresses = addresses(gitlab, reader);
    let https = reader.entry(&["gitlab_rails", "kerberos_https"]).filter(|said| said.value.truth() == Some(true));
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

/// Every address of the host, on the port for Kerberos.
fn addresses(gitlab: &HostSection, reader: &mut SettingsReader<'_>) -> Vec<Spanned<SocketAddr>> {
    let said = reader.text(&["gitlab_rails", "kerberos_port"]);
    let port = said.and_then(|said| said.value.parse().ok()).unwrap_or(8443);
    let listen = gitlab.settings.listen.as_set().map(|said| &said.value[..]).unwrap_or_default();
    let on_port = |said: &Spanned<SocketAddr>| Spanned {
        value: SocketAddr::new(said.value.ip(), port),
        span: said.span.clone(),
    };
    listen.iter().map(on_port).collect()
}

fn plain(gitlab: &HostSection, addresses: Vec<Spanned<SocketAddr>>) -> HostSection {
    let mut host = gitlab.clone();
    let place = host.span.clone();
    (host.certificate, host.certificate_key, host.key_password_file) = Default::default();
    host.public_port = Setting::Unset;
    host.settings.tls = Setting::Set(Spanned { value: false, span: place.clone() });
    host.settings.listen = Setting::Set(Spanned { value: addresses, span: place });
    host.settings.redirect_from = Setting::Unset;
    (host.settings.http2, host.settings.tls_section) = Default::default();
    for route in &mut host.routes {
        route.before_redirect = Setting::Unset;
    }
    host
}

fn without_certificate(https: &HashEntry) -> Diagnostic {
    Diagnostic::error(&https.span, "the port for Kerberos cannot speak HTTPS: GitLab's host has no certificate")
        .help("set kerberos_https to false, or let GitLab's host speak HTTPS")
}
