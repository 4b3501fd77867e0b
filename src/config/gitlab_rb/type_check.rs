//! Whether values look as their settings want them. The package does not check: it fails late, or
//! writes a file that nginx refuses.

use super::assignments::Settings;
use super::lower::reader::spelled;
use super::lower::{body_limit, span};
use super::overrides;
use super::settings::{self, Fate, Form, Known, Spec};
use super::value::{Cause, Data, Entry, SectionRef, Unknown, Value};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::model::compression::Level;

/// Reports every value that cannot be used, and those that surely mean something else.
pub(super) fn check(settings: &Settings, problems: &mut Diagnostics) {
    check_section(&settings.top, problems);
}

/// Sections nest as deep as the keys of the table.
fn check_section(section: &SectionRef, problems: &mut Diagnostics) {
    let section = section.borrow();
    if let Some(blur) = &section.blurred
        && !matches!(settings::lookup(&section.path), Known::Foreign)
    {
        let message =
            format!("what this changes in `{}` cannot be told without executing it", section.path.join("."));
        problems.push(Diagnostic::error(&blur.place, message).help("set each key by its name"));
    }
    for (key, entry) in section.entries() {
        let path: Vec<String> = section.path.iter().cloned().chain([key.to_owned()]).collect();
        match settings::lookup(&path) {
            Known::Setting(spec) => check_entry(spec, &path, entry, problems),
            Known::Group => match &entry.value.data {
                Data::Section(inner) => check_section(inner, problems),
                Data::Nil => {}
                _ => problems.push(unusable(&path, entry)),
            },
            Known::OtherHost | Known::Nobody(_) | Known::Foreign => {}
        }
    }
}

/// A hash of settings that is something else altogether.
fn unusable(path: &[String], entry: &Entry) -> Diagnostic {
    let name = spell(path);
    match entry.value.as_unknown() {
        Some(unknown) => Diagnostic::error(&unknown.place, format!("`{name}` cannot be read: {}", unknown.why)),
        None => Diagnostic::error(&entry.value.place, format!("`{name}` takes a hash, not {}", entry.value.kind())),
    }
    .help(format!("set its keys one by one: {name}['…'] = …"))
}

fn check_entry(spec: &Spec, path: &[String], entry: &Entry, problems: &mut Diagnostics) {
    let value = &entry.value;
    if matches!(spec.fate, Fate::NoEffect(_)) || matches!(value.data, Data::Nil) {
        return;
    }
    if let Some(unknown) = value.find_unknown() {
        if spec.fate == Fate::Applied {
            problems.push(unreadable(path, &unknown));
        }
        return;
    }
    if is_vivified(value) && !matches!(spec.form, Form::Flag | Form::Hash | Form::Any) {
        let message = format!("`{}` becomes an empty hash here", spell(path));
        problems.push(
            Diagnostic::error(&entry.place, message)
                .help("reading a key that was never set gives an empty hash, and that counts as true")
                .help("so `||=` assigns nothing; write `=` instead"),
        );
        return;
    }
    if let Some((expected, example)) = mismatch(spec, value) {
        let message = format!("`{}` takes {expected}, {}", spell(path), instead(spec, value));
        problems.push(Diagnostic::error(&value.place, message).help(format!("write {example}")));
    }
    if let (Form::Flag, Data::Text(text)) = (spec.form, &value.data)
        && ["false", "off", "no", "0", ""].contains(&text.as_str())
    {
        let message = format!("every text counts as true, even {text:?}");
        problems.push(Diagnostic::warning(&value.place, message).help("write true or false, without quotes"));
    }
}

fn unreadable(path: &[String], unknown: &Unknown) -> Diagnostic {
    let message = format!("`{}` cannot be read: {}", spell(path), unknown.why);
    let error = Diagnostic::error(&unknown.place, message);
    match unknown.cause {
        Cause::NotExecuted => error
            .help("nothing in this file is ever executed; write the value itself here,")
            .help(format!("or in {} beside it: {}", overrides::FILE_NAME, overrides::example(path)))
            .help("or read what `gitlab-ctl show-config` prints instead of this file"),
        Cause::Raises => error.help("the package's reconfigure stops here as well"),
    }
}

/// What is expected and how it is written, if the value does not fit.
fn mismatch(spec: &Spec, value: &Value) -> Option<(&'static str, String)> {
    let text = value.to_text().filter(|_| matches!(value.data, Data::Text(_) | Data::Symbol(_) | Data::Int(_)));
    let is_text = matches!(value.data, Data::Text(_) | Data::Symbol(_));
    let (fits, expected, example) = match spec.form {
        Form::Flag | Form::Any => return None,
        Form::Text => (is_text, "a text", "it in 'quotes'"),
        Form::TextOrOff => (is_text || value.truth() == Some(false), "a text or false", "it in 'quotes', or false"),
        Form::Number => {
            (matches!(value.data, Data::Int(_)), "a whole number", "it without quotes, such as 31536000")
        }
        Form::Port => {
            let port = text.and_then(|text| text.trim().parse::<u16>().ok());
            (port.is_some_and(|port| port > 0), "a port", "a number from 1 to 65535")
        }
        Form::Level => {
            let level = text.and_then(|text| Level::new(text.trim().parse().ok()?));
            (level.is_some(), "a level", "a number from 1 to 9")
        }
        Form::Texts => {
            let fits = matches!(&value.data, Data::List(items) if items.iter().all(|item| item.as_key().is_some()));
            let shown = value.to_text().filter(|text| is_text && !text.contains('\''));
            let example = format!("it in brackets: ['{}']", shown.as_deref().unwrap_or("…"));
            return (!fits).then_some(("a list of texts", example));
        }
        Form::Size => (text.and_then(|text| body_limit(&text)).is_some(), "a size", "'250m', or 0 for no limit"),
        Form::Span => (text.and_then(|text| span(&text)).is_some(), "a time", "a number of seconds, or '10m'"),
        Form::Hash => (matches!(value.data, Data::Section(_)), "a hash", "{ 'name' => 'value' }"),
    };
    (!fits).then(|| (expected, example.to_owned()))
}

/// What there is in place of what is expected. Sizes, times and ports may be texts, if these say one.
fn instead(spec: &Spec, value: &Value) -> String {
    match (spec.form, &value.data) {
        (Form::Size | Form::Span | Form::Port, Data::Text(_) | Data::Int(_)) => {
            format!("and '{}' is none", value.to_text().unwrap_or_default())
        }
        _ => format!("not {}", value.kind()),
    }
}

fn is_vivified(value: &Value) -> bool {
    matches!(&value.data, Data::Section(section) if section.borrow().is_empty())
}

fn spell(path: &[String]) -> String {
    spelled(&path.iter().map(String::as_str).collect::<Vec<_>>())
}
