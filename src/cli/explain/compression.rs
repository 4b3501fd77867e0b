//! Compression, for people and in the words of the TOML language.

use super::value::Value;
use crate::model::compression::{Compression, GzipRules, MediaTypes, OldestHttp, Proxied, Unshared, Vary};

/// What stands behind the key `compression`.
pub(super) fn value(compression: &Compression) -> Value {
    let Compression::Gzip(rules) = compression else { return Value::Flag(false) };
    let entries = [
        ("types", types(&rules.types)),
        ("level", Value::Number(rules.level.get().into())),
        ("min_length", Value::Number(rules.min_length)),
        ("http_version", Value::text(rules.oldest_http.as_str())),
        ("proxied", proxied(&rules.proxied)),
        ("vary", Value::Flag(rules.vary == Vary::Told)),
    ];
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// The rules in a line or a few.
pub(super) fn sentence(rules: &GzipRules) -> String {
    let types = match &rules.types {
        MediaTypes::All => "everything".to_owned(),
        MediaTypes::Listed(listed) => listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let older = match rules.oldest_http {
        OldestHttp::Http10 => ", also over HTTP/1.0",
        OldestHttp::Http11 => "",
    };
    let vary = match rules.vary {
        Vary::Told => "",
        Vary::Untold => ", without Vary",
    };
    let proxied = match &rules.proxied {
        Proxied::Never => "never".to_owned(),
        Proxied::Always => "always".to_owned(),
        Proxied::When(conditions) => format!("if {}", words(conditions).join(", ")),
    };
    let GzipRules { min_length, level, .. } = rules;
    let level = level.get();
    format!("{types}; from {min_length} bytes, level {level}{older}{vary}; for other proxies {proxied}")
}

fn types(types: &MediaTypes) -> Value {
    match types {
        MediaTypes::All => Value::text("*"),
        MediaTypes::Listed(listed) => Value::list(listed),
    }
}

fn proxied(proxied: &Proxied) -> Value {
    match proxied {
        Proxied::Never => Value::text("off"),
        Proxied::Always => Value::text("any"),
        Proxied::When(conditions) => Value::list(words(conditions)),
    }
}

fn words(conditions: &[Unshared]) -> Vec<&'static str> {
    conditions.iter().map(|condition| condition.as_str()).collect()
}
