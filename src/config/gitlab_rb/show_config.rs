//! Reads the JSON output of `gitlab-ctl show-config`: settings computed by the package.
//!
//! This input serves a `gitlab.rb` that reads a vault or runs shell commands. The hashes are those of a
//! `gitlab.rb`; some are below `gitlab` or `monitoring`. Older versions write hyphens in their names.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::assignments::AssignedSettings;
use super::top_level::{self, TopLevelName};
use super::value::{RubyData, RubyHash, RubyValue};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::span::{SourceFile, SourceSpan};

/// Returns whether a text is such JSON: no Ruby file of settings begins with a brace.
pub(super) fn is_show_config(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Reads the settings of a text. Invalid JSON is an error and sets nothing.
pub(super) fn read(source: &Arc<SourceFile>, problems: &mut Diagnostics) -> AssignedSettings {
    let mut settings = AssignedSettings::new();
    let document = ShowConfigReader { source };
    match document.members(source.text()) {
        Ok(members) => document.hashes(members, &mut settings),
        Err(error) => {
            let error = Diagnostic::error(&document.error_span(&error), format!("JSON syntax error: {error}"));
            problems
                .push(error.help("save the output of `gitlab-ctl show-config`, from the first brace to the last"));
        }
    }
    settings
}

/// Reads `gitlab-ctl show-config` output with spans.
struct ShowConfigReader<'s> {
    source: &'s Arc<SourceFile>,
}

impl<'s> ShowConfigReader<'s> {
    /// Parses an object; returns its members in source order.
    fn members<'t>(&self, text: &'t str) -> serde_json::Result<Vec<(String, &'t RawValue)>> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by_key(|(_, value)| value.get().as_ptr());
        Ok(members)
    }

    /// Reads the top-level names of an object, and those of the groups in it.
    fn hashes(&self, members: Vec<(String, &RawValue)>, settings: &mut AssignedSettings) {
        let top = Rc::clone(&settings.top);
        for (name, value) in members {
            let name = name.replace('-', "_");
            match (top_level::lookup(&name), self.members(value.get())) {
                (_, Ok(inner)) if GROUPS.contains(&name.as_str()) => self.hashes(inner, settings),
                (Some(TopLevelName::Section), Ok(inner)) => self.section(&name, inner, settings),
                (Some(TopLevelName::Plain), Err(_)) => {
                    let value = self.value(value);
                    let span = value.span.clone();
                    settings.assign(&top, &name, value, &span);
                }
                _ => {}
            }
        }
    }

    fn section(&self, name: &str, members: Vec<(String, &RawValue)>, settings: &mut AssignedSettings) {
        let span = SourceSpan::file(self.source);
        let RubyData::Section(section) = settings.top.borrow_mut().read(name, &span).data else { return };
        for (key, value) in members {
            let value = self.value(value);
            let span = value.span.clone();
            settings.assign(&section, &key, value, &span);
        }
    }

    /// Converts a value. The JSON parser bounds the depth of the recursion.
    fn value(&self, raw: &RawValue) -> RubyValue {
        let text = raw.get();
        let span = self.span(text);
        let data = match text.as_bytes().first() {
            Some(b'{') => self.members(text).map(|members| RubyData::Hash(self.hash(members))),
            Some(b'[') => serde_json::from_str(text).map(|items: Vec<&RawValue>| {
                RubyData::List(items.into_iter().map(|item| self.value(item)).collect())
            }),
            _ => serde_json::from_str(text).map(scalar),
        };
        match data {
            Ok(data) => RubyValue::new(data, &span),
            Err(error) => RubyValue::unknown(format!("invalid JSON: {error}"), &span),
        }
    }

    fn hash(&self, members: Vec<(String, &RawValue)>) -> RubyHash {
        let pair =
            |(key, value): (String, &RawValue)| (RubyValue::text(key, &self.span(value.get())), self.value(value));
        RubyHash(members.into_iter().map(pair).collect())
    }

    /// Returns the span of a slice of the source text.
    fn span(&self, part: &str) -> SourceSpan {
        let at = (part.as_ptr() as usize).saturating_sub(self.source.text().as_ptr() as usize);
        SourceSpan::new(self.source, at..at + part.len())
    }

    fn error_span(&self, error: &serde_json::Error) -> SourceSpan {
        let text = self.source.text();
        let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let column = line_start + error.column().saturating_sub(1);
        let at = (0..=column.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        SourceSpan::new(self.source, at..at)
    }
}

fn scalar(value: serde_json::Value) -> RubyData {
    match value {
        serde_json::Value::Bool(flag) => RubyData::Flag(flag),
        serde_json::Value::String(text) => RubyData::Text(text),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => RubyData::Int(number),
            None => RubyData::Float(number.as_f64().unwrap_or_default()),
        },
        _ => RubyData::Nil,
    }
}

/// The keys below which the package nests settings hashes.
const GROUPS: [&str; 2] = ["gitlab", "monitoring"];
