//! Reads the TLS keys of a host.

use std::num::NonZeroUsize;

use toml::de::DeValue;

use super::readers::{self, boolean, list, number, text, wrong_type};
use super::section::section;
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::diagnostic::{Diagnostic, ValueError};
use crate::config::document::{Setting, Spanned, TlsSection};
use crate::config::schema;
use crate::config::suggestion::nearest;
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, ClientAuthPolicy, NamedGroup, SessionResumption,
    TlsVersions,
};

/// A TLS version as written.
#[derive(Clone, Copy, PartialEq)]
enum TlsVersion {
    V12,
    V13,
}

/// Reads the TLS keys of `[[host]]` and `[defaults]`.
pub(super) fn settings(table: &mut TomlTable<'_, '_, '_>) -> TlsSection {
    TlsSection {
        tls_versions: table.get("tls_versions", tls_versions),
        cipher_suites: table.get("cipher_suites", distinct(SUITES_EXPECTED, cipher_suite)),
        prefer_server_ciphers: table.get("prefer_server_ciphers", prefer_server_ciphers),
        key_exchange_groups: table.get("key_exchange_groups", distinct(GROUPS_EXPECTED, group)),
        session_resumption: table.get("session_resumption", session_resumption),
        client_certificates: table.get("client_certificates", client_certificates),
    }
}

