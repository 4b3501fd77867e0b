//! The key for the compression of a host's answers.

use toml::de::DeValue;

use super::readers::{boolean, number, one_or_more, text};
use super::section::section;
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::Setting;
use crate::config::schema;
use crate::config::values::compression::{self, HTTP_EXPECTED, PROXIED_EXPECTED, TYPES_EXPECTED};
use crate::model::compression::{CompressionPolicy, GzipLevel, GzipPolicy, GzipVary};

/// A table of rules, of which those that are left out are GitLab's; `true` for all of these, or `false`.
pub(super) fn compression<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<CompressionPolicy> {
    match value.get_ref() {
        DeValue::Boolean(false) => Some(CompressionPolicy::Off),
        DeValue::Boolean(true) => Some(CompressionPolicy::Gzip(Box::new(compression::of_package()))),
        _ => {
            let rules = section(&schema::COMPRESSION, rules)(reader, value)??;
            Some(CompressionPolicy::Gzip(Box::new(rules)))
        }
    }
}

/// `None` if one of them cannot be read.
fn rules(table: &mut TomlTable<'_, '_, '_>) -> Option<GzipPolicy> {
    let usual = compression::of_package();
    let types = table.get("types", words(TYPES_EXPECTED, |words| compression::types(words)));
    let level = table.get("level", level);
    let min_length = table.get("min_length", number(0..=MAX_LEN));
    let oldest_http = table.get("http_version", text(HTTP_EXPECTED, compression::oldest_http));
    let proxied = table.get("proxied", words(PROXIED_EXPECTED, |words| compression::proxied(words)));
    let vary = table.get("vary", vary);
    Some(GzipPolicy {
        types: readable(types, usual.types)?,
        level: readable(level, usual.level)?,
        min_length: readable(min_length, usual.min_length)?,
        oldest_http: readable(oldest_http, usual.oldest_http)?,
        proxied: readable(proxied, usual.proxied)?,
        vary: readable(vary, usual.vary)?,
    })
}

/// The value, or the usual one; `None` if it cannot be read.
fn readable<T>(setting: Setting<T>, usual: T) -> Option<T> {
    match setting {
        Setting::Set(said) => Some(said.value),
        Setting::Unset => Some(usual),
        Setting::Invalid => None,
    }
}

/// Words that are understood together.
fn words<'t, T>(
    expected: &'static str,
    parse: fn(Vec<&str>) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let words = one_or_more(expected, |word| Ok(word.to_owned()))(reader, value)?;
        reader.accept(parse(words.iter().map(|said| said.value.as_str()).collect()), value)
    }
}

fn level(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<GzipLevel> {
    number(1..=9)(reader, value).and_then(GzipLevel::new)
}

fn vary(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<GzipVary> {
    let told = boolean(reader, value)?;
    Some(if told { GzipVary::On } else { GzipVary::Off })
}

/// A gigabyte; beyond it somebody has mistaken the unit.
const MAX_LEN: u64 = 1 << 30;
