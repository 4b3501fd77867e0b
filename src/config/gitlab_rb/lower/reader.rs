//! Reads settings by their type, the newer spelling before the older one.
//!
//! That values have the right type has been checked and reported before (`check`), so what does not fit
//! is simply not there.

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

/// The settings, and what was found out about them on the way.
pub(in crate::config::gitlab_rb) struct SettingsReader<'a> {
    settings: &'a AssignedSettings,
    /// The file as a whole, for what is not in it.
    pub(super) file: SourceSpan,
    pub(in crate::config::gitlab_rb) problems: &'a mut Diagnostics,
    /// What came of single settings, where the table alone does not tell.
    pub(in crate::config::gitlab_rb) remarks: SettingRemarks,
    /// What came of each directive of nginx text.
    pub(in crate::config::gitlab_rb) directives: Vec<DirectiveVerdict>,
}

/// Verdicts with their reasons, by the keys joined with dots.
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

    /// The setting by its keys. `nil` leaves the default, so it is none.
    pub(super) fn entry(&self, path: &[&str]) -> Option<HashEntry> {
        self.settings.entry(path).filter(|entry| !matches!(entry.value.data, RubyData::Nil))
    }

    /// The setting of an owner, whichever way it is spelled. An older spelling that loses is remarked on.
    pub(super) fn of(&mut self, owner: SettingOwner, key: &str) -> Option<HashEntry> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        let mut found = paths.filter_map(|path| self.entry(&path).map(|entry| (path, entry)));
        let (winner, entry) = found.next()?;
        let losers: Vec<_> = found.map(|(path, _)| path.join(".")).collect();
        for loser in losers {
            self.remark(loser, SettingVerdict::NoEffect, format!("{} wins", spelled(&winner)));
        }
        Some(entry)
    }

    /// The keys of the setting of an owner as it is spelled, joined with dots.
    pub(super) fn spelling(&self, owner: SettingOwner, key: &str) -> Option<String> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        paths.into_iter().find(|path| self.entry(path).is_some()).map(|path| path.join("."))
    }

    pub(super) fn remark(&mut self, key: String, verdict: SettingVerdict, reason: impl Into<String>) {
        self.remarks.insert(key, (verdict, reason.into()));
    }

    /// Says why a setting of an owner has no effect, if it is set.
    pub(super) fn no_effect(&mut self, owner: SettingOwner, key: &str, reason: &str) {
        self.remark_on(owner, key, SettingVerdict::NoEffect, reason);
    }

    /// Says what comes of a setting of an owner, if it is set and nothing has been said of it yet.
    pub(super) fn remark_on(&mut self, owner: SettingOwner, key: &str, verdict: SettingVerdict, reason: &str) {
        for hash in owner.hashes() {
            let path = [hash, &[key][..]].concat();
            if self.entry(&path).is_some() && !self.remarks.contains_key(&path.join(".")) {
                self.remark(path.join("."), verdict, reason);
            }
        }
    }

    /// Says why a setting beside the `nginx` family has no effect, if it is set.
    pub(super) fn no_effect_at(&mut self, path: &[&str], reason: &str) {
        if self.entry(path).is_some() {
            self.remark(path.join("."), SettingVerdict::NoEffect, reason);
        }
    }

    /// The keys that are set for an owner.
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
        self.of(owner, key)?.value.truth()
    }

    pub(super) fn text_of(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<String>> {
        text(self.of(owner, key)?)
    }

    /// A port, as a number or a text.
    /// A text with a form of its own. What `parse` refuses is a problem at its place.
    pub(super) fn parsed<T>(
        &mut self,
        said: Option<Spanned<String>>,
        parse: fn(&str) -> Result<T, ValueError>,
    ) -> Setting<T> {
        let Some(Spanned { value, span: place }) = said else { return Setting::Unset };
        match parse(&value) {
            Ok(value) => Setting::Set(Spanned { value, span: place }),
            Err(mistake) => {
                self.problems.push(mistake.at(&place));
                Setting::Invalid
            }
        }
    }

    pub(super) fn port(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<u16>> {
        let said = text(self.of(owner, key)?)?;
        Some(Spanned { value: said.value.trim().parse().ok()?, span: said.span })
    }

    pub(super) fn number(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<i64>> {
        let entry = self.of(owner, key)?;
        match entry.value.data {
            RubyData::Int(value) => Some(Spanned { value, span: entry.value.span }),
            _ => None,
        }
    }

    pub(super) fn span(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<Duration>> {
        let said = text(self.of(owner, key)?)?;
        Some(Spanned { value: units::span(&said.value)?, span: said.span })
    }

    /// A list of texts, each with its own place.
    pub(super) fn texts(&mut self, owner: SettingOwner, key: &str) -> Option<Vec<Spanned<String>>> {
        texts(self.of(owner, key)?.value)
    }

    /// The same for the setting at a path, which may also be one text alone.
    pub(super) fn texts_at(&self, path: &[&str]) -> Option<Vec<Spanned<String>>> {
        let entry = self.entry(path)?;
        match entry.value.data {
            RubyData::List(_) => texts(entry.value),
            _ => text(entry).map(|said| vec![said]),
        }
    }

    pub(super) fn hash(&mut self, owner: SettingOwner, key: &str) -> Option<Spanned<RubyHash>> {
        let entry = self.of(owner, key)?;
        match entry.value.data {
            RubyData::Section(section) => Some(Spanned { value: section.borrow().to_hash(), span: entry.span }),
            RubyData::Hash(value) => Some(Spanned { value, span: entry.span }),
            _ => None,
        }
    }
}

/// `gitlab_rails['nginx']['ssl_certificate']`
pub(in crate::config::gitlab_rb) fn spelled(path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    rest.iter().fold((*first).to_owned(), |spelled, key| format!("{spelled}['{key}']"))
}

fn texts(value: RubyValue) -> Option<Vec<Spanned<String>>> {
    let RubyData::List(items) = value.data else { return None };
    let said = |item: RubyValue| Some(Spanned { value: item.to_text()?, span: item.span });
    items.into_iter().map(said).collect()
}

fn text(entry: HashEntry) -> Option<Spanned<String>> {
    match entry.value.data {
        RubyData::Text(_) | RubyData::Symbol(_) | RubyData::Int(_) => {
            Some(Spanned { value: entry.value.to_text()?, span: entry.value.span })
        }
        _ => None,
    }
}
