//! The keys of a host's encryption.

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

#[derive(Clone, Copy, PartialEq)]
enum TlsVersion {
    V12,
    V13,
}

pub(super) fn settings(table: &mut TomlTable<'_, '_, '_>) -> TlsSection {
    TlsSection {
        tls_versions: table.get("tls_versions", tls_versions),
        cipher_suites: table.get("cipher_suites", some(SUITES_EXPECTED, cipher_suite)),
        prefer_server_ciphers: table.get("prefer_server_ciphers", prefer_server_ciphers),
        key_exchange_groups: table.get("key_exchange_groups", some(GROUPS_EXPECTED, group)),
        session_resumption: table.get("session_resumption", session_resumption),
        client_certificates: table.get("client_certificates", client_certificates),
    }
}

/// A list with at least one element, each of them only once.
fn some<'t, T: PartialEq>(
    expected: &'static str,
    parse: fn(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>> {
    move |reader, value| {
        let read = list(expected, || text(expected, parse))(reader, value)?;
        if read.is_empty() {
            return reader.accept(Err(ValueError::new("at least one is needed").help(expected)), value);
        }
        let repeats =
            |(nth, said): &(usize, &Spanned<T>)| read[..*nth].iter().any(|known| known.value == said.value);
        if let Some((_, twice)) = read.iter().enumerate().find(repeats) {
            let error = Diagnostic::error(&twice.span, "this is listed twice").help("remove one of them");
            reader.problems.push(error);
            return None;
        }
        Some(read)
    }
}

fn tls_versions<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<TlsVersions> {
    let versions = list(VERSIONS_EXPECTED, || text(VERSIONS_EXPECTED, tls_version))(reader, value)?;
    let has = |version| versions.iter().any(|said| said.value == version);
    let read = match (has(TlsVersion::V12), has(TlsVersion::V13)) {
        (true, true) => Ok(TlsVersions::Tls12And13),
        (false, true) => Ok(TlsVersions::Tls13Only),
        (true, false) => Err(ValueError::new("TLS 1.2 cannot be offered without 1.3").help(VERSIONS_EXPECTED)),
        (false, false) => Err(ValueError::new("at least one TLS version is needed").help(VERSIONS_EXPECTED)),
    };
    reader.accept(read, value)
}

fn tls_version(text: &str) -> Result<TlsVersion, ValueError> {
    match text {
        "1.2" => Ok(TlsVersion::V12),
        "1.3" => Ok(TlsVersion::V13),
        "1.0" | "1.1" => {
            Err(ValueError::new(format!("TLS {text} is not offered: it is broken (RFC 8996)"))
                .help(VERSIONS_EXPECTED))
        }
        _ => Err(ValueError::new(format!("`{text}` is not a TLS version")).help(VERSIONS_EXPECTED)),
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
    let mistake = ValueError::new(format!("`{text}` is not a {what} that exists here"));
    match nearest(text, known.iter().copied()) {
        Some(meant) => mistake.help(format!("did you mean \"{meant}\"?")),
        None => mistake.help(format!("these exist: {}", known.join(", "))),
    }
}

/// Whose order of suites counts, as in nginx's `ssl_prefer_server_ciphers`.
fn prefer_server_ciphers(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<CipherPreference> {
    boolean(reader, value).map(|server| if server { CipherPreference::Server } else { CipherPreference::Client })
}

/// `"tickets"`, `"off"`, or how many sessions the server remembers.
fn session_resumption(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<SessionResumption> {
    let read = match value.get_ref() {
        DeValue::String(text) if text == "tickets" => Ok(SessionResumption::Tickets),
        DeValue::String(text) if text == "off" => Ok(SessionResumption::Off),
        DeValue::Integer(_) => {
            let sessions = number(1..=MAX_SESSIONS)(reader, value)?;
            return usize::try_from(sessions).ok().and_then(NonZeroUsize::new).map(SessionResumption::Sessions);
        }
        DeValue::String(text) => Err(ValueError::new(format!("`{text}` is no way to resume a session"))),
        _ => Err(wrong_type("a text in quotes or a number", value)),
    };
    reader.accept(read.map_err(|mistake| mistake.help(RESUMPTION_EXPECTED)), value)
}

fn client_certificates<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<ClientAuth> {
    if let DeValue::Boolean(false) = value.get_ref() {
        return Some(ClientAuth::Off);
    }
    let place = reader.span(value);
    let (demand, ca, depth, crl) = section(&schema::CLIENT_CERTIFICATES, |table| {
        let path = || text(readers::PATH_EXPECTED, readers::path);
        let demand = table.get("verify", text(DEMAND_EXPECTED, demand));
        (demand, table.get("ca", path()), table.get("depth", number(0..=MAX_DEPTH)), table.get("crl", path()))
    })(reader, value)?;
    for (key, is_missing) in [("verify", demand.is_unset()), ("ca", ca.is_unset())] {
        if is_missing {
            let error = Diagnostic::error(&place, format!("`{key}` is missing"));
            reader.problems.push(error.help(schema::CLIENT_CERTIFICATES.form));
        }
    }
    if depth.is_invalid() || crl.is_invalid() {
        return None;
    }
    let (Setting::Set(demand), Setting::Set(ca)) = (demand, ca) else { return None };
    let depth = depth.as_set().and_then(|said| u8::try_from(said.value).ok()).unwrap_or(ClientAuthPolicy::DEPTH);
    let crl = crl.as_set().map(|said| said.value.clone());
    Some(ClientAuth::Verify(ClientAuthPolicy { mode: demand.value, ca: ca.value, depth, crl }))
}

fn demand(text: &str) -> Result<ClientAuthMode, ValueError> {
    match text {
        "required" => Ok(ClientAuthMode::Required),
        "optional" => Ok(ClientAuthMode::Optional),
        _ => {
            Err(ValueError::new(format!("`{text}` does not say whether a certificate is needed"))
                .help(DEMAND_EXPECTED))
        }
    }
}

const VERSIONS_EXPECTED: &str = "write [\"1.2\", \"1.3\"] or [\"1.3\"]";
const SUITES_EXPECTED: &str = "write a list of suites, the best first: [\"TLS_AES_256_GCM_SHA384\"]";
const GROUPS_EXPECTED: &str = "write a list of groups: [\"X25519MLKEM768\", \"X25519\"]";
const RESUMPTION_EXPECTED: &str = "write \"tickets\", \"off\", or how many sessions the server remembers";
const DEMAND_EXPECTED: &str = "write \"required\" or \"optional\"";

/// About a gigabyte of them; beyond it somebody has mistaken the unit.
const MAX_SESSIONS: u64 = 1_000_000;

/// rustls follows no longer chains.
const MAX_DEPTH: u64 = 6;
