//! Settings hashes with the auto-vivification of the GitLab package.
//!
//! As in the package, reading a missing key creates an empty hash, symbols and strings are the same keys, and
//! stored values are copies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::data::{HashEntry, RubyData, RubyHash, RubyValue, SectionRef, SettingsHash};
use crate::config::span::SourceSpan;

impl SettingsHash {
    /// Creates an empty settings hash with the keys that lead to it.
    pub(in crate::config::gitlab_rb) fn new(path: Vec<String>) -> SectionRef {
        Rc::new(RefCell::new(SettingsHash { path, entries: Vec::new(), positions: HashMap::new(), tainted: None }))
    }

    pub(in crate::config::gitlab_rb) fn get(&self, key: &str) -> Option<&HashEntry> {
        self.positions.get(key).map(|at| &self.entries[*at].1)
    }

    pub(in crate::config::gitlab_rb) fn entries(&self) -> impl Iterator<Item = (&str, &HashEntry)> {
        self.entries.iter().map(|(key, entry)| (&**key, entry))
    }

    pub(in crate::config::gitlab_rb) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(in crate::config::gitlab_rb) fn clear(&mut self) {
        self.entries.clear();
        self.positions.clear();
    }

    /// Removes a key and returns its value; `None` if it is not set.
    pub(in crate::config::gitlab_rb) fn remove(&mut self, key: &str) -> Option<RubyValue> {
        let removed = self.entries.remove(self.positions.remove(key)?).1.value;
        let keys = self.entries.iter().enumerate();
        self.positions = keys.map(|(at, (key, _))| (key.clone(), at)).collect();
        Some(removed)
    }

    /// Returns the value of a key; a missing key becomes an empty hash, as in the package.
    pub(in crate::config::gitlab_rb) fn read(&mut self, key: &str, span: &SourceSpan) -> RubyValue {
        if let Some(taint) = &self.tainted {
            return taint.clone();
        }
        if let Some(entry) = self.get(key) {
            return entry.value.clone();
        }
        let value = RubyValue::new(RubyData::Section(SettingsHash::new(self.below(key))), span);
        self.put(key, value.clone(), span);
        value
    }

    /// Sets a key. A hash becomes a nested settings hash.
    pub(in crate::config::gitlab_rb) fn set(&mut self, key: &str, value: RubyValue, span: &SourceSpan) {
        let value = match value.data {
            RubyData::Hash(hash) => RubyValue::new(RubyData::Section(nested(&hash, self.below(key))), &value.span),
            _ => value,
        };
        self.put(key, value, span);
    }

    /// Returns a copy of the settings as a plain hash.
    pub(in crate::config::gitlab_rb) fn to_hash(&self) -> RubyHash {
        let pair = |(key, entry): &(String, HashEntry)| (RubyValue::text(key, &entry.span), entry.value.clone());
        RubyHash(self.entries.iter().map(pair).collect())
    }

    /// Returns the path of a key of this hash.
    pub(in crate::config::gitlab_rb) fn below(&self, key: &str) -> Vec<String> {
        self.path.iter().cloned().chain([key.to_owned()]).collect()
    }

    fn put(&mut self, key: &str, value: RubyValue, span: &SourceSpan) {
        let entry = HashEntry { value, span: span.clone() };
        match self.positions.get(key) {
            Some(at) => self.entries[*at].1 = entry,
            None => {
                self.positions.insert(key.to_owned(), self.entries.len());
                self.entries.push((key.to_owned(), entry));
            }
        }
    }
}

/// Converts a plain hash to a settings hash. Keys that are not strings match no setting; they become strings.
fn nested(hash: &RubyHash, path: Vec<String>) -> SectionRef {
    let section = SettingsHash::new(path);
    for (key, value) in &hash.0 {
        let name = key.to_text().unwrap_or_default();
        section.borrow_mut().set(&name, value.clone(), &key.span);
    }
    section
}
