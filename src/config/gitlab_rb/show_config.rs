//! The JSON that `gitlab-ctl show-config` prints: settings as the package itself has computed them.
//!
//! It is the way for those whose `gitlab.rb` asks a vault or a shell. The hashes are those of a `gitlab.rb`,
//! some of them below `gitlab` or `monitoring`, and older versions write hyphens in their names.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::assignments::AssignedSettings;
use super::top_level::{self, TopLevelName};
use super::value::{RubyData, RubyHash, RubyValue};
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::span::{SourceFile, SourceSpan};

/// Whether a text is such JSON. No Ruby file of settings begins with a brace.
pub(super) fn is_show_config(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// The settings of a text. What is not JSON sets nothing.
pub(super) fn read(source: &Arc<SourceFile>, problems: &mut Diagnostics) -> AssignedSettings {
    let mut settings = AssignedSettings::new();
    let document = ShowConfigReader { source };
    match document.members(source.text()) {
        Ok(members) => document.hashes(members, &mut settings),
        Err(why) => {
            let error = Diagnostic::error(&document.error_span(&why), format!("this is not JSON: {why}"));
            problems
                .push(error.help("save what `gitlab-ctl show-config` prints, from the first brace to the last"));
        }
    }
    settings
}

/// One text, whose values know their places.
struct ShowConfigReader<'s> {
    source: &'s Arc<SourceFile>,
}

impl<'s> ShowConfigReader<'s> {
    /// The members of an object in the order in which they are written.
    fn members<'t>(&self, text: &'t str) -> serde_json::Result<Vec<(String, &'t RawValue)>> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by_key(|(_, value)| value.get().as_ptr());
        Ok(members)
    }

    /// Takes hashes and words of the top, and looks for more of them in the groups of the package.
    fn hashes(&self, members: Vec<(String, &RawValue)>, settings: &mut AssignedSettings) {
        let top = Rc::clone(&settings.top);
        for (name, value) in members {
            let word = name.replace('-', "_");
            match (top_level::lookup(&word), self.members(value.get())) {
                (_, Ok(inner)) if GROUPS.contains(&word.as_str()) => self.hashes(inner, settings),
                (Some(TopLevelName::Section), Ok(inner)) => self.section(&word, inner, settings),
                (Some(TopLevelName::Plain), Err(_)) => {
                    let value = self.value(value);
                    let span = value.span.clone();
                    settings.assign(&top, &word, value, &span);
                }
                _ => {}
            }
        }
    }

    fn section(&self, word: &str, members: Vec<(String, &RawValue)>, settings: &mut AssignedSettings) {
        let span = SourceSpan::file(self.source);
        let RubyData::Section(section) = settings.top.borrow_mut().read(word, &span).data else { return };
        for (key, value) in members {
            let value = self.value(value);
            let span = value.span.clone();
            settings.assign(&section, &key, value, &span);
        }
    }

    /// A value; its depth is bounded by the parser's.
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
            Err(why) => RubyValue::unknown(format!("this JSON cannot be read: {why}"), &span),
        }
    }

    fn hash(&self, members: Vec<(String, &RawValue)>) -> RubyHash {
        let pair =
            |(key, value): (String, &RawValue)| (RubyValue::text(key, &self.span(value.get())), self.value(value));
        RubyHash(members.into_iter().map(pair).collect())
    }

    /// The place of a part of the text.
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

/// What the package keeps other hashes in.
const GROUPS: [&str; 2] = ["gitlab", "monitoring"];
