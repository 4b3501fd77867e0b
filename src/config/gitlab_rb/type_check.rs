//! Reports settings whose values have the wrong type.
//!
//! The package does not check types: it fails later, or writes a configuration that nginx rejects.

use super::assignments::AssignedSettings;
use super::lower::reader::spelled;
use super::lower::{body_limit, duration};
use super::overrides;
use super::settings::{self, KeyLookup, SettingSpec, SettingSupport, ValueType};
use super::value::{HashEntry, RubyData, RubyValue, SectionRef, UnknownCause, UnknownValue};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::model::compression::GzipLevel;

/// Reports every value of the wrong type, every unknown value that the proxy needs, and strings such as
/// `'false'`, which are truthy.
pub(super) fn check(settings: &AssignedSettings, problems: &mut Diagnostics) {
    check_section(&settings.top, problems);
}

/// Checks one settings hash. The keys of the settings table bound the recursion.
fn check_section(section: &SectionRef, problems: &mut Diagnostics) {
    let section = section.borrow();
    if let Some(taint) = &section.tainted
        && !matches!(settings::lookup(&section.path), KeyLookup::Foreign)
    {
        let message =
            format!("cannot determine without execution which keys of `{}` change here", section.path.join("."));
        problems.push(Diagnostic::error(&taint.span, message).help("set each key by its name"));
    }
    for (key, entry) in section.entries() {
        let path: Vec<String> = section.path.iter().cloned().chain([key.to_owned()]).collect();
        match settings::lookup(&path) {
            KeyLookup::Setting(spec) => check_entry(spec, &path, entry, problems),
            KeyLookup::Group => match &entry.value.data {
                RubyData::Section(inner) => check_section(inner, problems),
                RubyData::Nil => {}
                _ => problems.push(not_a_hash(&path, entry)),
            },
            KeyLookup::OtherHost | KeyLookup::Unknown(_) | KeyLookup::Foreign => {}
        }
    }
}

/// Returns the error for a settings hash that is overwritten with another type.
fn not_a_hash(path: &[String], entry: &HashEntry) -> Diagnostic {
    let name = setting_name(path);
    match entry.value.as_unknown() {
        Some(unknown) => {
            Diagnostic::error(&unknown.span, format!("`{name}` cannot be evaluated: {}", unknown.reason))
        }
        None => {
            Diagnostic::error(&entry.value.span, format!("`{name}` must be a hash, not {}", entry.value.kind()))
        }
    }
    .help(format!("set each key by its name: {name}['…'] = …"))
}

fn check_entry(spec: &SettingSpec, path: &[String], entry: &HashEntry, problems: &mut Diagnostics) {
    let value = &entry.value;
    if matches!(spec.support, SettingSupport::NoEffect(_)) || matches!(value.data, RubyData::Nil) {
        return;
    }
    if let Some(unknown) = value.find_unknown() {
        if spec.support == SettingSupport::Applied {
            problems.push(unknown_value(path, &unknown));
        }
        return;
    }
    if is_vivified(value) && !matches!(spec.value_type, ValueType::Flag | ValueType::Hash | ValueType::Any) {
        let message = format!("`{}` becomes an empty hash here", setting_name(path));
        problems.push(
            Diagnostic::error(&entry.span, message)
                .help("reading a key that was never set returns an empty hash, which is truthy,")
                .help("so `||=` assigns nothing; write `=` instead"),
        );
        return;
    }
    if let Some((expected, example)) = mismatch(spec, value) {
        let message = format!("`{}` must be {expected}, not {}", setting_name(path), actual(spec, value));
        problems.push(Diagnostic::error(&value.span, message).help(format!("write {example}")));
    }
    if let (ValueType::Flag, RubyData::Text(text)) = (spec.value_type, &value.data)
        && ["false", "off", "no", "0", ""].contains(&text.as_str())
    {
        let message = format!("every string is truthy, even `{text:?}`");
        problems.push(Diagnostic::warning(&value.span, message).help("write true or false, without quotes"));
    }
}

