//! What browsers are told in headers.

use http::HeaderValue;

use super::external_url::ExternalScheme;
use super::reader::SettingsReader;
use super::service::ServiceHost;
use crate::config::document::{HeaderSetting, Setting};

/// The package sends HSTS on plain hosts too. That is useful only behind something that speaks HTTPS for
/// them; over plain HTTP browsers must ignore it (RFC 6797 section 8.1).
pub(super) fn hsts(plan: &ServiceHost, tls: bool, reader: &mut SettingsReader<'_>) -> Setting<HeaderSetting> {
    let owner = plan.service.owner();
    let age = reader.number(owner, "hsts_max_age").map_or(TWO_YEARS, |said| said.value);
    let subdomains = reader.flag(owner, "hsts_include_subdomains") == Some(true);
    if !tls && plan.url.scheme == ExternalScheme::Http {
        reader.no_effect(owner, "hsts_max_age", "this host is reached over plain HTTP");
        reader.no_effect(owner, "hsts_include_subdomains", "this host is reached over plain HTTP");
        return Setting::Unset;
    }
    if age <= 0 {
        return if tls { plan.url_setting(HeaderSetting::Leave) } else { Setting::Unset };
    }
    let value = format!("max-age={age}{}", if subdomains { "; includeSubdomains" } else { "" });
    HeaderValue::from_str(&value).map_or(Setting::Unset, |value| plan.url_setting(HeaderSetting::Send(value)))
}

const TWO_YEARS: i64 = 63_072_000;
