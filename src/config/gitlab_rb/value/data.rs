//! Ruby values with source spans.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::mem::{Discriminant, discriminant};
use std::rc::Rc;

use regex::Regex;

use crate::config::span::Place;

/// A value and its place.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct Value {
    pub(in crate::config::gitlab_rb) data: Data,
    pub(in crate::config::gitlab_rb) place: Place,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) enum Data {
    Nil,
    Flag(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Symbol(String),
    List(Vec<Value>),
    Hash(Hash),
    Range(i64, i64),
    Pattern(Regex),
    Match(Match),
    /// Settings themselves, not a copy: what is written to it is set.
    Section(SectionRef),
    /// `ENV`, `File`, `node`, `node.cpu`: things that values can be asked of.
    Constant(String),
    Unknown(Unknown),
}

/// What a regular expression has found.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct Match {
    /// The whole, then each group; `None` if the group took no part.
    pub(in crate::config::gitlab_rb) groups: Vec<Option<String>>,
    /// The names of the groups, in the same order.
    pub(in crate::config::gitlab_rb) names: Vec<Option<String>>,
}

/// Why a value is not known.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct Unknown {
    pub(in crate::config::gitlab_rb) why: String,
    /// Where the first unknown value was, which others follow from.
    pub(in crate::config::gitlab_rb) place: Place,
    pub(in crate::config::gitlab_rb) cause: Cause,
}

/// What Ruby itself would do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::gitlab_rb) enum Cause {
    /// Go on; only reading without executing cannot follow.
    NotExecuted,
    /// Raise an exception.
    Raises,
}

/// A hash of settings that several names may stand for.
pub(in crate::config::gitlab_rb) type SectionRef = Rc<RefCell<Section>>;

/// One hash of settings, such as `nginx`.
#[derive(Debug)]
pub(in crate::config::gitlab_rb) struct Section {
    /// The keys that lead to it, from the top.
    pub(in crate::config::gitlab_rb) path: Vec<String>,
    /// In the order in which they were first set.
    pub(super) entries: Vec<(String, Entry)>,
    /// Where each key is among them.
    pub(super) positions: HashMap<String, usize>,
    /// A key that is not known was written to, so any of them may have changed.
    pub(in crate::config::gitlab_rb) blurred: Option<Value>,
}

/// A value and the place of the key it was set by.
#[derive(Debug, Clone)]
pub(in crate::config::gitlab_rb) struct Entry {
    pub(in crate::config::gitlab_rb) value: Value,
    pub(in crate::config::gitlab_rb) place: Place,
}

/// Keys with values, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(in crate::config::gitlab_rb) struct Hash(pub(in crate::config::gitlab_rb) Vec<(Value, Value)>);

impl Value {
    pub(in crate::config::gitlab_rb) fn new(data: Data, place: &Place) -> Value {
        Value { data, place: place.clone() }
    }

    pub(in crate::config::gitlab_rb) fn text(text: impl Into<String>, place: &Place) -> Value {
        Value::new(Data::Text(text.into()), place)
    }

    pub(in crate::config::gitlab_rb) fn nil(place: &Place) -> Value {
        Value::new(Data::Nil, place)
    }

    pub(in crate::config::gitlab_rb) fn unknown(why: impl Into<String>, place: &Place) -> Value {
        let unknown = Unknown { why: why.into(), place: place.clone(), cause: Cause::NotExecuted };
        Value::new(Data::Unknown(unknown), place)
    }

    /// What an expression is that Ruby refuses to compute.
    pub(in crate::config::gitlab_rb) fn raises(why: impl Into<String>, place: &Place) -> Value {
        let unknown = Unknown { why: why.into(), place: place.clone(), cause: Cause::Raises };
        Value::new(Data::Unknown(unknown), place)
    }

