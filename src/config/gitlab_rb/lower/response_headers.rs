//! Lowers HSTS settings.

use http::HeaderValue;

use super::external_url::ExternalScheme;
use super::reader::SettingsReader;
use super::service::ServiceHost;
use crate::config::document::{HeaderSetting, Setting};

/// Returns the `Strict-Transport-Security` header. The package sends it on plain HTTP hosts too, which is
/// useful only behind a proxy that terminates TLS; over plain HTTP browsers must ignore it (RFC 6797 section
/// 8.1).
pub(super) fn hsts(
    service_host: &ServiceHost,
    tls: bool,
    reader: &mut SettingsReader<'_>,
) -> Setting<HeaderSetting> {
    let owner = service_host.service.owner();
    let age = reader.number(owner, "hsts_max_age").map_or(TWO_YEARS, |setting| setting.value);
    let subdomains = reader.flag(owner, "hsts_include_subdomains") == Some(true);
    if !tls && service_host.url.scheme == ExternalScheme::Http {
        reader.no_effect(owner, "hsts_max_age", "browsers ignore HSTS on this host: its URL is plain HTTP");
        reader.no_effect(
            owner,
            "hsts_include_subdomains",
            "browsers ignore HSTS on this host: its URL is plain HTTP",
        );
        return Setting::Unset;
    }
    if age <= 0 {
        return if tls { service_host.url_setting(HeaderSetting::Leave) } else { Setting::Unset };
    }
    let value = format!("max-age={age}{}", if subdomains { "; includeSubdomains" } else { "" });
    HeaderValue::from_str(&value)
        .map_or(Setting::Unset, |value| service_host.url_setting(HeaderSetting::Send(value)))
}

/// The package's default of `hsts_max_age`, in seconds.
const TWO_YEARS: i64 = 63_072_000;
