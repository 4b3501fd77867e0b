//! Methods of hashes and of settings, which are hashes that remember.

use std::rc::Rc;

use super::array_methods;
use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{Data, Hash, SectionRef, Value};
use crate::config::span::Place;

impl Evaluator<'_> {
    /// Calls a method of settings. Reading a key that is not there sets it to an empty hash.
    pub(super) fn section_call(
        &mut self,
        section: &SectionRef,
        (name, arguments): (&str, Vec<Value>),
        place: &Place,
    ) -> Value {
        if let Some(blur) = &section.borrow().blurred {
            return blur.clone();
        }
        match (name, &arguments[..]) {
            ("[]", [key]) => match key.to_text() {
                Some(key) => {
                    let value = section.borrow_mut().read(&key, place);
                    Value { place: place.clone(), ..value }
                }
                None => Value::unknown("the key to be read here is not known", place),
            },
            ("dig", [first, rest @ ..]) => {
                let inner = self.operate(
                    Value::new(Data::Section(Rc::clone(section)), place),
                    "[]",
                    vec![first.clone()],
                    place,
                );
                if rest.is_empty() { inner } else { self.operate(inner, "dig", rest.to_vec(), place) }
            }
            ("store" | "[]=", [key, value]) => {
                self.store_in_section(section, key, value.clone(), place);
                value.clone()
            }
            ("nil?", []) => Value::new(Data::Flag(false), place),
            ("freeze" | "itself", []) => Value::new(Data::Section(Rc::clone(section)), place),
            _ => {
                let hash = Value::new(Data::Hash(section.borrow().to_hash()), place);
                let arguments = arguments.into_iter().map(as_text_key).collect();
                self.operate(hash, name, arguments, place)
            }
        }
    }
}

/// Calls a method; `None` if it is not understood.
pub(super) fn call(hash: &Hash, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    if let Some(value) = lookup(hash, name, arguments, place) {
        return Some(value);
    }
    let data = match (name, arguments) {
        ("merge", others) => {
            let mut pairs = hash.0.clone();
            for other in others {
                let Data::Hash(other) = &other.data else { return None };
                pairs.extend_from_slice(&other.0);
            }
            Data::Hash(Hash::of(pairs))
        }
        ("slice" | "except", keys) => {
            let named = |key: &Value| keys.iter().any(|wanted| wanted.equals(key) == Some(true));
            let kept = hash.0.iter().filter(|(key, _)| named(key) == (name == "slice"));
            Data::Hash(Hash(kept.cloned().collect()))
        }
        ("invert", []) => Data::Hash(Hash::of(hash.0.iter().map(|(key, value)| (value.clone(), key.clone())))),
        ("keys", []) => Data::List(hash.0.iter().map(|(key, _)| key.clone()).collect()),
        ("values", []) => Data::List(hash.0.iter().map(|(_, value)| value.clone()).collect()),
        ("to_a" | "each" | "each_pair", []) => Data::List(pairs(hash, place)),
        ("first", _) => return array_methods::call(&pairs(hash, place), name, arguments, place),
        ("to_h" | "to_hash" | "symbolize_keys" | "stringify_keys", []) => Data::Hash(hash.clone()),
        ("compact", []) => {
            let kept = hash.0.iter().filter(|(_, value)| !matches!(value.data, Data::Nil));
            Data::Hash(Hash(kept.cloned().collect()))
        }
        ("empty?", []) => Data::Flag(hash.0.is_empty()),
        ("any?", []) => Data::Flag(!hash.0.is_empty()),
        ("length" | "size" | "count", []) => Data::Int(i64::try_from(hash.0.len()).ok()?),
        _ => return None,
    };
    Some(Value::new(data, place))
}

/// Methods that look for keys or values.
fn lookup(hash: &Hash, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let missing = || Value::raises("the hash has no such key, so Ruby would stop here", place);
    let nothing = || Value::nil(place);
    let data = match (name, arguments) {
        ("[]" | "dig", [key]) => return Some(hash.get(key).cloned().unwrap_or_else(nothing)),
        ("fetch", [key]) => return Some(hash.get(key).cloned().unwrap_or_else(missing)),
        ("fetch", [key, default]) => return Some(hash.get(key).unwrap_or(default).clone()),
        ("values_at", keys) => {
            Data::List(keys.iter().map(|key| hash.get(key).cloned().unwrap_or_else(nothing)).collect())
        }
        ("fetch_values", keys) => {
            Data::List(keys.iter().map(|key| hash.get(key).cloned().unwrap_or_else(missing)).collect())
        }
        ("key?" | "has_key?" | "include?" | "member?", [key]) => Data::Flag(hash.get(key).is_some()),
        ("value?" | "has_value?", [wanted]) => {
            Data::Flag(hash.0.iter().any(|(_, value)| value.equals(wanted) == Some(true)))
        }
        ("key", [wanted]) => {
            let found = hash.0.iter().find(|(_, value)| value.equals(wanted) == Some(true));
            return Some(found.map_or_else(nothing, |(key, _)| key.clone()));
        }
        ("dig", [key, rest @ ..]) => match &hash.get(key)?.data {
            Data::Hash(inner) => return call(inner, "dig", rest, place),
            Data::Nil => Data::Nil,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::new(data, place))
}

fn pairs(hash: &Hash, place: &Place) -> Vec<Value> {
    let pair = |(key, value): &(Value, Value)| Value::new(Data::List(vec![key.clone(), value.clone()]), place);
    hash.0.iter().map(pair).collect()
}

/// Symbols and texts are the same keys of settings.
fn as_text_key(value: Value) -> Value {
    match value.data {
        Data::Symbol(text) => Value { data: Data::Text(text), ..value },
        _ => value,
    }
}
