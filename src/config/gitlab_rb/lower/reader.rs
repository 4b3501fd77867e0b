//! Typed access to settings, newer spelling first.
//!
//! A value of the wrong type reads as unset, because `type_check` has reported it already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::snippet::report::DirectiveVerdict;
use super::units;
use crate::config::diagnostic::{Diagnostics, ValueError};
use crate::config::document::{Setting, Spanned};
use crate::config::gitlab_rb::assignments::AssignedSettings;
use crate::config::gitlab_rb::settings::SettingOwner;
use crate::config::gitlab_rb::value::{HashEntry, RubyData, RubyHash, RubyValue};
use crate::config::span::{SourceFile, SourceSpan};
use crate::model::setting_report::SettingVerdict;

/// Typed access to settings that records verdicts and problems.
pub(in crate::config::gitlab_rb) struct SettingsReader<'a> {
    settings: &'a AssignedSettings,
    /// Span of the whole file, for defaults.
    pub(super) file: SourceSpan,
    pub(in crate::config::gitlab_rb) problems: &'a mut Diagnostics,
    /// Verdicts that depend on more than the table of settings.
    pub(in crate::config::gitlab_rb) remarks: SettingRemarks,
    /// Verdicts for the directives of nginx text.
    pub(in crate::config::gitlab_rb) directives: Vec<DirectiveVerdict>,
}

/// Verdicts recorded while reading, with their reasons, by key. The parts of a key are joined with dots.
pub(in crate::config::gitlab_rb) type SettingRemarks = HashMap<String, (SettingVerdict, String)>;

