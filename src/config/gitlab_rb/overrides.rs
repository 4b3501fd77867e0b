//! The small TOML file beside a `gitlab.rb`: settings that only execution would tell, and the process.
//!
//! It uses the words of the `gitlab.rb`, and what it says comes last. `[process]` is that of our own language.

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

/// Reads the file beside `path`, if there is one, into the settings; what it says about the process.
pub(super) fn apply(
    path: &Path,
    settings: &mut AssignedSettings,
    surroundings: &dyn Environment,
    problems: &mut Diagnostics,
) -> ProcessSection {
    let path = path.with_file_name(FILE_NAME);
    match surroundings.read(&path) {
        Ok(text) => OverridesReader { source: &SourceFile::new(&path, text), settings, problems }.read(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => ProcessSection::default(),
        Err(why) => {
            problems.push(crate::config::diagnostic::unreadable(&path, &why));
            ProcessSection::default()
        }
    }
}

/// One reading.
struct OverridesReader<'a> {
    source: &'a Arc<SourceFile>,
    settings: &'a mut AssignedSettings,
    problems: &'a mut Diagnostics,
}

type SpannedToml<'t> = Spanned<DeValue<'t>>;

impl OverridesReader<'_> {
    fn read(mut self) -> ProcessSection {
        let source = Arc::clone(self.source);
        let Some(top) = from_toml::parse(&source, self.problems) else { return ProcessSection::default() };
        for (key, value) in top.get_ref() {
            self.word(key, value);
        }
        from_toml::process_section(&source, top.get_ref(), self.problems)
    }

    /// A word of the top.
    fn word(&mut self, key: &Spanned<impl AsRef<str>>, value: &SpannedToml<'_>) {
        let word = key.get_ref().as_ref();
        let top = Rc::clone(&self.settings.top);
        match (top_level::lookup(word), value.get_ref()) {
            _ if word == "process" => {}
            (Some(TopLevelName::Section), DeValue::Table(entries)) => self.table(&top, word, entries),
            (Some(TopLevelName::Section), _) => {
                let error = Diagnostic::error(&self.place(value), format!("`{word}` is a table here"));
                self.problems.push(error.help(format!("write its settings below [{word}]")));
            }
            (Some(TopLevelName::Plain), _) => self.setting(&top, word, value),
            (None, _) => {
                let error = Diagnostic::error(&self.place(key), format!("there is no setting `{word}`"));
                self.problems.push(match top_level::similar(word) {
                    Some(known) => error.help(format!("did you mean `{known}`?")),
                    None => error.help("this file takes the words of gitlab.rb, and [process]"),
                });
            }
        }
    }

    /// Goes on in a hash of settings.
    fn table(&mut self, within: &SectionRef, key: &str, entries: &DeTable<'_>) {
        let place = SourceSpan::file(self.source);
        let RubyData::Section(section) = within.borrow_mut().read(key, &place).data else { return };
        for (key, value) in entries {
            self.setting(&section, key.get_ref(), value);
        }
    }

    fn setting(&mut self, section: &SectionRef, key: &str, value: &SpannedToml<'_>) {
        let path = section.borrow().below(key);
        match (settings::lookup(&path), value.get_ref()) {
            (KeyLookup::Group, DeValue::Table(entries)) => self.table(section, key, entries),
            _ => {
                let place = self.place(value);
                if let Some(value) = self.value(value) {
                    self.settings.assign(section, key, value, &place);
                }
            }
        }
    }

    fn value(&mut self, said: &SpannedToml<'_>) -> Option<RubyValue> {
        let place = self.place(said);
        let data = match said.get_ref() {
            DeValue::String(text) => RubyData::Text(text.to_string()),
            DeValue::Boolean(flag) => RubyData::Flag(*flag),
            DeValue::Integer(number) => RubyData::Int(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
            DeValue::Float(number) => RubyData::Float(number.as_str().parse().ok()?),
            DeValue::Array(items) => {
                RubyData::List(items.iter().map(|item| self.value(item)).collect::<Option<_>>()?)
            }
            DeValue::Table(entries) => {
                let pairs = entries.iter().map(|(key, value)| {
                    Some((RubyValue::text(key.get_ref().to_string(), &self.place(key)), self.value(value)?))
                });
                RubyData::Hash(RubyHash(pairs.collect::<Option<_>>()?))
            }
            DeValue::Datetime(_) => {
                let error = Diagnostic::error(&place, "no setting is a date");
                self.problems.push(error.help("put it in quotes if it is a text"));
                return None;
            }
        };
        Some(RubyValue::new(data, &place))
    }

    fn place<T>(&self, at: &Spanned<T>) -> SourceSpan {
        SourceSpan::new(self.source, at.span())
    }
}

/// How a setting is written there.
pub(super) fn example(path: &[String]) -> String {
    format!("{} = …", path.join("."))
}

/// The name of the file.
pub(super) const FILE_NAME: &str = "gatepost-overrides.toml";