/// Reads an array with at least one element and without duplicates.
fn distinct<'t, T: PartialEq>(
    expected: &'static str,
    parse: fn(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>> {
    move |reader, value| {
        let read = list(expected, || text(expected, parse))(reader, value)?;
        if read.is_empty() {
            return reader.accept(Err(ValueError::new("the array is empty").help(expected)), value);
        }
        let is_duplicate =
            |(nth, setting): &(usize, &Spanned<T>)| read[..*nth].iter().any(|known| known.value == setting.value);
        if let Some((_, duplicate)) = read.iter().enumerate().find(is_duplicate) {
            let error =
                Diagnostic::error(&duplicate.span, "duplicate value in the array").help("remove one of them");
            reader.problems.push(error);
            return None;
        }
        Some(read)
    }
}

fn tls_versions<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<TlsVersions> {
    let versions = list(VERSIONS_EXPECTED, || text(VERSIONS_EXPECTED, tls_version))(reader, value)?;
    let has = |version| versions.iter().any(|listed| listed.value == version);
    let read = match (has(TlsVersion::V12), has(TlsVersion::V13)) {
        (true, true) => Ok(TlsVersions::Tls12And13),
        (false, true) => Ok(TlsVersions::Tls13Only),
        (true, false) => Err(ValueError::new("TLS 1.2 cannot be enabled without TLS 1.3").help(VERSIONS_EXPECTED)),
        (false, false) => Err(ValueError::new("`tls_versions` is empty").help(VERSIONS_EXPECTED)),
    };
    reader.accept(read, value)
}

fn tls_version(text: &str) -> Result<TlsVersion, ValueError> {
    match text {
        "1.2" => Ok(TlsVersion::V12),
        "1.3" => Ok(TlsVersion::V13),
        "1.0" | "1.1" => {
            Err(ValueError::new(format!("TLS {text} is not supported: it is insecure and deprecated (RFC 8996)"))
                .help(VERSIONS_EXPECTED))
        }
        _ => Err(ValueError::new(format!("unknown TLS version `{text}`")).help(VERSIONS_EXPECTED)),
    }
}

fn cipher_suite(text: &str) -> Result<CipherSuite, ValueError> {
    CipherSuite::from_name(text)
        .ok_or_else(|| unknown("cipher suite", text, &CipherSuite::ALL.map(CipherSuite::name)))
}

fn group(text: &str) -> Result<NamedGroup, ValueError> {
    let known = NamedGroup::ALL.into_iter().find(|group| group.name() == text);
    known.ok_or_else(|| unknown("key exchange group", text, &NamedGroup::ALL.map(NamedGroup::name)))
}

fn unknown(what: &str, text: &str, known: &[&'static str]) -> ValueError {
    let error = ValueError::new(format!("unsupported {what} `{text}`"));
    match nearest(text, known.iter().copied()) {
        Some(suggestion) => error.help(format!("did you mean \"{suggestion}\"?")),
        None => error.help(format!("write one of {}", known.join(", "))),
    }
}

/// Reads whether the server's order of cipher suites decides (nginx `ssl_prefer_server_ciphers`).
fn prefer_server_ciphers(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<CipherPreference> {
    boolean(reader, value).map(|server| if server { CipherPreference::Server } else { CipherPreference::Client })
}

/// Reads `"tickets"`, `"off"`, or the number of sessions in the server's cache.
fn session_resumption(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<SessionResumption> {
    let read = match value.get_ref() {
        DeValue::String(text) if text == "tickets" => Ok(SessionResumption::Tickets),
        DeValue::String(text) if text == "off" => Ok(SessionResumption::Off),
        DeValue::Integer(_) => {
            let sessions = number(1..=MAX_SESSIONS)(reader, value)?;
            return usize::try_from(sessions).ok().and_then(NonZeroUsize::new).map(SessionResumption::Sessions);
        }
        DeValue::String(text) => Err(ValueError::new(format!("unknown session resumption mode `{text}`"))),
        _ => Err(wrong_type("a string or an integer", value)),
    };
    reader.accept(read.map_err(|error| error.help(RESUMPTION_EXPECTED)), value)
}

fn client_certificates<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<ClientAuth> {
    if let DeValue::Boolean(false) = value.get_ref() {
        return Some(ClientAuth::Off);
    }
    let span = reader.span(value);
    let (verify, ca, depth, crl) = section(&schema::CLIENT_CERTIFICATES, |table| {
        let path = || text(readers::PATH_EXPECTED, readers::path);
        let verify = table.get("verify", text(VERIFY_EXPECTED, client_auth_mode));
        (verify, table.get("ca", path()), table.get("depth", number(0..=MAX_DEPTH)), table.get("crl", path()))
    })(reader, value)?;
    for (key, is_missing) in [("verify", verify.is_unset()), ("ca", ca.is_unset())] {
        if is_missing {
            let error = Diagnostic::error(&span, format!("`client_certificates` is missing the key `{key}`"));
            reader.problems.push(error.help(schema::CLIENT_CERTIFICATES.form));
        }
    }
    if depth.is_invalid() || crl.is_invalid() {
        return None;
    }
    let (Setting::Set(verify), Setting::Set(ca)) = (verify, ca) else { return None };
    let depth =
        depth.as_set().and_then(|setting| u8::try_from(setting.value).ok()).unwrap_or(ClientAuthPolicy::DEPTH);
    let crl = crl.as_set().map(|setting| setting.value.clone());
    Some(ClientAuth::Verify(ClientAuthPolicy { mode: verify.value, ca: ca.value, depth, crl }))
}

fn client_auth_mode(text: &str) -> Result<ClientAuthMode, ValueError> {
    match text {
        "required" => Ok(ClientAuthMode::Required),
        "optional" => Ok(ClientAuthMode::Optional),
        _ => Err(ValueError::new(format!("unknown verification mode `{text}`")).help(VERIFY_EXPECTED)),
    }
}

const VERSIONS_EXPECTED: &str = "write [\"1.2\", \"1.3\"] or [\"1.3\"]";
const SUITES_EXPECTED: &str = "write a list of cipher suites in order of preference: [\"TLS_AES_256_GCM_SHA384\"]";
const GROUPS_EXPECTED: &str = "write a list of groups: [\"X25519MLKEM768\", \"X25519\"]";
const RESUMPTION_EXPECTED: &str = "write \"tickets\", \"off\", or the number of sessions in the server's cache";
const VERIFY_EXPECTED: &str = "write \"required\" or \"optional\"";

/// About 1 GiB of sessions: a larger number is a mistake in the unit.
const MAX_SESSIONS: u64 = 1_000_000;

/// rustls verifies chains of at most this depth.
const MAX_DEPTH: u64 = 6;
