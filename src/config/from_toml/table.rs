//! Takes values out of TOML tables and tells what is wrong with them.

use std::sync::Arc;

use toml::Spanned as TomlSpanned;
use toml::de::{DeTable, DeValue};

use crate::config::diagnostic::{Diagnostic, Diagnostics, ValueError};
use crate::config::document::{Setting, Spanned};
use crate::config::schema::{SectionSchema, places_of, renamed};
use crate::config::span::{SourceFile, SourceSpan};

/// A TOML value with its place.
pub(super) type TomlValue<'t> = TomlSpanned<DeValue<'t>>;

/// One reading of one text; collects what is wrong.
pub(super) struct TomlReader<'p> {
    pub(super) source: &'p Arc<SourceFile>,
    pub(super) problems: &'p mut Diagnostics,
}

/// A table whose keys are those of a section.
pub(super) struct TomlTable<'r, 'p, 't> {
    /// Where the table begins.
    pub(super) span: SourceSpan,
    reader: &'r mut TomlReader<'p>,
    entries: &'t DeTable<'t>,
    /// Keys that are written, but wrongly. Nobody is told that they are missing.
    misspelt: Vec<&'static str>,
}

impl TomlReader<'_> {
    pub(super) fn span<T>(&self, at: &TomlSpanned<T>) -> SourceSpan {
        SourceSpan::new(self.source, at.span())
    }

    /// Gives the value on, or reports the mistake at its place.
    pub(super) fn accept<T>(&mut self, read: Result<T, ValueError>, at: &TomlValue<'_>) -> Option<T> {
        let place = self.span(at);
        read.map_err(|mistake| self.problems.push(mistake.at(&place))).ok()
    }
}

impl<'r, 'p, 't> TomlTable<'r, 'p, 't> {
    /// Opens a table and reports every key that the section does not have.
    pub(super) fn open(
        section: &SectionSchema,
        span: SourceSpan,
        entries: &'t DeTable<'t>,
        reader: &'r mut TomlReader<'p>,
    ) -> TomlTable<'r, 'p, 't> {
        let mut misspelt = Vec::new();
        for key in entries.keys().filter(|key| !section.has(key.get_ref())) {
            let meant = section.nearest_key(key.get_ref());
            let error = unknown_key(&reader.span(key), key.get_ref(), meant);
            reader.problems.push(error);
            misspelt.extend(meant);
        }
        TomlTable { span, reader, entries, misspelt }
    }

    /// The value of a key, if it is written; `read` reports what it cannot accept.
    pub(super) fn get<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut TomlReader<'p>, &'t TomlValue<'t>) -> Option<T>,
    ) -> Setting<T> {
        let Some(value) = self.entries.get(key) else {
            return if self.misspelt.contains(&key) { Setting::Invalid } else { Setting::Unset };
        };
        match read(self.reader, value) {
            Some(read) => Setting::Set(Spanned { value: read, span: self.reader.span(value) }),
            None => Setting::Invalid,
        }
    }

    /// The one of several settings that is written. Two of them contradict each other.
    pub(super) fn only_one<T>(&mut self, settings: Vec<Setting<T>>, names: &str) -> Setting<T> {
        let mut written = settings.into_iter().filter(|setting| !setting.is_unset());
        let Some(first) = written.next() else { return Setting::Unset };
        let Some(second) = written.next() else { return first };
        if let Some(place) = second.span().or(first.span()) {
            let message = format!("only one of {names} can stand here");
            self.reader.problems.push(Diagnostic::error(place, message).help("remove the others"));
        }
        Setting::Invalid
    }
}

fn unknown_key(place: &SourceSpan, key: &str, meant: Option<&str>) -> Diagnostic {
    if let Some(new) = renamed(key) {
        let help = match new {
            "prefer_server_ciphers" => "write `prefer_server_ciphers = true` or `false`".to_owned(),
            new => format!("write `{new}`"),
        };
        return Diagnostic::error(place, format!("the key `{key}` is now called `{new}`")).help(help);
    }
    if let Some(meant) = meant {
        return Diagnostic::error(place, format!("unknown key `{key}`")).help(format!("did you mean `{meant}`?"));
    }
    let places: Vec<_> = places_of(key).collect();
    if places.is_empty() {
        return Diagnostic::error(place, format!("unknown key `{key}`"))
            .help("remove it; docs/configuration.md lists all keys");
    }
    Diagnostic::error(place, format!("`{key}` cannot stand here"))
        .help(format!("it belongs {}", places.join(" or ")))
}
