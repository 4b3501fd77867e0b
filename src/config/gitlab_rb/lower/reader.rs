//! Reads settings by their type, the newer spelling before the older one.
//!
//! That values have the right type has been checked and reported before (`check`), so what does not fit
//! is simply not there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::snippet::report::DirectiveVerdict;
use super::units;
use crate::config::diagnostic::{Diagnostics, Mistake};
use crate::config::document::{Said, Setting};
use crate::config::gitlab_rb::assignments::Settings;
use crate::config::gitlab_rb::settings::Owner;
use crate::config::gitlab_rb::value::{Data, Entry, Hash, Value};
use crate::config::span::{Place, Source};
use crate::model::setting_report::Verdict;

/// The settings, and what was found out about them on the way.
pub(in crate::config::gitlab_rb) struct Reader<'a> {
    settings: &'a Settings,
    /// The file as a whole, for what is not in it.
    pub(super) file: Place,
    pub(in crate::config::gitlab_rb) problems: &'a mut Diagnostics,
    /// What came of single settings, where the table alone does not tell.
    pub(in crate::config::gitlab_rb) remarks: Remarks,
    /// What came of each directive of nginx text.
    pub(in crate::config::gitlab_rb) directives: Vec<DirectiveVerdict>,
}

/// Verdicts with their reasons, by the keys joined with dots.
pub(in crate::config::gitlab_rb) type Remarks = HashMap<String, (Verdict, String)>;

impl<'a> Reader<'a> {
    pub(in crate::config::gitlab_rb) fn new(
        settings: &'a Settings,
        source: &Arc<Source>,
        problems: &'a mut Diagnostics,
    ) -> Reader<'a> {
        Reader { settings, file: Place::file(source), problems, remarks: Remarks::new(), directives: Vec::new() }
    }

    /// The setting by its keys. `nil` leaves the default, so it is none.
    pub(super) fn entry(&self, path: &[&str]) -> Option<Entry> {
        self.settings.entry(path).filter(|entry| !matches!(entry.value.data, Data::Nil))
    }

    /// The setting of an owner, whichever way it is spelled. An older spelling that loses is remarked on.
    pub(super) fn of(&mut self, owner: Owner, key: &str) -> Option<Entry> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        let mut found = paths.filter_map(|path| self.entry(&path).map(|entry| (path, entry)));
        let (winner, entry) = found.next()?;
        let losers: Vec<_> = found.map(|(path, _)| path.join(".")).collect();
        for loser in losers {
            self.remark(loser, Verdict::NoEffect, format!("{} wins", spelled(&winner)));
        }
        Some(entry)
    }

    /// The keys of the setting of an owner as it is spelled, joined with dots.
    pub(super) fn spelling(&self, owner: Owner, key: &str) -> Option<String> {
        let paths = owner.hashes().iter().map(|hash| [hash, &[key][..]].concat());
        paths.into_iter().find(|path| self.entry(path).is_some()).map(|path| path.join("."))
    }

    pub(super) fn remark(&mut self, key: String, verdict: Verdict, reason: impl Into<String>) {
        self.remarks.insert(key, (verdict, reason.into()));
    }

    /// Says why a setting of an owner has no effect, if it is set.
    pub(super) fn no_effect(&mut self, owner: Owner, key: &str, reason: &str) {
        self.remark_on(owner, key, Verdict::NoEffect, reason);
    }

    /// Says what comes of a setting of an owner, if it is set and nothing has been said of it yet.
    pub(super) fn remark_on(&mut self, owner: Owner, key: &str, verdict: Verdict, reason: &str) {
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
            self.remark(path.join("."), Verdict::NoEffect, reason);
        }
    }

    /// The keys that are set for an owner.
    pub(super) fn keys_of(&self, owner: Owner) -> Vec<String> {
        let mut keys = Vec::new();
        for hash in owner.hashes() {
            if let Some(Data::Section(section)) = self.settings.entry(hash).map(|entry| entry.value.data) {
                keys.extend(section.borrow().entries().map(|(key, _)| key.to_owned()));
            }
        }
        keys
    }

    pub(super) fn flag_at(&self, path: &[&str]) -> Option<bool> {
        self.entry(path)?.value.truth()
    }

    pub(super) fn text(&self, path: &[&str]) -> Option<Said<String>> {
        text(self.entry(path)?)
    }

    pub(super) fn flag(&mut self, owner: Owner, key: &str) -> Option<bool> {
        self.of(owner, key)?.value.truth()
    }

    pub(super) fn text_of(&mut self, owner: Owner, key: &str) -> Option<Said<String>> {
        text(self.of(owner, key)?)
    }

    /// A port, as a number or a text.
    /// A text with a form of its own. What `parse` refuses is a problem at its place.
    pub(super) fn parsed<T>(
        &mut self,
        said: Option<Said<String>>,
        parse: fn(&str) -> Result<T, Mistake>,
    ) -> Setting<T> {
        let Some(Said { value, place }) = said else { return Setting::Unsaid };
        match parse(&value) {
            Ok(value) => Setting::Said(Said { value, place }),
            Err(mistake) => {
                self.problems.push(mistake.at(&place));
                Setting::Unreadable
            }
        }
    }

    pub(super) fn port(&mut self, owner: Owner, key: &str) -> Option<Said<u16>> {
        let said = text(self.of(owner, key)?)?;
        Some(Said { value: said.value.trim().parse().ok()?, place: said.place })
    }

    pub(super) fn number(&mut self, owner: Owner, key: &str) -> Option<Said<i64>> {
        let entry = self.of(owner, key)?;
        match entry.value.data {
            Data::Int(value) => Some(Said { value, place: entry.value.place }),
            _ => None,
        }
    }

    pub(super) fn span(&mut self, owner: Owner, key: &str) -> Option<Said<Duration>> {
        let said = text(self.of(owner, key)?)?;
        Some(Said { value: units::span(&said.value)?, place: said.place })
    }

    /// A list of texts, each with its own place.
    pub(super) fn texts(&mut self, owner: Owner, key: &str) -> Option<Vec<Said<String>>> {
        texts(self.of(owner, key)?.value)
    }

    /// The same for the setting at a path, which may also be one text alone.
    pub(super) fn texts_at(&self, path: &[&str]) -> Option<Vec<Said<String>>> {
        let entry = self.entry(path)?;
        match entry.value.data {
            Data::List(_) => texts(entry.value),
            _ => text(entry).map(|said| vec![said]),
        }
    }

    pub(super) fn hash(&mut self, owner: Owner, key: &str) -> Option<Said<Hash>> {
        let entry = self.of(owner, key)?;
        match entry.value.data {
            Data::Section(section) => Some(Said { value: section.borrow().to_hash(), place: entry.place }),
            Data::Hash(value) => Some(Said { value, place: entry.place }),
            _ => None,
        }
    }
}

/// `gitlab_rails['nginx']['ssl_certificate']`
pub(in crate::config::gitlab_rb) fn spelled(path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else { return String::new() };
    rest.iter().fold((*first).to_owned(), |spelled, key| format!("{spelled}['{key}']"))
}

fn texts(value: Value) -> Option<Vec<Said<String>>> {
    let Data::List(items) = value.data else { return None };
    let said = |item: Value| Some(Said { value: item.to_text()?, place: item.place });
    items.into_iter().map(said).collect()
}

fn text(entry: Entry) -> Option<Said<String>> {
    match entry.value.data {
        Data::Text(_) | Data::Symbol(_) | Data::Int(_) => {
            Some(Said { value: entry.value.to_text()?, place: entry.value.place })
        }
        _ => None,
    }
}
