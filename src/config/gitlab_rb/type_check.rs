//! Whether values look as their settings want them. The package does not check: it fails late, or
//! writes a file that nginx refuses.

use super::assignments::AssignedSettings;
use super::lower::reader::spelled;
use super::lower::{body_limit, duration};
use super::overrides;
use super::settings::{self, KeyLookup, SettingSpec, SettingSupport, ValueType};
use super::value::{HashEntry, RubyData, RubyValue, SectionRef, UnknownCause, UnknownValue};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::model::compression::GzipLevel;

/// Reports every value that cannot be used, and those that surely mean something else.
pub(super) fn check(settings: &AssignedSettings, problems: &mut Diagnostics) {
    check_section(&settings.top, problems);
}

/// Sections nest as deep as the keys of the table.
fn check_section(section: &SectionRef, problems: &mut Diagnostics) {
    let section = section.borrow();
    if let Some(blur) = &section.blurred
        && !matches!(settings::lookup(&section.path), KeyLookup::Foreign)
    {
        let message =
            format!("what this changes in `{}` cannot be told without executing it", section.path.join("."));
        problems.push(Diagnostic::error(&blur.span, message).help("set each key by its name"));
    }
    for (key, entry) in section.entries() {
        let path: Vec<String> = section.path.iter().cloned().chain([key.to_owned()]).collect();
        match settings::lookup(&path) {
            KeyLookup::Setting(spec) => check_entry(spec, &path, entry, problems),
            KeyLookup::Group => match &entry.value.data {
                RubyData::Section(inner) => check_section(inner, problems),
                RubyData::Nil => {}
                _ => problems.push(unusable(&path, entry)),
            },
            KeyLookup::OtherHost | KeyLookup::Unknown(_) | KeyLookup::Foreign => {}
        }
    }
}

/// A hash of settings that is something else altogether.
fn unusable(path: &[String], entry: &HashEntry) -> Diagnostic {
    let name = spell(path);
    match entry.value.as_unknown() {
        Some(unknown) => Diagnostic::error(&unknown.span, format!("`{name}` cannot be read: {}", unknown.why)),
        None => Diagnostic::error(&entry.value.span, format!("`{name}` takes a hash, not {}", entry.value.kind())),
    }
    .help(format!("set its keys one by one: {name}['…'] = …"))
}

fn check_entry(spec: &SettingSpec, path: &[String], entry: &HashEntry, problems: &mut Diagnostics) {
    let value = &entry.value;
    if matches!(spec.support, SettingSupport::NoEffect(_)) || matches!(value.data, RubyData::Nil) {
        return;
    }
    if let Some(unknown) = value.find_unknown() {
        if spec.support == SettingSupport::Applied {
            problems.push(unreadable(path, &unknown));
        }
        return;
    }
    if is_vivified(value) && !matches!(spec.form, ValueType::Flag | ValueType::Hash | ValueType::Any) {
        let message = format!("`{}` becomes an empty hash here", spell(path));
        problems.push(
            Diagnostic::error(&entry.span, message)
                .help("reading a key that was never set gives an empty hash, and that counts as true")
                .help("so `||=` assigns nothing; write `=` instead"),
        );
        return;
    }
    if let Some((expected, example)) = mismatch(spec, value) {
        let message = format!("`{}` takes {expected}, {}", spell(path), instead(spec, value));
        problems.push(Diagnostic::error(&value.span, message).help(format!("write {example}")));
    }
    if let (ValueType::Flag, RubyData::Text(text)) = (spec.form, &value.data)
        && ["false", "off", "no", "0", ""].contains(&text.as_str())
    {
        let message = format!("every text counts as true, even {text:?}");
        problems.push(Diagnostic::warning(&value.span, message).help("write true or false, without quotes"));
    }
}

fn unreadable(path: &[String], unknown: &UnknownValue) -> Diagnostic {
    let message = format!("`{}` cannot be read: {}", spell(path), unknown.why);
    let error = Diagnostic::error(&unknown.span, message);
    match unknown.cause {
        UnknownCause::NotExecuted => error
            .help("nothing in this file is ever executed; write the value itself here,")
            .help(format!("or in {} beside it: {}", overrides::FILE_NAME, overrides::example(path)))
            .help("or read what `gitlab-ctl show-config` prints instead of this file"),
        UnknownCause::Raises => error.help("the package's reconfigure stops here as well"),
    }
}

/// What is expected and how it is written, if the value does not fit.
fn mismatch(spec: &SettingSpec, value: &RubyValue) -> Option<(&'static str, String)> {
    let text = value
        .to_text()
        .filter(|_| matches!(value.data, RubyData::Text(_) | RubyData::Symbol(_) | RubyData::Int(_)));
    let is_text = matches!(value.data, RubyData::Text(_) | RubyData::Symbol(_));
    let (fits, expected, example) = match spec.form {
        ValueType::Flag | ValueType::Any => return None,
        ValueType::Text => (is_text, "a text", "it in 'quotes'"),
        ValueType::TextOrOff => {
            (is_text || value.truth() == Some(false), "a text or false", "it in 'quotes', or false")
        }
        ValueType::Number => {
            (matches!(value.data, RubyData::Int(_)), "a whole number", "it without quotes, such as 31536000")
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
            return (!fits).then_some(("a list of texts", example));
        }
        ValueType::Size => {
            (text.and_then(|text| body_limit(&text)).is_some(), "a size", "'250m', or 0 for no limit")
        }
        ValueType::Span => {
            (text.and_then(|text| duration(&text)).is_some(), "a time", "a number of seconds, or '10m'")
        }
        ValueType::Hash => (matches!(value.data, RubyData::Section(_)), "a hash", "{ 'name' => 'value' }"),
    };
    (!fits).then(|| (expected, example.to_owned()))
}

/// What there is in place of what is expected. Sizes, times and ports may be texts, if these say one.
fn instead(spec: &SettingSpec, value: &RubyValue) -> String {
    match (spec.form, &value.data) {
        (ValueType::Size | ValueType::Span | ValueType::Port, RubyData::Text(_) | RubyData::Int(_)) => {
            format!("and '{}' is none", value.to_text().unwrap_or_default())
        }
        _ => format!("not {}", value.kind()),
    }
}

fn is_vivified(value: &RubyValue) -> bool {
    matches!(&value.data, RubyData::Section(section) if section.borrow().is_empty())
}

fn spell(path: &[String]) -> String {
    spelled(&path.iter().map(String::as_str).collect::<Vec<_>>())
}