    pub(in crate::config::gitlab_rb) fn as_unknown(&self) -> Option<&Unknown> {
        match &self.data {
            Data::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// The first unknown in the value or anything it contains.
    pub(in crate::config::gitlab_rb) fn find_unknown(&self) -> Option<Unknown> {
        match &self.data {
            Data::Unknown(unknown) => Some(unknown.clone()),
            Data::List(items) => items.iter().find_map(Value::find_unknown),
            Data::Hash(hash) => hash.0.iter().find_map(|(key, value)| key.find_unknown().or(value.find_unknown())),
            // One level only: settings may contain themselves.
            Data::Section(section) => {
                section.borrow().entries().find_map(|(_, entry)| entry.value.as_unknown()).cloned()
            }
            _ => None,
        }
    }

    /// Whether Ruby takes it for true: all but `nil` and `false`. `None` if it is not known.
    pub(in crate::config::gitlab_rb) fn truth(&self) -> Option<bool> {
        match self.data {
            Data::Nil | Data::Flag(false) => Some(false),
            Data::Unknown(_) => None,
            _ => Some(true),
        }
    }

    /// The text of a text or symbol, which are the same as keys of settings.
    pub(in crate::config::gitlab_rb) fn as_key(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) | Data::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// What `to_s` gives, for values that have only one way to be written.
    pub(in crate::config::gitlab_rb) fn to_text(&self) -> Option<String> {
        match &self.data {
            Data::Nil => Some(String::new()),
            Data::Flag(flag) => Some(flag.to_string()),
            Data::Int(number) => Some(number.to_string()),
            Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(format!("{number:.1}")),
            // Ruby writes others with an exponent.
            Data::Float(number) if (1e-4..1e15).contains(&number.abs()) => Some(number.to_string()),
            Data::Match(found) => found.groups.first().cloned().flatten(),
            Data::Text(text) | Data::Symbol(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// Whether both are the same value to Ruby's `==`. `None` if that is not known.
    pub(in crate::config::gitlab_rb) fn equals(&self, other: &Value) -> Option<bool> {
        Some(match (&self.data, &other.data) {
            (Data::Unknown(_), _) | (_, Data::Unknown(_)) => return None,
            (Data::Nil, Data::Nil) => true,
            (Data::Flag(a), Data::Flag(b)) => a == b,
            (Data::Int(a), Data::Int(b)) => a == b,
            (Data::Float(a), Data::Float(b)) => a == b,
            (Data::Int(a), Data::Float(b)) | (Data::Float(b), Data::Int(a)) => *a as f64 == *b,
            (Data::Text(a), Data::Text(b)) | (Data::Symbol(a), Data::Symbol(b)) => a == b,
            (Data::List(a), Data::List(b)) => return lists_equal(a, b),
            (Data::Hash(a), Data::Hash(b)) => return hashes_equal(a, b),
            (Data::Section(a), Data::Section(b)) => Rc::ptr_eq(a, b),
            _ => false,
        })
    }

    /// What tells it from other keys; `None` if only a comparison does.
    fn identity(&self) -> Option<(Discriminant<Data>, String)> {
        match self.data {
            Data::Nil | Data::Flag(_) | Data::Int(_) | Data::Text(_) | Data::Symbol(_) => {
                Some((discriminant(&self.data), self.to_text()?))
            }
            _ => None,
        }
    }

    /// How much memory it takes, roughly, in bytes.
    pub(in crate::config::gitlab_rb) fn weight(&self) -> usize {
        UNIT + match &self.data {
            Data::Text(text) | Data::Symbol(text) | Data::Constant(text) => text.len(),
            Data::List(items) => items.iter().map(Value::weight).sum(),
            Data::Hash(hash) => hash.0.iter().map(|(key, value)| key.weight() + value.weight()).sum(),
            _ => 0,
        }
    }

    /// What an administrator would call it.
    pub(in crate::config::gitlab_rb) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Nil => "nil",
            Data::Flag(true) => "true",
            Data::Flag(false) => "false",
            Data::Int(_) | Data::Float(_) => "a number",
            Data::Text(_) => "a text",
            Data::Symbol(_) => "a symbol",
            Data::List(_) => "a list",
            Data::Hash(_) | Data::Section(_) => "a hash",
            Data::Range(..) => "a range",
            Data::Pattern(_) => "a regular expression",
            Data::Match(_) => "a match",
            Data::Constant(_) => "no plain value",
            Data::Unknown(_) => "not known",
        }
    }
}

impl Hash {
    /// Pairs in their order. Of equal keys the first keeps its position, and the last its value.
    pub(in crate::config::gitlab_rb) fn of(pairs: impl IntoIterator<Item = (Value, Value)>) -> Hash {
        let mut hash = Hash::default();
        let mut positions: HashMap<(Discriminant<Data>, String), usize> = HashMap::new();
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

    pub(in crate::config::gitlab_rb) fn get(&self, key: &Value) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known.equals(key) == Some(true)).map(|(_, value)| value)
    }

    /// Sets a key; one that is there keeps its position.
    pub(in crate::config::gitlab_rb) fn insert(&mut self, key: Value, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known.equals(&key) == Some(true)) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(in crate::config::gitlab_rb) fn remove(&mut self, key: &Value) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| known.equals(key) == Some(true))?;
        Some(self.0.remove(at).1)
    }
}

fn lists_equal(a: &[Value], b: &[Value]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    all_equal(a.iter().zip(b).map(|(a, b)| a.equals(b)))
}

fn hashes_equal(a: &Hash, b: &Hash) -> Option<bool> {
    if a.0.len() != b.0.len() {
        return Some(false);
    }
    all_equal(a.0.iter().map(|(key, value)| b.get(key).map_or(Some(false), |other| value.equals(other))))
}

/// One that differs decides; else one that is not known does.
fn all_equal(comparisons: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let comparisons: Vec<_> = comparisons.collect();
    match comparisons.contains(&Some(false)) {
        true => Some(false),
        false => (!comparisons.contains(&None)).then_some(true),
    }
}

/// The memory of the smallest value, in bytes.
const UNIT: usize = 128;
