//! Keys that contradict the kind of host they stand in, or have no effect there.

use super::routes::CompiledRoute;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, Setting};

/// Reports on a plain host what only a TLS host can have. Settings that come from `[defaults]` are
/// meant for the TLS hosts among all, so only the host's own are told.
pub(super) fn report_tls_keys(section: &HostSection, problems: &mut Diagnostics) {
    for place in [&section.certificate, &section.certificate_key].into_iter().filter_map(Setting::span) {
        let error = Diagnostic::error(place, "a host without TLS has no certificate");
        problems.push(error.help("remove it, or serve the host with TLS"));
    }
    let settings = &section.settings;
    let passwords = section.key_password_file.span().map(|place| ("key_password_file", place));
    let http2 = settings.http2.span().map(|place| ("http2", place));
    for (key, place) in passwords.into_iter().chain(http2).chain(settings.encryption.keys()) {
        let warning = Diagnostic::warning(place, format!("`{key}` has no effect on a host without TLS"));
        problems.push(warning.help("remove it"));
    }
}

/// Reports on a host without a redirect what belongs to one.
pub(super) fn report_redirect_keys(section: &HostSection, routes: &[CompiledRoute], problems: &mut Diagnostics) {
    // The challenges' directory is useful without a redirect, too.
    let challenges = section.acme_challenge_directory.span();
    let before = routes.iter().filter_map(|route| route.before_redirect.as_ref());
    let before = before.filter(|place| Some(*place) != challenges).map(|place| ("before_redirect", place));
    let port = section.public_port.span().map(|place| ("public_port", place));
    for (key, place) in before.chain(port) {
        let warning = Diagnostic::warning(place, format!("`{key}` has no effect on a host without a redirect"));
        problems.push(warning.help("remove it"));
    }
}
