//! Lowers `ssl_*`.

use std::num::NonZeroUsize;

use super::openssl_conf::{self, OpensslConf};
use super::reader::SettingsReader;
use super::service::{Service, ServiceHost};
use super::{cipher_string, client_certificates, units};
use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Setting, Spanned, TlsSection};
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::span::SourceSpan;
use crate::model::BodyLimit;
use crate::model::setting_report::SettingVerdict;
use crate::model::tls::{CipherPreference, CipherSuite, NamedGroup, SessionResumption, TlsVersions};

/// Returns the TLS settings of a host.
pub(super) fn settings(service_host: &ServiceHost, reader: &mut SettingsReader<'_>) -> TlsSection {
    let owner = service_host.service.owner();
    let commands = openssl_conf::read(owner, reader);
    let (versions, cipher_suites) = suites(owner, &commands, reader);
    let order = reader.text_of(owner, "ssl_prefer_server_ciphers");
    let order = order.filter(|setting| setting.value == "on").map(|setting| setting.span);
    let order = match order.or(commands.server_order.clone()) {
        Some(span) => Setting::Set(Spanned { value: CipherPreference::Server, span }),
        None => Setting::Unset,
    };
    TlsSection {
        tls_versions: service_host.url_setting(versions),
        cipher_suites,
        prefer_server_ciphers: order,
        key_exchange_groups: groups(owner, &commands, reader),
        session_resumption: resumption(service_host.service, &commands, reader),
        client_certificates: client_certificates::read(owner, reader),
    }
}

