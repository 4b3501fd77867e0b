//! Reports keys that have no effect on the host they are set for.

use super::routes::CompiledRoute;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Setting};

/// Reports TLS keys on a plain host. `[defaults]` apply to the TLS hosts, so only the host's own keys are reported.
pub(super) fn report_tls_keys(section: &HostSection, problems: &mut Diagnostics) {
    for span in [&section.certificate, &section.certificate_key].into_iter().filter_map(Setting::span) {
        let error = Diagnostic::error(span, "a certificate is not allowed on a host without TLS");
        problems.push(error.help("remove it, or enable TLS for the host"));
    }
    let settings = &section.settings;
    let passwords = section.key_password_file.span().map(|span| ("key_password_file", span));
    let http2 = settings.http2.span().map(|span| ("http2", span));
    for (key, span) in passwords.into_iter().chain(http2).chain(settings.tls_section.keys()) {
        let warning = Diagnostic::warning(span, format!("`{key}` has no effect on a host without TLS"));
        problems.push(warning.help("remove it"));
    }
}

/// Reports redirect keys on a host without a redirect.
pub(super) fn report_redirect_keys(section: &HostSection, routes: &[CompiledRoute], problems: &mut Diagnostics) {
    // The challenge directory also has an effect without a redirect.
    let challenge_span = section.acme_challenge_directory.span();
    let before = routes.iter().filter_map(|route| route.before_redirect.as_ref());
    let before = before.filter(|span| Some(*span) != challenge_span).map(|span| ("before_redirect", span));
    let port = section.public_port.span().map(|span| ("public_port", span));
    for (key, span) in before.chain(port) {
        let warning = Diagnostic::warning(span, format!("`{key}` has no effect on a host without a redirect"));
        problems.push(warning.help("remove it"));
    }
}
