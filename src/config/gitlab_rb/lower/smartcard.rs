//! Adds the smartcard port.
//!
//! The port is a second host for GitLab that requires a client certificate.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::reader::SettingsReader;
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{HostSection, Setting, Spanned};
use crate::config::span::SourceSpan;
use crate::config::values::header;
use crate::model::headers::ops::{HeaderOp, SettableHeader};
use crate::model::host::HostPattern;
use crate::model::tls::{ClientAuth, ClientAuthMode, ClientAuthPolicy};

/// Returns the smartcard host, if `gitlab_rails['smartcard_enabled']` is true. GitLab reads the client
/// certificate only from the `X-SSL-Client-Certificate` header, which Gatepost removes from client requests on
/// every host.
pub(super) fn host(gitlab: &HostSection, reader: &mut SettingsReader<'_>) -> Option<HostSection> {
    let enabled =
        reader.entry(&["gitlab_rails", "smartcard_enabled"]).filter(|setting| setting.value.truth() == Some(true));
    let Some(enabled) = enabled else {
        for key in DEPENDENT_SETTINGS {
            reader.no_effect_at(&["gitlab_rails", key], "requires `gitlab_rails['smartcard_enabled'] = true`");
        }
        return None;
    };
    let span = enabled.span;
    if !gitlab.settings.tls.value_or(false) {
        reader.problems.push(without_tls(&span));
        return None;
    }
    let ca = reader.text(&["gitlab_rails", "smartcard_ca_file"]);
    let ca = PathBuf::from(ca.map_or("/etc/gitlab/ssl/CA.pem".to_owned(), |setting| setting.value));
    let clients = ClientAuthPolicy { mode: ClientAuthMode::Required, ca, depth: 2, crl: None };
    let set = |value| Setting::Set(Spanned { value, span: span.clone() });
    let mut host = gitlab.clone();
    host.settings.tls_section.client_certificates = set(ClientAuth::Verify(clients));
    // Sessions are never resumed where client certificates are verified, whatever GitLab's host sets.
    host.settings.tls_section.session_resumption = Setting::Unset;
    host.settings.listen = Setting::Set(Spanned { value: addresses(gitlab, reader), span: span.clone() });
    host.settings.redirect_from = Setting::Set(Spanned { value: Vec::new(), span: span.clone() });
    host.public_port = Setting::Unset;
    host.routes.iter_mut().for_each(|route| route.before_redirect = Setting::Unset);
    match (name(&host, reader), certificate_header()) {
        (Ok(name), Ok(op)) => {
            host.name = name;
            host.settings.forwarding.request_headers.retain(|known| known.value.name() != op.name());
            host.settings.forwarding.request_headers.push(Spanned { value: op, span });
            Some(host)
        }
        (Err(error), _) | (_, Err(error)) => {
            reader.problems.push(error.at(&span));
            None
        }
    }
}

/// Returns the name of the smartcard host: by default that of GitLab's host.
fn name(host: &HostSection, reader: &SettingsReader<'_>) -> Result<Setting<HostPattern>, ValueError> {
    let Some(setting) = reader.text(&["gitlab_rails", DEPENDENT_SETTINGS[1]]) else { return Ok(host.name.clone()) };
    let name = HostPattern::parse(&setting.value);
    let name = name.map_err(|why| ValueError::new(format!("`{}` is not a host name: {why}", setting.value)))?;
    Ok(Setting::Set(Spanned { value: name, span: setting.span }))
}

fn certificate_header() -> Result<HeaderOp, ValueError> {
    let value = header::template("$ssl_client_cert")?;
    Ok(header::set(SettableHeader::from_static("x-ssl-client-certificate"), value))
}

/// Returns the listen addresses of GitLab's host with the smartcard port, by default 3444.
fn addresses(gitlab: &HostSection, reader: &SettingsReader<'_>) -> Vec<Spanned<SocketAddr>> {
    let setting = reader.text(&["gitlab_rails", DEPENDENT_SETTINGS[2]]);
    let port = setting.and_then(|setting| setting.value.parse().ok()).unwrap_or(3444);
    let listen = gitlab.settings.listen.as_set().map(|setting| &setting.value[..]).unwrap_or_default();
    let on_port = |setting: &Spanned<SocketAddr>| Spanned {
        value: SocketAddr::new(setting.value.ip(), port),
        span: setting.span.clone(),
    };
    listen.iter().map(on_port).collect()
}

fn without_tls(span: &SourceSpan) -> Diagnostic {
    Diagnostic::error(span, "`smartcard_enabled` requires HTTPS, but GitLab's host does not use TLS")
        .help("serve GitLab over HTTPS, or set `gitlab_rails['smartcard_enabled'] = false`")
}

/// Settings of `gitlab_rails` that have an effect only with `smartcard_enabled`.
const DEPENDENT_SETTINGS: [&str; 3] = [
    "smartcard_ca_file",
    "smartcard_client_certificate_required_host",
    "smartcard_client_certificate_required_port",
];
