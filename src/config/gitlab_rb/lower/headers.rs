//! Headers: what the application is told, and what browsers are.

use http::HeaderValue;

use super::client_address;
use super::plan::{Plan, Service};
use super::reader::Reader;
use super::url::Scheme;
use crate::config::document::{HeaderChoice, Said, Setting};
use crate::config::gitlab_rb::value::{Data, Value};
use crate::config::header;
use crate::model::header_ops::{HeaderOp, SettableName};
use crate::model::judgement::Verdict;

/// What becomes of one entry of `proxy_set_headers`.
enum Wish {
    Change(HeaderOp),
    /// It is what the proxy does anyway.
    Granted,
    /// It cannot be done; what happens instead.
    Impossible(String),
}

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

/// The package's request headers, with those of the file laid over them name by name.
pub(super) fn request(plan: &Plan, tls: bool, reader: &mut Reader<'_>) -> Vec<Said<HeaderOp>> {
    let mut ops: Vec<Said<HeaderOp>> = Vec::new();
    let mut set = |name: &'static str, value: &'static str| {
        let op = HeaderOp::Set(SettableName::from_static(name), HeaderValue::from_static(value));
        ops.push(Said { value: op, place: plan.place.clone() });
    };
    if plan.service == Service::Kas {
        // Here the connection decides, not the URL.
        let scheme = if tls { "https" } else { "http" };
        ["x-forwarded-proto", "x-forwarded-scheme", "x-scheme"].into_iter().for_each(|name| set(name, scheme));
    } else {
        set("x-forwarded-proto", plan.url.scheme.as_str());
    }
    if plan.url.scheme == Scheme::Https {
        set("x-forwarded-ssl", "on");
    }
    if plan.service == Service::Mattermost {
        set("x-frame-options", "SAMEORIGIN");
    }
    let Some(own) = reader.hash(plan.service.owner(), "proxy_set_headers") else { return ops };
    let told = client_address::told(plan.service.owner(), reader);
    let mut impossible = Vec::new();
    for (name, value) in &own.value.0 {
        let name = name.to_text().unwrap_or_default();
        match wish(&name, value, tls, told) {
            Wish::Change(op) => {
                ops.retain(|known| known.value.name() != op.name());
                ops.push(Said { value: op, place: value.place.clone() });
            }
            Wish::Granted => ops.retain(|known| !known.value.name().as_str().eq_ignore_ascii_case(&name)),
            Wish::Impossible(instead) => impossible.push(format!("{name}: {instead}")),
        }
    }
    if !impossible.is_empty() {
        let reason = format!("not all of it can be done by this version ({})", impossible.join("; "));
        for hash in plan.service.owner().hashes() {
            let path = [hash, &["proxy_set_headers"][..]].concat();
            if reader.entry(&path).is_some_and(|entry| entry.place == own.place) {
                reader.remark(path.join("."), Verdict::Refused, reason.clone());
            }
        }
    }
    ops
}

/// `told` is the variable for the address that the application is told anyway.
fn wish(name: &str, value: &Value, tls: bool, told: &str) -> Wish {
    let text = match (&value.data, value.to_text()) {
        (Data::Nil, _) => None,
        (_, Some(text)) => Some(text),
        (_, None) => return Wish::Impossible(format!("{} is no text", value.kind())),
    };
    // nginx's own quotes, which a value with blanks needs.
    let text = text.map(|text| text.trim_matches('"').to_owned()).filter(|text| !text.is_empty());
    let mut done = DONE_ANYWAY.into_iter().chain([("X-Real-IP", told), ("X-Forwarded-For", told)]);
    if done.any(|(done, with)| done.eq_ignore_ascii_case(name) && text.as_deref() == Some(with)) {
        return Wish::Granted;
    }
    let parsed = match header::name(name) {
        Ok(parsed) => parsed,
        Err(_) => return Wish::Impossible("the proxy writes this header itself".to_owned()),
    };
    match text {
        None if parsed.as_str() == "host" => Wish::Impossible("the client's own is sent".to_owned()),
        None => Wish::Change(HeaderOp::Remove(parsed)),
        Some(text) if text == "$scheme" => {
            let scheme = HeaderValue::from_static(if tls { "https" } else { "http" });
            Wish::Change(HeaderOp::Set(parsed, scheme))
        }
        Some(text) if text.contains('$') => {
            Wish::Impossible(format!("`{text}` has a variable; {}", instead(&parsed)))
        }
        Some(text) => match HeaderValue::from_str(&text) {
            Ok(value) => Wish::Change(HeaderOp::Set(parsed, value)),
            Err(_) => Wish::Impossible("a header cannot have this value; it is not sent".to_owned()),
        },
    }
}

fn instead(name: &SettableName) -> &'static str {
    match name.as_str() {
        "x-forwarded-for" | "x-real-ip" => "the client's address is sent alone",
        "x-forwarded-proto" => "the scheme of the external URL is sent",
        "host" => "the client's own is sent",
        _ => "it is not sent",
    }
}

/// What nginx's variables say that the proxy says without being told.
const DONE_ANYWAY: [(&str, &str); 6] = [
    ("Host", "$http_host"),
    ("Host", "$http_host_with_default"),
    ("Upgrade", "$http_upgrade"),
    ("Connection", "$connection_upgrade"),
    ("Connection", "upgrade"),
    ("Connection", "Upgrade"),
];

const TWO_YEARS: i64 = 63_072_000;
