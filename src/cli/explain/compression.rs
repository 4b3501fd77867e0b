//! Renders compression settings.

use super::value::OutputValue;
use crate::model::compression::{
    CompressibleTypes, CompressionPolicy, GzipPolicy, GzipProxied, GzipProxiedCondition, GzipVary, MinHttpVersion,
};

/// Returns the value of the key `compression`.
pub(super) fn value(compression: &CompressionPolicy) -> OutputValue {
    let CompressionPolicy::Gzip(rules) = compression else { return OutputValue::Flag(false) };
    let entries = [
        ("types", types(&rules.types)),
        ("level", OutputValue::Number(rules.level.get().into())),
        ("min_length", OutputValue::Number(rules.min_length)),
        ("http_version", OutputValue::text(rules.oldest_http.as_str())),
        ("proxied", proxied(&rules.proxied)),
        ("vary", OutputValue::Flag(rules.vary == GzipVary::On)),
    ];
    OutputValue::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// Describes the settings in the table.
pub(super) fn sentence(rules: &GzipPolicy) -> String {
    let types = match &rules.types {
        CompressibleTypes::All => "all types".to_owned(),
        CompressibleTypes::Listed(listed) => listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let older = match rules.oldest_http {
        MinHttpVersion::Http10 => ", also for HTTP/1.0",
        MinHttpVersion::Http11 => "",
    };
    let vary = match rules.vary {
        GzipVary::On => "",
        GzipVary::Off => ", without Vary",
    };
    let proxied = match &rules.proxied {
        GzipProxied::Never => "never".to_owned(),
        GzipProxied::Always => "always".to_owned(),
        GzipProxied::When(conditions) => format!("if {}", words(conditions).join(", ")),
    };
    let GzipPolicy { min_length, level, .. } = rules;
    let level = level.get();
    format!("{types}; from {min_length} bytes, level {level}{older}{vary}; requests with Via: {proxied}")
}

fn types(types: &CompressibleTypes) -> OutputValue {
    match types {
        CompressibleTypes::All => OutputValue::text("*"),
        CompressibleTypes::Listed(listed) => OutputValue::list(listed),
    }
}

fn proxied(proxied: &GzipProxied) -> OutputValue {
    match proxied {
        GzipProxied::Never => OutputValue::text("off"),
        GzipProxied::Always => OutputValue::text("any"),
        GzipProxied::When(conditions) => OutputValue::list(words(conditions)),
    }
}

fn words(conditions: &[GzipProxiedCondition]) -> Vec<&'static str> {
    conditions.iter().map(|condition| condition.as_str()).collect()
}
