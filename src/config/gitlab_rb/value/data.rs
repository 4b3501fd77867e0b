//! The types of Ruby values, and the equality, truth and conversions of Ruby.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::mem::{Discriminant, discriminant};
use std::rc::Rc;

use regex::Regex;

use crate::config::span::SourceSpan;

/// A Ruby value with its span.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct RubyValue {
    pub(in crate::config::gitlab_rb) data: RubyData,
    pub(in crate::config::gitlab_rb) span: SourceSpan,
}

/// The data of a Ruby value.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) enum RubyData {
    Nil,
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Symbol(String),
    List(Vec<RubyValue>),
    Hash(RubyHash),
    /// A range of integers, both ends included.
    Range(i64, i64),
    Pattern(Regex),
    Match(RegexpMatch),
    /// A reference to a settings hash, not a copy: writes to it set settings.
    Section(SectionRef),
    /// The name of a built-in object whose methods return values: `ENV`, `File`, `node`, `node.cpu`.
    Constant(String),
    Unknown(UnknownValue),
}

/// A regular expression match.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct RegexpMatch {
    /// The whole match, then each group; `None` if the group did not participate.
    pub(in crate::config::gitlab_rb) groups: Vec<Option<String>>,
    /// The names of the groups, in the same order; `None` for unnamed groups.
    pub(in crate::config::gitlab_rb) names: Vec<Option<String>>,
}

/// A value that cannot be computed, with the reason.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct UnknownValue {
    /// The reason; completes the sentence "… cannot be evaluated: ".
    pub(in crate::config::gitlab_rb) reason: String,
    /// The span of the first unknown value, from which others are derived.
    pub(in crate::config::gitlab_rb) span: SourceSpan,
    pub(in crate::config::gitlab_rb) cause: UnknownCause,
}

/// Whether Ruby would continue or raise an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum UnknownCause {
    /// Ruby would continue; only evaluation without execution cannot.
    NotExecuted,
    /// Ruby would raise an exception.
    Raises,
}

/// Shared reference to a settings hash.
pub(in crate::config::gitlab_rb) type SectionRef = Rc<RefCell<SettingsHash>>;

/// A settings hash such as `nginx`.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct SettingsHash {
    /// The keys that lead to it, from the top level.
    pub(in crate::config::gitlab_rb) path: Vec<String>,
    /// In the order of their first assignment.
    pub(super) entries: Vec<(String, HashEntry)>,
    /// The index of each key in `entries`.
    pub(super) positions: HashMap<String, usize>,
    /// The unknown value of every key, after a write to an unknown key.
    pub(in crate::config::gitlab_rb) tainted: Option<RubyValue>,
}

/// A value and the span of its key.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct HashEntry {
    pub(in crate::config::gitlab_rb) value: RubyValue,
    pub(in crate::config::gitlab_rb) span: SourceSpan,
}

/// An insertion-ordered hash.
#[derive(Debug, Clone, Default)]
pub(in crate::config::gitlab_rb) struct RubyHash(pub(in crate::config::gitlab_rb) Vec<(RubyValue, RubyValue)>);

impl RubyValue {
    pub(in crate::config::gitlab_rb) fn new(data: RubyData, span: &SourceSpan) -> RubyValue {
        RubyValue { data, span: span.clone() }
    }

    pub(in crate::config::gitlab_rb) fn text(text: impl Into<String>, span: &SourceSpan) -> RubyValue {
        RubyValue::new(RubyData::Text(text.into()), span)
    }

    pub(in crate::config::gitlab_rb) fn nil(span: &SourceSpan) -> RubyValue {
        RubyValue::new(RubyData::Nil, span)
    }

    /// Creates a value that only execution could compute.
    pub(in crate::config::gitlab_rb) fn unknown(reason: impl Into<String>, span: &SourceSpan) -> RubyValue {
        let unknown = UnknownValue { reason: reason.into(), span: span.clone(), cause: UnknownCause::NotExecuted };
        RubyValue::new(RubyData::Unknown(unknown), span)
    }

