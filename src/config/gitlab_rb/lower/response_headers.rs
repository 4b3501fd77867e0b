//! What browsers are told in headers.

use http::HeaderValue;

use super::external_url::Scheme;
use super::reader::Reader;
use super::service::Plan;
use crate::config::document::{HeaderChoice, Setting};

/// The package sends HSTS on plain hosts too. That is useful only behind something that speaks HTTPS for
/// them; over plain HTTP browsers must ignore it (RFC 6797 section 8.1).
pub(super) fn hsts(plan: &Plan, tls: bool, reader: &mut Reader<'_>) -> Setting<HeaderChoice> {
    let owner = plan.service.owner();
    let age = reader.number(owner, "hsts_max_age").map_or(TWO_YEARS, |said| said.value);
    let subdomains = reader.flag(owner, "hsts_include_subdomains") == Some(true);
    if !tls && plan.url.scheme == Scheme::Http {
        reader.no_effect(owner, "hsts_max_age", "this host is reached over plain HTTP");
        reader.no_effect(owner, "hsts_include_subdomains", "this host is reached over plain HTTP");
        return Setting::Unsaid;
    }
    if age <= 0 {
        return if tls { plan.said(HeaderChoice::Leave) } else { Setting::Unsaid };
    }
    let value = format!("max-age={age}{}", if subdomains { "; includeSubdomains" } else { "" });
    HeaderValue::from_str(&value).map_or(Setting::Unsaid, |value| plan.said(HeaderChoice::Send(value)))
}

const TWO_YEARS: i64 = 63_072_000;
