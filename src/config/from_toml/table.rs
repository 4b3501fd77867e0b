//! Typed access to TOML tables with diagnostics for unknown keys.

use std::sync::Arc;

use toml::Spanned as TomlSpanned;
use toml::de::{DeTable, DeValue};

use crate::config::diagnostic::{Diagnostic, Diagnostics, ValueError};
use crate::config::document::{Setting, Spanned};
use crate::config::schema::{SectionSchema, locations_of, renamed};
use crate::config::span::{SourceFile, SourceSpan};

/// A TOML value with its span.
pub(super) type TomlValue<'t> = TomlSpanned<DeValue<'t>>;

/// Reads one TOML text and collects diagnostics.
pub(super) struct TomlReader<'p> {
    pub(super) source: &'p Arc<SourceFile>,
    pub(super) problems: &'p mut Diagnostics,
}

/// A TOML table whose keys are checked against a section of the schema.
pub(super) struct TomlTable<'r, 'p, 't> {
    /// Span of the table header.
    pub(super) span: SourceSpan,
    reader: &'r mut TomlReader<'p>,
    entries: &'t DeTable<'t>,
    /// Keys that are present with a misspelt or former name. They are not reported as missing.
    misspelt: Vec<&'static str>,
}

impl TomlReader<'_> {
    /// Returns the source span of a value or key.
    pub(super) fn span<T>(&self, at: &TomlSpanned<T>) -> SourceSpan {
        SourceSpan::new(self.source, at.span())
    }

    /// Returns the source text of a value.
    pub(super) fn written(&self, at: &TomlValue<'_>) -> &str {
        self.source.text().get(at.span()).unwrap_or_default()
    }

    /// Returns the value, or reports the error at the span of the source value.
    pub(super) fn accept<T>(&mut self, read: Result<T, ValueError>, at: &TomlValue<'_>) -> Option<T> {
        let span = self.span(at);
        read.map_err(|error| self.problems.push(error.at(&span))).ok()
    }
}

impl<'r, 'p, 't> TomlTable<'r, 'p, 't> {
    /// Opens a table and reports every key that the section does not accept.
    pub(super) fn open(
        section: &SectionSchema,
        span: SourceSpan,
        entries: &'t DeTable<'t>,
        reader: &'r mut TomlReader<'p>,
    ) -> TomlTable<'r, 'p, 't> {
        let mut misspelt = Vec::new();
        for key in entries.keys().filter(|key| !section.has(key.get_ref())) {
            let suggestion = section.nearest_key(key.get_ref());
            let error = unknown_key(&reader.span(key), key.get_ref(), suggestion);
            reader.problems.push(error);
            misspelt.extend(suggestion);
        }
        TomlTable { span, reader, entries, misspelt }
    }

    /// Reads the value of a key. `read` reports an invalid value and then returns `None`.
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

    /// Returns the only setting that is present; reports an error if there are several. `names` lists the keys in
    /// the message.
    pub(super) fn only_one<T>(&mut self, settings: Vec<Setting<T>>, names: &str) -> Setting<T> {
        let mut written = settings.into_iter().filter(|setting| !setting.is_unset());
        let Some(first) = written.next() else { return Setting::Unset };
        let Some(second) = written.next() else { return first };
        if let Some(span) = second.span().or(first.span()) {
            let message = format!("only one of {names} is allowed");
            self.reader.problems.push(Diagnostic::error(span, message).help("remove the others"));
        }
        Setting::Invalid
    }
}

fn unknown_key(span: &SourceSpan, key: &str, suggestion: Option<&str>) -> Diagnostic {
    if let Some(new) = renamed(key) {
        let help = match new {
            "prefer_server_ciphers" => "write `prefer_server_ciphers = true` or `false`".to_owned(),
            new => format!("write `{new}`"),
        };
        return Diagnostic::error(span, format!("key `{key}` was renamed to `{new}`")).help(help);
    }
    if let Some(suggestion) = suggestion {
        return Diagnostic::error(span, format!("unknown key `{key}`"))
            .help(format!("did you mean `{suggestion}`?"));
    }
    let locations: Vec<_> = locations_of(key).collect();
    if locations.is_empty() {
        return Diagnostic::error(span, format!("unknown key `{key}`"))
            .help("remove it; docs/configuration.md lists all keys");
    }
    Diagnostic::error(span, format!("key `{key}` is not allowed here"))
        .help(format!("it belongs {}", locations.join(" or ")))
}
