//! The terms of TLS of one host.

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

/// What a host says about TLS, with the defaults of what it leaves unsaid.
pub(super) fn compile(
    section: &HostSection,
    settings: &HostSettings,
    name: &HostPattern,
    context: &mut CompileContext<'_>,
) -> TlsSettings {
    let certificates = certificates(section, name, context);
    let encryption = &settings.encryption;
    let versions = encryption.tls_versions.value_or(defaults::TLS_VERSIONS);
    let clients = match encryption.client_certificates.value_or(ClientAuth::Off) {
        ClientAuth::Verify(mut authority) => {
            authority.ca = context.path(authority.ca);
            authority.crl = authority.crl.map(|crl| context.path(crl));
            ClientAuth::Verify(authority)
        }
        ClientAuth::Off => ClientAuth::Off,
    };
    let policy = TlsPolicy {
        versions,
        http: settings.http2.value_or(defaults::HTTP),
        suites: suites(section, encryption, versions, context.problems),
        order: encryption.prefer_server_ciphers.value_or(defaults::CIPHER_ORDER),
        groups: groups(encryption),
        resumption: resumption(section, encryption, &clients, context.problems),
        clients,
    };
    TlsSettings { certificates, policy }
}

/// The certificates with their keys, which are named in the same order.
fn certificates(section: &HostSection, name: &HostPattern, context: &mut CompileContext<'_>) -> Vec<CertificateId> {
    let default = defaults::certificate(name);
    let chains = paths(&section.certificate, default.chain);
    let keys = paths(&section.certificate_key, default.key);
    if let (Some(place), false) =
        (section.certificate_key.span().or(section.certificate.span()), chains.len() == keys.len())
    {
        let message = format!("{} for {}", count(keys.len(), "key"), count(chains.len(), "certificate"));
        let error = Diagnostic::error(place, message);
        context.problems.push(error.help("name as many files as `certificate_key` as there are in `certificate`"));
    }
    let passwords = section.key_password_file.as_set().map(|said| context.path(said.value.clone()));
    let mut ids = Vec::new();
    for (chain, key) in chains.into_iter().zip(keys) {
        let files =
            CertificateFiles { chain: context.path(chain), key: context.path(key), passwords: passwords.clone() };
        ids.push(context.model.add_certificate(files));
    }
    ids
}

fn paths(said: &Setting<Vec<Spanned<PathBuf>>>, default: PathBuf) -> Vec<PathBuf> {
    match said.as_set() {
        Some(said) => said.value.iter().map(|path| path.value.clone()).collect(),
        None => vec![default],
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The suites of the versions that are offered. Each version needs one. Defaults are meant for all hosts, so
/// only a host's own word can be in vain.
fn suites(
    section: &HostSection,
    encryption: &TlsSection,
    versions: TlsVersions,
    problems: &mut Diagnostics,
) -> Vec<CipherSuite> {
    let Some(said) = encryption.cipher_suites.as_set() else {
        return CipherSuite::ALL.into_iter().filter(|suite| versions.supports(*suite)).collect();
    };
    let mut suites = Vec::new();
    for suite in &said.value {
        if versions.supports(suite.value) {
            suites.push(suite.value);
            continue;
        }
        if section.settings.encryption.cipher_suites.is_unset() {
            continue;
        }
        let message = format!("`{}` has no effect: it belongs to TLS 1.2, which is off", suite.value.name());
        problems.push(Diagnostic::warning(&suite.span, message).help("remove it"));
    }
    if !suites.iter().any(|suite| suite.is_tls13()) {
        let error = Diagnostic::error(&said.span, "there is no cipher suite for TLS 1.3");
        problems.push(error.help("add one of those whose name begins with \"TLS_\""));
    }
    if versions == TlsVersions::Tls12And13 && suites.iter().all(|suite| suite.is_tls13()) {
        let error = Diagnostic::error(&said.span, "there is no cipher suite for TLS 1.2");
        problems.push(error.help("add one whose name begins with \"ECDHE-\", or write tls_versions = [\"1.3\"]"));
    }
    suites
}

/// In an order of their own, because the client's counts.
fn groups(encryption: &TlsSection) -> Vec<NamedGroup> {
    let is_offered = |group: &NamedGroup| match encryption.key_exchange_groups.as_set() {
        Some(said) => said.value.iter().any(|said| said.value == *group),
        None => true,
    };
    NamedGroup::ALL.into_iter().filter(is_offered).collect()
}

/// A session that is resumed skips the look at the client's certificate, which may have been revoked since.
fn resumption(
    section: &HostSection,
    encryption: &TlsSection,
    clients: &ClientAuth,
    problems: &mut Diagnostics,
) -> SessionResumption {
    let wanted = encryption.session_resumption.value_or(defaults::RESUMPTION);
    if *clients == ClientAuth::Off || wanted == SessionResumption::Off {
        return wanted;
    }
    if let Some(place) = section.settings.encryption.session_resumption.span() {
        let message = "sessions are not resumed where clients are asked for certificates";
        let warning = Diagnostic::warning(place, message);
        problems.push(warning.help("each connection shows its certificate anew, so that a revocation counts"));
    }
    SessionResumption::Off
}
