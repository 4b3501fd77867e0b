//! Reads `gatepost-overrides.toml`, which overrides `gitlab.rb` settings.
//!
//! The file provides settings that only execution could compute. Its names are those of `gitlab.rb`, and its
//! settings are assigned last. `[process]` is the section of the TOML configuration.

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::assignments::AssignedSettings;
use super::environment::Environment;
use super::settings::{self, KeyLookup};
use super::top_level::{self, TopLevelName};
use super::value::{RubyData, RubyHash, RubyValue, SectionRef};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::ProcessSection;
use crate::config::from_toml;
use crate::config::span::{SourceFile, SourceSpan};

/// Reads the overrides file in the directory of `path`, if it exists, into the settings.
///
/// Returns its `[process]` section.
pub(super) fn apply(
    path: &Path,
    settings: &mut AssignedSettings,
    environment: &dyn Environment,
    problems: &mut Diagnostics,
) -> ProcessSection {
    let path = path.with_file_name(FILE_NAME);
    match environment.read(&path) {
        Ok(text) => OverridesReader { source: &SourceFile::new(&path, text), settings, problems }.read(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => ProcessSection::default(),
        Err(error) => {
            problems.push(crate::config::diagnostic::unreadable(&path, &error));
            ProcessSection::default()
        }
    }
}

/// Reads one overrides file.
struct OverridesReader<'a> {
    source: &'a Arc<SourceFile>,
    settings: &'a mut AssignedSettings,
    problems: &'a mut Diagnostics,
}

/// A TOML value with its span.
type SpannedToml<'t> = Spanned<DeValue<'t>>;

impl OverridesReader<'_> {
    fn read(mut self) -> ProcessSection {
        let source = Arc::clone(self.source);
        let Some(top) = from_toml::parse(&source, self.problems) else { return ProcessSection::default() };
        for (key, value) in top.get_ref() {
            self.top_level(key, value);
        }
        from_toml::process_section(&source, top.get_ref(), self.problems)
    }

    /// Reads a top-level key.
    fn top_level(&mut self, key: &Spanned<impl AsRef<str>>, value: &SpannedToml<'_>) {
        let name = key.get_ref().as_ref();
        let top = Rc::clone(&self.settings.top);
        match (top_level::lookup(name), value.get_ref()) {
            _ if name == "process" => {}
            (Some(TopLevelName::Section), DeValue::Table(entries)) => self.table(&top, name, entries),
            (Some(TopLevelName::Section), _) => {
                let error = Diagnostic::error(&self.span(value), format!("`{name}` must be a table"));
                self.problems.push(error.help(format!("write its settings below [{name}]")));
            }
            (Some(TopLevelName::Plain), _) => self.setting(&top, name, value),
            (None, _) => {
                let error = Diagnostic::error(&self.span(key), format!("unknown setting `{name}`"));
                self.problems.push(match top_level::similar(name) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error.help("write a setting of `gitlab.rb`, or `[process]`"),
                });
            }
        }
    }

    /// Reads the keys of a settings hash.
    fn table(&mut self, within: &SectionRef, key: &str, entries: &DeTable<'_>) {
        let span = SourceSpan::file(self.source);
        let RubyData::Section(section) = within.borrow_mut().read(key, &span).data else { return };
        for (key, value) in entries {
            self.setting(&section, key.get_ref(), value);
        }
    }

    fn setting(&mut self, section: &SectionRef, key: &str, value: &SpannedToml<'_>) {
        let path = section.borrow().below(key);
        match (settings::lookup(&path), value.get_ref()) {
            (KeyLookup::Group, DeValue::Table(entries)) => self.table(section, key, entries),
            _ => {
                let span = self.span(value);
                if let Some(value) = self.value(value) {
                    self.settings.assign(section, key, value, &span);
                }
            }
        }
    }

    fn value(&mut self, toml: &SpannedToml<'_>) -> Option<RubyValue> {
        let span = self.span(toml);
        let data = match toml.get_ref() {
            DeValue::String(text) => RubyData::Text(text.to_string()),
            DeValue::Boolean(flag) => RubyData::Flag(*flag),
            DeValue::Integer(number) => RubyData::Int(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
            DeValue::Float(number) => RubyData::Float(number.as_str().parse().ok()?),
            DeValue::Array(items) => {
                RubyData::List(items.iter().map(|item| self.value(item)).collect::<Option<_>>()?)
            }
            DeValue::Table(entries) => {
                let pairs = entries.iter().map(|(key, value)| {
                    Some((RubyValue::text(key.get_ref().to_string(), &self.span(key)), self.value(value)?))
                });
                RubyData::Hash(RubyHash(pairs.collect::<Option<_>>()?))
            }
            DeValue::Datetime(_) => {
                let error = Diagnostic::error(&span, "a date is not the value of a setting");
                self.problems.push(error.help("write a string in quotes"));
                return None;
            }
        };
        Some(RubyValue::new(data, &span))
    }

    fn span<T>(&self, at: &Spanned<T>) -> SourceSpan {
        SourceSpan::new(self.source, at.span())
    }
}

/// Returns an example of a setting in this file.
pub(super) fn example(path: &[String]) -> String {
    format!("{} = …", path.join("."))
}

/// The file name.
pub(super) const FILE_NAME: &str = "gatepost-overrides.toml";
