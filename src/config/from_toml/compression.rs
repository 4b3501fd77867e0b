//! Reads `compression`.

use toml::de::DeValue;

use super::readers::{boolean, number, one_or_more, text};
use super::section::section;
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::Setting;
use crate::config::schema;
use crate::config::values::compression::{self, HTTP_EXPECTED, PROXIED_EXPECTED, TYPES_EXPECTED};
use crate::model::compression::{CompressionPolicy, GzipLevel, GzipPolicy, GzipVary};

/// Reads `compression`: `false`, `true` for the defaults of the GitLab package, or a table that overrides some of
/// them.
pub(super) fn compression<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<CompressionPolicy> {
    match value.get_ref() {
        DeValue::Boolean(false) => Some(CompressionPolicy::Off),
        DeValue::Boolean(true) => Some(CompressionPolicy::Gzip(Box::new(compression::package_defaults()))),
        _ => {
            let rules = section(&schema::COMPRESSION, rules)(reader, value)??;
            Some(CompressionPolicy::Gzip(Box::new(rules)))
        }
    }
}

/// Returns `None` if a value is invalid.
fn rules(table: &mut TomlTable<'_, '_, '_>) -> Option<GzipPolicy> {
    let defaults = compression::package_defaults();
    let types = table.get("types", string_list(TYPES_EXPECTED, |types| compression::types(types)));
    let level = table.get("level", level);
    let min_length = table.get("min_length", number(0..=MAX_LEN));
    let oldest_http = table.get("http_version", text(HTTP_EXPECTED, compression::oldest_http));
    let proxied =
        table.get("proxied", string_list(PROXIED_EXPECTED, |conditions| compression::proxied(conditions)));
    let vary = table.get("vary", vary);
    Some(GzipPolicy {
        types: value_or(types, defaults.types)?,
        level: value_or(level, defaults.level)?,
        min_length: value_or(min_length, defaults.min_length)?,
        oldest_http: value_or(oldest_http, defaults.oldest_http)?,
        proxied: value_or(proxied, defaults.proxied)?,
        vary: value_or(vary, defaults.vary)?,
    })
}

/// Returns the value, or `default` if it is unset; `None` if it is invalid.
fn value_or<T>(setting: Setting<T>, default: T) -> Option<T> {
    match setting {
        Setting::Set(setting) => Some(setting.value),
        Setting::Unset => Some(default),
        Setting::Invalid => None,
    }
}

/// Reads one string or a list of strings that `parse` takes as a whole.
fn string_list<'t, T>(
    expected: &'static str,
    parse: fn(Vec<&str>) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let strings = one_or_more(expected, |element| Ok(element.to_owned()))(reader, value)?;
        reader.accept(parse(strings.iter().map(|element| element.value.as_str()).collect()), value)
    }
}

fn level(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<GzipLevel> {
    number(1..=9)(reader, value).and_then(GzipLevel::new)
}

fn vary(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<GzipVary> {
    let enabled = boolean(reader, value)?;
    Some(if enabled { GzipVary::On } else { GzipVary::Off })
}

/// 1 GiB: a larger minimum length is a mistake in the unit.
const MAX_LEN: u64 = 1 << 30;