impl<'a> SettingsReader<'a> {
    pub(in crate::config::gitlab_rb) fn new(
        settings: &'a AssignedSettings,
        source: &Arc<SourceFile>,
        problems: &'a mut Diagnostics,
    ) -> SettingsReader<'a> {
        SettingsReader {
            settings,
            file: SourceSpan::file(source),
            problems,
            remarks: SettingRemarks::new(),
            directives: Vec::new(),
        }
    }

    /// Returns the setting at a path. `nil` reads as unset, because it leaves the default.
    pub(super) fn entry(&self, path: &[&str]) -> Option<HashEntry> {
        self.settings.entry(path).filter(|entry| !matches!(entry.value.data, RubyData::Nil))
    }

    /// Returns a setting of an owner in any spelling. Records that an older spelling is overridden by a newer
    /// one.
    pub(super) fn entry_of(&mut self, owner: SettingOwner, key: &str) -> Option<HashEntry> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        let mut found = paths.filter_map(|path| self.entry(&path).map(|entry| (path, entry)));
        let (newer, entry) = found.next()?;
        let older: Vec<_> = found.map(|(path, _)| path.join(".")).collect();
        for key in older {
            self.record(key, SettingVerdict::NoEffect, format!("overridden by `{}`", spelled(&newer)));
        }
        Some(entry)
    }

    /// Returns the key of a setting of an owner in the spelling that is set, joined with dots.
    pub(super) fn spelling(&self, owner: SettingOwner, key: &str) -> Option<String> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        paths.into_iter().find(|path| self.entry(path).is_some()).map(|path| path.join("."))
    }

    /// Records the verdict of a setting.
    pub(super) fn record(&mut self, key: String, verdict: SettingVerdict, reason: impl Into<String>) {
        self.remarks.insert(key, (verdict, reason.into()));
    }

    /// Records why a setting of an owner has no effect, if it is set.
    pub(super) fn no_effect(&mut self, owner: SettingOwner, key: &str, reason: &str) {
        self.record_for(owner, key, SettingVerdict::NoEffect, reason);
    }

    /// Records the verdict of a setting of an owner, if it is set and has no verdict yet.
    pub(super) fn record_for(&mut self, owner: SettingOwner, key: &str, verdict: SettingVerdict, reason: &str) {
        for hash in owner.hashes() {
            let path = [hash, &[key][..]].concat();
            if self.entry(&path).is_some() && !self.remarks.contains_key(&path.join(".")) {
                self.record(path.join("."), verdict, reason);
            }
        }
    }

    /// Records why a setting outside the `nginx` family has no effect, if it is set.
    pub(super) fn no_effect_at(&mut self, path: &[&str], reason: &str) {
        if self.entry(path).is_some() {
            self.record(path.join("."), SettingVerdict::NoEffect, reason);
        }
    }

    /// Returns the keys that are set for an owner.
    pub(super) fn keys_of(&self, owner: SettingOwner) -> Vec<String> {
        let mut keys = Vec::new();
        for hash in owner.hashes() {
            if let Some(RubyData::Section(section)) = self.settings.entry(hash).map(|entry| entry.value.data) {
                keys.extend(section.borrow().entries().map(|(key, _)| key.to_owned()));
            }
        }
        keys
    }

    pub(super) fn flag_at(&self, path: &[&str]) -> Option<bool> {
        self.entry(path)?.value.truth()
    }

    pub(super) fn text(&self, path: &[&str]) -> Option<Spanned<String>> {
        text(self.entry(path)?)
    }

    pub(super) fn flag(&mut self, owner: SettingOwner, key: &str) -> Option<bool> {
        self.entry_of(owner, key)?.value.truth()
    }

    pub(super) fn text_of(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<String>> {
        text(self.entry_of(owner, key)?)
    }

    /// Parses the text of a setting. An error of `parse` is reported at the span of the value.
    pub(super) fn parsed<T>(
        &mut self,
        setting: Option<Spanned<String>>,
        parse: fn(&str) -> Result<T, ValueError>,
    ) -> Setting<T> {
        let Some(Spanned { value, span }) = setting else { return Setting::Unset };
        match parse(&value) {
            Ok(value) => Setting::Set(Spanned { value, span }),
            Err(error) => {
                self.problems.push(error.at(&span));
                Setting::Invalid
            }
        }
    }

    /// Returns a port, written as a number or a string.
    pub(super) fn port(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<u16>> {
        let setting = text(self.entry_of(owner, key)?)?;
        Some(Spanned { value: setting.value.trim().parse().ok()?, span: setting.span })
    }

    pub(super) fn number(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<i64>> {
        let entry = self.entry_of(owner, key)?;
        match entry.value.data {
            RubyData::Int(value) => Some(Spanned { value, span: entry.value.span }),
            _ => None,
        }
    }

    /// Returns a time in nginx notation.
    pub(super) fn duration(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<Duration>> {
        let setting = text(self.entry_of(owner, key)?)?;
        Some(Spanned { value: units::duration(&setting.value)?, span: setting.span })
    }

    /// Returns a list of strings, each with its span.
    pub(super) fn texts(&mut self, owner: SettingOwner, key: &str) -> Option<Vec<Spanned<String>>> {
        texts(self.entry_of(owner, key)?.value)
    }

    /// Returns the list of strings at a path. A single string is a list of one.
    pub(super) fn texts_at(&self, path: &[&str]) -> Option<Vec<Spanned<String>>> {
        let entry = self.entry(path)?;
        match entry.value.data {
            RubyData::List(_) => texts(entry.value),
            _ => text(entry).map(|setting| vec![setting]),
        }
    }

    pub(super) fn hash(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<RubyHash>> {
        let entry = self.entry_of(owner, key)?;
        match entry.value.data {
            RubyData::Section(section) => Some(Spanned { value: section.borrow().to_hash(), span: entry.span }),
            RubyData::Hash(value) => Some(Spanned { value, span: entry.span }),
            _ => None,
        }
    }
}

/// Formats a path as Ruby code: `gitlab_rails['nginx']['ssl_certificate']`.
pub(in crate::config::gitlab_rb) fn spelled(path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    rest.iter().fold((*first).to_owned(), |spelled, key| format!("{spelled}['{key}']"))
}

fn texts(value: RubyValue) -> Option<Vec<Spanned<String>>> {
    let RubyData::List(items) = value.data else { return None };
    let setting = |item: RubyValue| Some(Spanned { value: item.to_text()?, span: item.span });
    items.into_iter().map(setting).collect()
}

fn text(entry: HashEntry) -> Option<Spanned<String>> {
    match entry.value.data {
        RubyData::Text(_) | RubyData::Symbol(_) | RubyData::Int(_) => {
            Some(Spanned { value: entry.value.to_text()?, span: entry.value.span })
        }
        _ => None,
    }
}