    /// Creates the unknown value of an expression for which Ruby raises an exception.
    pub(in crate::config::gitlab_rb) fn raises(reason: impl Into<String>, span: &SourceSpan) -> RubyValue {
        let unknown = UnknownValue { reason: reason.into(), span: span.clone(), cause: UnknownCause::Raises };
        RubyValue::new(RubyData::Unknown(unknown), span)
    }

    pub(in crate::config::gitlab_rb) fn as_unknown(&self) -> Option<&UnknownValue> {
        match &self.data {
            RubyData::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// Returns the first unknown value in this value or its elements.
    pub(in crate::config::gitlab_rb) fn find_unknown(&self) -> Option<UnknownValue> {
        match &self.data {
            RubyData::Unknown(unknown) => Some(unknown.clone()),
            RubyData::List(items) => items.iter().find_map(RubyValue::find_unknown),
            RubyData::Hash(hash) => {
                hash.0.iter().find_map(|(key, value)| key.find_unknown().or(value.find_unknown()))
            }
            // One level only: a settings hash may contain itself.
            RubyData::Section(section) => {
                section.borrow().entries().find_map(|(_, entry)| entry.value.as_unknown()).cloned()
            }
            _ => None,
        }
    }

    /// Returns whether the value is truthy: all values except `nil` and `false`. `None` if it is unknown.
    pub(in crate::config::gitlab_rb) fn truth(&self) -> Option<bool> {
        match self.data {
            RubyData::Nil | RubyData::Flag(false) => Some(false),
            RubyData::Unknown(_) => None,
            _ => Some(true),
        }
    }

    /// Returns the text of a string or symbol, which are equivalent as keys of settings.
    pub(in crate::config::gitlab_rb) fn as_key(&self) -> Option<&str> {
        match &self.data {
            RubyData::Text(text) | RubyData::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the result of Ruby's `to_s`; `None` for values whose result depends on the Ruby version.
    pub(in crate::config::gitlab_rb) fn to_text(&self) -> Option<String> {
        match &self.data {
            RubyData::Nil => Some(String::new()),
            RubyData::Flag(flag) => Some(flag.to_string()),
            RubyData::Int(number) => Some(number.to_string()),
            RubyData::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.1}")),
            // Ruby formats other floats with an exponent.
            RubyData::Float(number) if (1e-4..1e15).contains(&number.abs()) => Some(number.to_string()),
            RubyData::Match(found) => found.groups.first().cloned().flatten(),
            RubyData::Text(text) | RubyData::Symbol(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Returns the result of Ruby's `==`; `None` if a value is unknown.
    pub(in crate::config::gitlab_rb) fn equals(&self, other: &RubyValue) -> Option<bool> {
        Some(match (&self.data, &other.data) {
            (RubyData::Unknown(_), _) | (_, RubyData::Unknown(_)) => return None,
            (RubyData::Nil, RubyData::Nil) => true,
            (RubyData::Flag(a), RubyData::Flag(b)) => a == b,
            (RubyData::Int(a), RubyData::Int(b)) => a == b,
            (RubyData::Float(a), RubyData::Float(b)) => a == b,
            (RubyData::Int(a), RubyData::Float(b)) | (RubyData::Float(b), RubyData::Int(a)) => *a as f64 == *b,
            (RubyData::Text(a), RubyData::Text(b)) | (RubyData::Symbol(a), RubyData::Symbol(b)) => a == b,
            (RubyData::List(a), RubyData::List(b)) => return lists_equal(a, b),
            (RubyData::Hash(a), RubyData::Hash(b)) => return hashes_equal(a, b),
            (RubyData::Section(a), RubyData::Section(b)) => Rc::ptr_eq(a, b),
            _ => false,
        })
    }

    /// Returns a hashable identity for use as a key; `None` for types that are compared with `equals`.
    fn identity(&self) -> Option<(Discriminant<RubyData>, String)> {
        match self.data {
            RubyData::Nil | RubyData::Flag(_) | RubyData::Int(_) | RubyData::Text(_) | RubyData::Symbol(_) => {
                Some((discriminant(&self.data), self.to_text()?))
            }
            _ => None,
        }
    }

    /// Returns the approximate memory of the value, in bytes.
    pub(in crate::config::gitlab_rb) fn memory_size(&self) -> usize {
        VALUE_SIZE
            + match &self.data {
                RubyData::Text(text) | RubyData::Symbol(text) | RubyData::Constant(text) => text.len(),
                RubyData::List(items) => items.iter().map(RubyValue::memory_size).sum(),
                RubyData::Hash(hash) => {
                    hash.0.iter().map(|(key, value)| key.memory_size() + value.memory_size()).sum()
                }
                _ => 0,
            }
    }

    /// Returns the type of the value, with an article, for messages.
    pub(in crate::config::gitlab_rb) fn kind(&self) -> &'static str {
        match &self.data {
            RubyData::Nil => "nil",
            RubyData::Flag(true) => "true",
            RubyData::Flag(false) => "false",
            RubyData::Int(_) | RubyData::Float(_) => "a number",
            RubyData::Text(_) => "a string",
            RubyData::Symbol(_) => "a symbol",
            RubyData::List(_) => "an array",
            RubyData::Hash(_) | RubyData::Section(_) => "a hash",
            RubyData::Range(..) => "a range",
            RubyData::Pattern(_) => "a regular expression",
            RubyData::Match(_) => "a match",
            RubyData::Constant(_) => "a constant",
            RubyData::Unknown(_) => "an unknown value",
        }
    }
}

impl RubyHash {
    /// Creates a hash from pairs. Of equal keys the first determines the position, the last the value.
    pub(in crate::config::gitlab_rb) fn from_pairs(
        pairs: impl IntoIterator<Item = (RubyValue, RubyValue)>,
    ) -> RubyHash {
        let mut hash = RubyHash::default();
        let mut positions: HashMap<(Discriminant<RubyData>, String), usize> = HashMap::new();
        for (key, value) in pairs {
            let Some(identity) = key.identity() else {
                hash.insert(key, value);
                continue;
            };
            match positions.entry(identity) {
                MapEntry::Occupied(at) => hash.0[*at.get()].1 = value,
                MapEntry::Vacant(free) => {
                    free.insert(hash.0.len());
                    hash.0.push((key, value));
                }
            }
        }
        hash
    }

    pub(in crate::config::gitlab_rb) fn get(&self, key: &RubyValue) -> Option<&RubyValue> {
        self.0.iter().find(|(known, _)| known.equals(key) == Some(true)).map(|(_, value)| value)
    }

    /// Sets a key; an existing key keeps its position.
    pub(in crate::config::gitlab_rb) fn insert(&mut self, key: RubyValue, value: RubyValue) {
        match self.0.iter_mut().find(|(known, _)| known.equals(&key) == Some(true)) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(in crate::config::gitlab_rb) fn remove(&mut self, key: &RubyValue) -> Option<RubyValue> {
        let at = self.0.iter().position(|(known, _)| known.equals(key) == Some(true))?;
        Some(self.0.remove(at).1)
    }
}

fn lists_equal(a: &[RubyValue], b: &[RubyValue]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    all_equal(a.iter().zip(b).map(|(a, b)| a.equals(b)))
}

fn hashes_equal(a: &RubyHash, b: &RubyHash) -> Option<bool> {
    if a.0.len() != b.0.len() {
        return Some(false);
    }
    all_equal(a.0.iter().map(|(key, value)| b.get(key).map_or(Some(false), |other| value.equals(other))))
}

/// Returns `Some(false)` if one comparison is false, otherwise `None` if one is unknown.
fn all_equal(comparisons: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let comparisons: Vec<_> = comparisons.collect();
    match comparisons.contains(&Some(false)) {
        true => Some(false),
        false => (!comparisons.contains(&None)).then_some(true),
    }
}

/// Memory of a value without its contents, in bytes.
const VALUE_SIZE: usize = 128;