/// Returns the error for a value that cannot be computed.
///
/// [`super::report`] finds it by its message, which starts with the setting in backticks.
fn unknown_value(path: &[String], unknown: &UnknownValue) -> Diagnostic {
    let message = format!("`{}` cannot be evaluated: {}", setting_name(path), unknown.reason);
    let error = Diagnostic::error(&unknown.span, message);
    match unknown.cause {
        UnknownCause::NotExecuted => error
            .help("Gatepost does not execute this file; write the value itself here,")
            .help(format!("or in {} in the same directory: {}", overrides::FILE_NAME, overrides::example(path)))
            .help("or use the output of `gitlab-ctl show-config` instead of this file"),
        UnknownCause::Raises => error.help("`gitlab-ctl reconfigure` fails here too; correct the expression"),
    }
}

/// Returns the expected type and how it is written; `None` if the value has this type.
fn mismatch(spec: &SettingSpec, value: &RubyValue) -> Option<(&'static str, String)> {
    let text = value
        .to_text()
        .filter(|_| matches!(value.data, RubyData::Text(_) | RubyData::Symbol(_) | RubyData::Int(_)));
    let is_text = matches!(value.data, RubyData::Text(_) | RubyData::Symbol(_));
    let (fits, expected, example) = match spec.value_type {
        ValueType::Flag | ValueType::Any => return None,
        ValueType::Text => (is_text, "a string", "it in 'quotes'"),
        ValueType::TextOrOff => {
            (is_text || value.truth() == Some(false), "a string or false", "it in 'quotes', or false")
        }
        ValueType::Number => {
            (matches!(value.data, RubyData::Int(_)), "an integer", "it without quotes, such as 31536000")
        }
        ValueType::Port => {
            let port = text.and_then(|text| text.trim().parse::<u16>().ok());
            (port.is_some_and(|port| port > 0), "a port", "a number from 1 to 65535")
        }
        ValueType::Level => {
            let level = text.and_then(|text| GzipLevel::new(text.trim().parse().ok()?));
            (level.is_some(), "a level", "a number from 1 to 9")
        }
        ValueType::Texts => {
            let fits =
                matches!(&value.data, RubyData::List(items) if items.iter().all(|item| item.as_key().is_some()));
            let shown = value.to_text().filter(|text| is_text && !text.contains('\''));
            let example = format!("it in brackets: ['{}']", shown.as_deref().unwrap_or("…"));
            return (!fits).then_some(("an array of strings", example));
        }
        ValueType::Size => {
            (text.and_then(|text| body_limit(&text)).is_some(), "a size", "'250m', or 0 for no limit")
        }
        ValueType::Duration => {
            (text.and_then(|text| duration(&text)).is_some(), "a time", "a number of seconds, or '10m'")
        }
        ValueType::Hash => (matches!(value.data, RubyData::Section(_)), "a hash", "{ 'name' => 'value' }"),
    };
    (!fits).then(|| (expected, example.to_owned()))
}

/// Returns the actual value or its type. Sizes, times and ports may be strings, so their value is shown.
fn actual(spec: &SettingSpec, value: &RubyValue) -> String {
    match (spec.value_type, &value.data) {
        (ValueType::Size | ValueType::Duration | ValueType::Port, RubyData::Text(_) | RubyData::Int(_)) => {
            format!("`{}`", value.to_text().unwrap_or_default())
        }
        _ => value.kind().to_owned(),
    }
}

/// Returns whether the value is an empty hash that a read created.
fn is_vivified(value: &RubyValue) -> bool {
    matches!(&value.data, RubyData::Section(section) if section.borrow().is_empty())
}

fn setting_name(path: &[String]) -> String {
    spelled(&path.iter().map(String::as_str).collect::<Vec<_>>())
}