/// Returns the TLS versions, and the cipher suites if a setting selects them.
fn suites(
    owner: SettingOwner,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> (TlsVersions, Setting<Vec<Spanned<CipherSuite>>>) {
    let protocols = reader.text_of(owner, "ssl_protocols");
    let mut versions = match &protocols {
        Some(setting) => units::tls_versions(setting, reader.problems),
        None => TlsVersions::Tls12And13,
    };
    if commands.only_tls13.is_some() {
        versions = TlsVersions::Tls13Only;
    }
    let ciphers = reader.text_of(owner, "ssl_ciphers").or(commands.ciphers.clone());
    let Some(span) =
        ciphers.as_ref().map(|setting| &setting.span).or(commands.suites.as_ref().map(|setting| &setting.span))
    else {
        return (versions, Setting::Unset);
    };
    let span = span.clone();
    let is_tls12 = |suite: &CipherSuite| !suite.is_tls13();
    let of_tls12: Vec<CipherSuite> = match ciphers.filter(|_| versions == TlsVersions::Tls12And13) {
        Some(setting) => selected(owner, &setting, protocols.as_ref(), reader),
        None => CipherSuite::ALL.into_iter().filter(is_tls12).filter(|suite| versions.supports(*suite)).collect(),
    };
    if of_tls12.is_empty() {
        versions = TlsVersions::Tls13Only;
    }
    let of_tls13 = match &commands.suites {
        Some(setting) => setting.value.clone(),
        None => CipherSuite::ALL.into_iter().filter(|suite| suite.is_tls13()).collect(),
    };
    (versions, list(of_tls13.into_iter().chain(of_tls12), &span))
}

/// Returns the suites of a cipher string. A string that selects none is an error, unless TLS 1.3 is enabled.
fn selected(
    owner: SettingOwner,
    setting: &Spanned<String>,
    protocols: Option<&Spanned<String>>,
    reader: &mut SettingsReader<'_>,
) -> Vec<CipherSuite> {
    let selection = cipher_string::select(&setting.value);
    if !selection.unsupported.is_empty() {
        let note = format!("not supported: {}", selection.unsupported.join(", "));
        reader.record_for(owner, "ssl_ciphers", SettingVerdict::Applied, &note);
    }
    if selection.suites.is_empty() {
        let message = format!("no supported TLS 1.2 cipher suite in `{}`", setting.value);
        let wants_tls13 = protocols.is_none_or(|setting| setting.value.contains("TLSv1.3"));
        reader.problems.push(if wants_tls13 {
            Diagnostic::warning(&setting.span, message)
                .help("only TLS 1.3 is offered, which has other suites; add 'ECDHE+AESGCM' for TLS 1.2")
        } else {
            Diagnostic::error(&setting.span, message).help("add 'ECDHE+AESGCM', or add TLSv1.3 to `ssl_protocols`")
        });
    }
    selection.suites
}

/// Returns the supported key exchange groups of `ssl_ecdh_curve` or `ssl_conf_command`.
fn groups(
    owner: SettingOwner,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> Setting<Vec<Spanned<NamedGroup>>> {
    let setting = reader.text_of(owner, "ssl_ecdh_curve").filter(|setting| setting.value != "auto");
    let Some(Spanned { value, span }) = setting.or(commands.groups.clone()) else { return Setting::Unset };
    let (known, unknown): (Vec<_>, Vec<_>) =
        value.split([':', ',']).map(str::trim).partition(|name| units::group(name).is_some());
    if known.is_empty() {
        let error = Diagnostic::error(&span, format!("no supported key exchange group in `{value}`"));
        reader.problems.push(error.help("write 'X25519:prime256v1:secp384r1', or 'auto'"));
        return Setting::Invalid;
    }
    if !unknown.is_empty() {
        let note = format!("not supported: {}", unknown.join(", "));
        reader.record_for(owner, "ssl_ecdh_curve", SettingVerdict::Applied, &note);
    }
    list(known.into_iter().filter_map(units::group), &span)
}

/// Returns a list of values with a common span.
fn list<T>(values: impl Iterator<Item = T>, span: &SourceSpan) -> Setting<Vec<Spanned<T>>> {
    let values = values.map(|value| Spanned { value, span: span.clone() }).collect();
    Setting::Set(Spanned { value: values, span: span.clone() })
}

/// Returns the session resumption. nginx resumes sessions by tickets, from its cache, or not at all. The
/// package disables tickets because nginx never rotates their keys. Gatepost rotates them, so it uses tickets
/// unless a setting disables them.
fn resumption(
    service: Service,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> Setting<SessionResumption> {
    let owner = service.owner();
    let tickets = reader.text_of(owner, "ssl_session_tickets");
    let cache = reader.text_of(owner, "ssl_session_cache");
    let is_cached = cache.as_ref().is_none_or(|setting| !["off", "none"].contains(&setting.value.as_str()));
    let forbidden = tickets.as_ref().filter(|setting| setting.value == "off").map(|setting| &setting.span);
    if let Some(span) = forbidden.or(commands.no_tickets.as_ref()) {
        let sessions = cache.as_ref().map_or(CACHED, |setting| cached_sessions(&setting.value));
        let value = if is_cached { SessionResumption::Sessions(sessions) } else { SessionResumption::Off };
        return Setting::Set(Spanned { value, span: span.clone() });
    }
    // The package does not set `ssl_session_tickets` for Mattermost, and nginx's default is on.
    let has_tickets = tickets.is_some() || service == Service::Mattermost;
    match cache {
        Some(Spanned { span, .. }) if !is_cached && !has_tickets => {
            Setting::Set(Spanned { value: SessionResumption::Off, span })
        }
        _ => {
            reader.no_effect(owner, "ssl_session_cache", "sessions are resumed by tickets, which need no memory");
            Setting::Unset
        }
    }
}

/// Returns the number of sessions in a cache. By nginx's documentation, a megabyte holds about 4000 sessions.
fn cached_sessions(text: &str) -> NonZeroUsize {
    let count = text.split_whitespace().filter_map(|part| {
        let mut fields = part.split(':');
        match (fields.next()?, fields.next(), fields.next()) {
            ("builtin", Some(count), _) => count.parse().ok(),
            ("shared", _, Some(size)) => match units::body_limit(size)? {
                BodyLimit::Bytes(bytes) => usize::try_from(bytes.get() * 4000 / (1 << 20)).ok(),
                BodyLimit::Unlimited => None,
            },
            _ => None,
        }
    });
    count.max().and_then(|count| NonZeroUsize::new(count.min(MAX_CACHED))).unwrap_or(CACHED)
}

/// Sessions in the package's default cache, `shared:SSL:10m`.
const CACHED: NonZeroUsize = NonZeroUsize::new(40_000).unwrap();

/// Maximum number of cached sessions in a Gatepost configuration.
const MAX_CACHED: usize = 1_000_000;
