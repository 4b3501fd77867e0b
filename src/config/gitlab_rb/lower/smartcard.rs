//! The port for smartcards: GitLab's host once more, for clients that show a certificate.

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

/// The host for smartcards, if the file asks for one. GitLab learns from its header alone who has shown which
/// certificate; what clients say in that header never gets through, on any host.
pub(super) fn host(gitlab: &HostSection, reader: &mut SettingsReader<'_>) -> Option<HostSection> {
    let enabled =
        reader.entry(&["gitlab_rails", "smartcard_enabled"]).filter(|said| said.value.truth() == Some(true));
    let Some(enabled) = enabled else {
        for key in OTHERS {
            reader.no_effect_at(&["gitlab_rails", key], "this needs smartcard_enabled");
        }
        return None;
    };
    let place = enabled.span;
    if !gitlab.settings.tls.value_or(false) {
        reader.problems.push(without_tls(&place));
        return None;
    }
    let ca = reader.text(&["gitlab_rails", "smartcard_ca_file"]);
    let ca = PathBuf::from(ca.map_or("/etc/gitlab/ssl/CA.pem".to_owned(), |said| said.value));
    let clients = ClientAuthPolicy { demand: ClientAuthMode::Required, ca, depth: 2, crl: None };
    let said = |value| Setting::Set(Spanned { value, span: place.clone() });
    let mut host = gitlab.clone();
    host.settings.tls_section.client_certificates = said(ClientAuth::Verify(clients));
    // Sessions are never resumed where clients are asked, whatever the file says for the host itself.
    host.settings.tls_section.session_resumption = Setting::Unset;
    host.settings.listen = Setting::Set(Spanned { value: addresses(gitlab, reader), span: place.clone() });
    host.settings.redirect_from = Setting::Set(Spanned { value: Vec::new(), span: place.clone() });
    host.public_port = Setting::Unset;
    host.routes.iter_mut().for_each(|route| route.before_redirect = Setting::Unset);
    match (name(&host, reader), certificate_header()) {
        (Ok(name), Ok(op)) => {
            host.name = name;
            host.settings.forwarding.request_headers.retain(|known| known.value.name() != op.name());
            host.settings.forwarding.request_headers.push(Spanned { value: op, span: place });
            Some(host)
        }
        (Err(mistake), _) | (_, Err(mistake)) => {
            reader.problems.push(mistake.at(&place));
            None
        }
    }
}

/// The name that smartcards are for; GitLab's own, unless the file has another.
fn name(host: &HostSection, reader: &SettingsReader<'_>) -> Result<Setting<HostPattern>, ValueError> {
    let Some(said) = reader.text(&["gitlab_rails", OTHERS[1]]) else { return Ok(host.name.clone()) };
    let name = HostPattern::parse(&said.value);
    let name = name.map_err(|why| ValueError::new(format!("`{}` is not a host name: {why}", said.value)))?;
    Ok(Setting::Set(Spanned { value: name, span: said.span }))
}

fn certificate_header() -> Result<HeaderOp, ValueError> {
    let value = header::template("$ssl_client_cert")?;
    Ok(header::set(SettableHeader::from_static("x-ssl-client-certificate"), value))
}

/// Every address of the host, on the port for smartcards.
fn addresses(gitlab: &HostSection, reader: &SettingsReader<'_>) -> Vec<Spanned<SocketAddr>> {
    let said = reader.text(&["gitlab_rails", OTHERS[2]]);
    let port = said.and_then(|said| said.value.parse().ok()).unwrap_or(3444);
    let listen = gitlab.settings.listen.as_set().map(|said| &said.value[..]).unwrap_or_default();
    let on_port = |said: &Spanned<SocketAddr>| Spanned {
        value: SocketAddr::new(said.value.ip(), port),
        span: said.span.clone(),
    };
    listen.iter().map(on_port).collect()
}

fn without_tls(place: &SourceSpan) -> Diagnostic {
    Diagnostic::error(place, "smartcards need HTTPS, and GitLab's host does not speak it")
        .help("let it speak HTTPS, or set smartcard_enabled to false")
}

const OTHERS: [&str; 3] = [
    "smartcard_ca_file",
    "smartcard_client_certificate_required_host",
    "smartcard_client_certificate_required_port",
];
