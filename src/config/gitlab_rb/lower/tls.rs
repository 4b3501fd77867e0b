//! The `ssl_*` settings of a host, in the words of a document.

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

/// What a TLS host says about its encryption.
pub(super) fn settings(plan: &ServiceHost, reader: &mut SettingsReader<'_>) -> TlsSection {
    let owner = plan.service.owner();
    let commands = openssl_conf::read(owner, reader);
    let (versions, cipher_suites) = suites(owner, &commands, reader);
    let order = reader.text_of(owner, "ssl_prefer_server_ciphers");
    let order = order.filter(|said| said.value == "on").map(|said| said.span);
    let order = match order.or(commands.server_order.clone()) {
        Some(place) => Setting::Set(Spanned { value: CipherPreference::Server, span: place }),
        None => Setting::Unset,
    };
    TlsSection {
        tls_versions: plan.url_setting(versions),
        cipher_suites,
        prefer_server_ciphers: order,
        key_exchange_groups: groups(owner, &commands, reader),
        session_resumption: resumption(plan.service, &commands, reader),
        client_certificates: client_certificates::read(owner, reader),
    }
}

/// The versions, and the suites if anything is said about them.
fn suites(
    owner: SettingOwner,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> (TlsVersions, Setting<Vec<Spanned<CipherSuite>>>) {
    let protocols = reader.text_of(owner, "ssl_protocols");
    let mut versions = match &protocols {
        Some(said) => units::tls_versions(said, reader.problems),
        None => TlsVersions::Tls12And13,
    };
    if commands.only_tls13.is_some() {
        versions = TlsVersions::Tls13Only;
    }
    let ciphers = reader.text_of(owner, "ssl_ciphers").or(commands.ciphers.clone());
    let Some(place) = ciphers.as_ref().map(|said| &said.span).or(commands.suites.as_ref().map(|said| &said.span))
    else {
        return (versions, Setting::Unset);
    };
    let place = place.clone();
    let is_tls12 = |suite: &CipherSuite| !suite.is_tls13();
    let of_tls12: Vec<CipherSuite> = match ciphers.filter(|_| versions == TlsVersions::Tls12And13) {
        Some(said) => selected(owner, &said, protocols.as_ref(), reader),
        None => CipherSuite::ALL.into_iter().filter(is_tls12).filter(|suite| versions.supports(*suite)).collect(),
    };
    if of_tls12.is_empty() {
        versions = TlsVersions::Tls13Only;
    }
    let of_tls13 = match &commands.suites {
        Some(said) => said.value.clone(),
        None => CipherSuite::ALL.into_iter().filter(|suite| suite.is_tls13()).collect(),
    };
    (versions, list(of_tls13.into_iter().chain(of_tls12), &place))
}

/// The suites of a cipher string. One that leaves nothing is an error, unless clients can use TLS 1.3.
fn selected(
    owner: SettingOwner,
    said: &Spanned<String>,
    protocols: Option<&Spanned<String>>,
    reader: &mut SettingsReader<'_>,
) -> Vec<CipherSuite> {
    let selection = cipher_string::select(&said.value);
    if !selection.idle.is_empty() {
        let note = format!("there is nothing here of {}", selection.idle.join(", "));
        reader.remark_on(owner, "ssl_ciphers", SettingVerdict::Applied, &note);
    }
    if selection.suites.is_empty() {
        let message = "none of these cipher suites exists here";
        let wants_tls13 = protocols.is_none_or(|said| said.value.contains("TLSv1.3"));
        reader.problems.push(if wants_tls13 {
            Diagnostic::warning(&said.span, message).help("only TLS 1.3 is offered, whose suites are others")
        } else {
            Diagnostic::error(&said.span, message).help("add 'ECDHE+AESGCM', or offer TLSv1.3 in ssl_protocols")
        });
    }
    selection.suites
}

/// The groups that exist here, of `ssl_ecdh_curve` or of `ssl_conf_command`.
fn groups(
    owner: SettingOwner,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> Setting<Vec<Spanned<NamedGroup>>> {
    let said = reader.text_of(owner, "ssl_ecdh_curve").filter(|said| said.value != "auto");
    let Some(Spanned { value, span: place }) = said.or(commands.groups.clone()) else { return Setting::Unset };
    let (known, unknown): (Vec<_>, Vec<_>) =
        value.split([':', ',']).map(str::trim).partition(|name| units::group(name).is_some());
    if known.is_empty() {
        let error = Diagnostic::error(&place, format!("none of `{value}` exists here"));
        reader.problems.push(error.help("write 'X25519:prime256v1:secp384r1', or 'auto'"));
        return Setting::Invalid;
    }
    if !unknown.is_empty() {
        let note = format!("there is no {} here", unknown.join(", "));
        reader.remark_on(owner, "ssl_ecdh_curve", SettingVerdict::Applied, &note);
    }
    list(known.into_iter().filter_map(units::group), &place)
}

/// Values that are written in one place.
fn list<T>(values: impl Iterator<Item = T>, place: &SourceSpan) -> Setting<Vec<Spanned<T>>> {
    let values = values.map(|value| Spanned { value, span: place.clone() }).collect();
    Setting::Set(Spanned { value: values, span: place.clone() })
}

/// nginx resumes by tickets, from its cache, or not at all. The package turns tickets off because nginx never
/// changes their keys. Here they change, so tickets are used unless the file itself forbids them.
fn resumption(
    service: Service,
    commands: &OpensslConf,
    reader: &mut SettingsReader<'_>,
) -> Setting<SessionResumption> {
    let owner = service.owner();
    let tickets = reader.text_of(owner, "ssl_session_tickets");
    let cache = reader.text_of(owner, "ssl_session_cache");
    let is_cached = cache.as_ref().is_none_or(|said| !["off", "none"].contains(&said.value.as_str()));
    let forbidden = tickets.as_ref().filter(|said| said.value == "off").map(|said| &said.span);
    if let Some(place) = forbidden.or(commands.no_tickets.as_ref()) {
        let sessions = cache.as_ref().map_or(CACHED, |said| cached_sessions(&said.value));
        let value = if is_cached { SessionResumption::Sessions(sessions) } else { SessionResumption::Off };
        return Setting::Set(Spanned { value, span: place.clone() });
    }
    // The package says nothing about tickets for Mattermost, so there nginx has them.
    let has_tickets = tickets.is_some() || service == Service::Mattermost;
    match cache {
        Some(Spanned { span: place, .. }) if !is_cached && !has_tickets => {
            Setting::Set(Spanned { value: SessionResumption::Off, span: place })
        }
        _ => {
            reader.no_effect(owner, "ssl_session_cache", "sessions are resumed by tickets, which need no memory");
            Setting::Unset
        }
    }
}

/// How many sessions a cache holds: nginx says that about 4000 fit into a megabyte.
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

/// The sessions of the package's `shared:SSL:10m`.
const CACHED: NonZeroUsize = NonZeroUsize::new(40_000).unwrap();

/// The most that the configuration language takes.
const MAX_CACHED: usize = 1_000_000;
