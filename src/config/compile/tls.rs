//! Compiles the TLS settings of a host.

use std::path::PathBuf;

use super::context::CompileContext;
use super::defaults;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HostSection, HostSettings, Setting, Spanned, TlsSection};
use crate::model::host::HostPattern;
use crate::model::tls::{
    CipherSuite, ClientAuth, NamedGroup, SessionResumption, TlsPolicy, TlsSettings, TlsVersions,
};
use crate::model::{CertificateFiles, CertificateId};

/// Compiles the TLS settings of a host, with defaults for unset keys.
pub(super) fn compile(
    section: &HostSection,
    settings: &HostSettings,
    name: &HostPattern,
    context: &mut CompileContext<'_>,
) -> TlsSettings {
    let certificates = certificates(section, name, context);
    let tls = &settings.tls_section;
    let versions = tls.tls_versions.value_or(defaults::TLS_VERSIONS);
    let clients = match tls.client_certificates.value_or(ClientAuth::Off) {
        ClientAuth::Verify(mut policy) => {
            policy.ca = context.path(policy.ca);
            policy.crl = policy.crl.map(|crl| context.path(crl));
            ClientAuth::Verify(policy)
        }
        ClientAuth::Off => ClientAuth::Off,
    };
    let policy = TlsPolicy {
        versions,
        http: settings.http2.value_or(defaults::HTTP_VERSIONS),
        suites: suites(section, tls, versions, context.problems),
        order: tls.prefer_server_ciphers.value_or(defaults::CIPHER_PREFERENCE),
        groups: groups(tls),
        resumption: resumption(section, tls, &clients, context.problems),
        clients,
    };
    TlsSettings { certificates, policy }
}

/// Adds the certificates with their keys, which are listed in the same order.
fn certificates(section: &HostSection, name: &HostPattern, context: &mut CompileContext<'_>) -> Vec<CertificateId> {
    let default = defaults::certificate(name);
    let chains = paths(&section.certificate, default.chain);
    let keys = paths(&section.certificate_key, default.key);
    if let (Some(span), false) =
        (section.certificate_key.span().or(section.certificate.span()), chains.len() == keys.len())
    {
        let (chains, keys) = (count(chains.len(), "certificate"), count(keys.len(), "key"));
        let message = format!("certificates and keys do not match: {chains}, {keys}");
        let error = Diagnostic::error(span, message);
        context.problems.push(
            error.help("list one file in `certificate_key` for each file in `certificate`, in the same order"),
        );
    }
    let passwords = section.key_password_file.as_set().map(|setting| context.path(setting.value.clone()));
    let mut ids = Vec::new();
    for (chain, key) in chains.into_iter().zip(keys) {
        let files =
            CertificateFiles { chain: context.path(chain), key: context.path(key), passwords: passwords.clone() };
        ids.push(context.model.add_certificate(files));
    }
    ids
}

fn paths(setting: &Setting<Vec<Spanned<PathBuf>>>, default: PathBuf) -> Vec<PathBuf> {
    match setting.as_set() {
        Some(setting) => setting.value.iter().map(|path| path.value.clone()).collect(),
        None => vec![default],
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Returns the cipher suites of the enabled TLS versions. Each version needs at least one. `[defaults]` apply to
/// all hosts, so only a host's own setting is reported as having no effect.
fn suites(
    section: &HostSection,
    tls: &TlsSection,
    versions: TlsVersions,
    problems: &mut Diagnostics,
) -> Vec<CipherSuite> {
    let Some(setting) = tls.cipher_suites.as_set() else {
        return CipherSuite::ALL.into_iter().filter(|suite| versions.supports(*suite)).collect();
    };
    let mut suites = Vec::new();
    for suite in &setting.value {
        if versions.supports(suite.value) {
            suites.push(suite.value);
            continue;
        }
        if section.settings.tls_section.cipher_suites.is_unset() {
            continue;
        }
        let message = format!("cipher suite `{}` has no effect: TLS 1.2 is disabled", suite.value.name());
        problems.push(Diagnostic::warning(&suite.span, message).help("remove it"));
    }
    if !suites.iter().any(|suite| suite.is_tls13()) {
        let error = Diagnostic::error(&setting.span, "no cipher suite for TLS 1.3 is enabled");
        problems.push(error.help("add a suite whose name starts with \"TLS_\""));
    }
    if versions == TlsVersions::Tls12And13 && suites.iter().all(|suite| suite.is_tls13()) {
        let error = Diagnostic::error(&setting.span, "no cipher suite for TLS 1.2 is enabled");
        problems
            .push(error.help("add a suite whose name starts with \"ECDHE-\", or set `tls_versions = [\"1.3\"]`"));
    }
    suites
}

/// Returns the enabled groups in a fixed order: the order of the client decides.
fn groups(tls: &TlsSection) -> Vec<NamedGroup> {
    let is_offered = |group: &NamedGroup| match tls.key_exchange_groups.as_set() {
        Some(setting) => setting.value.iter().any(|enabled| enabled.value == *group),
        None => true,
    };
    NamedGroup::ALL.into_iter().filter(is_offered).collect()
}

/// Disables resumption with client certificates: a resumed session does not verify the certificate again, which
/// may have been revoked.
fn resumption(
    section: &HostSection,
    tls: &TlsSection,
    clients: &ClientAuth,
    problems: &mut Diagnostics,
) -> SessionResumption {
    let resumption = tls.session_resumption.value_or(defaults::SESSION_RESUMPTION);
    if *clients == ClientAuth::Off || resumption == SessionResumption::Off {
        return resumption;
    }
    if let Some(span) = section.settings.tls_section.session_resumption.span() {
        let message = "`session_resumption` has no effect on a host that requests client certificates";
        let warning = Diagnostic::warning(span, message);
        problems.push(
            warning.help(
                "remove it; each connection verifies the client certificate, so that a revocation takes effect",
            ),
        );
    }
    SessionResumption::Off
}
