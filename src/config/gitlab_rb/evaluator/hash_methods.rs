//! Methods of hashes and settings hashes.

use std::rc::Rc;

use super::array_methods;
use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue, SectionRef};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Calls a method of a settings hash. Reading a missing key sets it to an empty hash.
    pub(super) fn section_call(
        &mut self,
        section: &SectionRef,
        (name, arguments): (&str, Vec<RubyValue>),
        span: &SourceSpan,
    ) -> RubyValue {
        if let Some(taint) = &section.borrow().tainted {
            return taint.clone();
        }
        match (name, &arguments[..]) {
            ("[]", [key]) => match key.to_text() {
                Some(key) => {
                    let value = section.borrow_mut().read(&key, span);
                    RubyValue { span: span.clone(), ..value }
                }
                None => RubyValue::unknown("the key that is read here is unknown", span),
            },
            ("dig", [first, rest @ ..]) => {
                let inner = self.operate(
                    RubyValue::new(RubyData::Section(Rc::clone(section)), span),
                    "[]",
                    vec![first.clone()],
                    span,
                );
                if rest.is_empty() { inner } else { self.operate(inner, "dig", rest.to_vec(), span) }
            }
            ("store" | "[]=", [key, value]) => {
                let stored = self.uncertain(value.clone());
                self.store_in_section(section, key, stored, span);
                value.clone()
            }
            ("nil?", []) => RubyValue::new(RubyData::Flag(false), span),
            ("freeze" | "itself", []) => RubyValue::new(RubyData::Section(Rc::clone(section)), span),
            _ => {
                let hash = RubyValue::new(RubyData::Hash(section.borrow().to_hash()), span);
                let arguments = arguments.into_iter().map(as_text_key).collect();
                self.operate(hash, name, arguments, span)
            }
        }
    }
}

/// Calls a hash method; `None` if it is not supported.
pub(super) fn call(hash: &RubyHash, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    if let Some(value) = lookup(hash, name, arguments, span) {
        return Some(value);
    }
    let data = match (name, arguments) {
        ("merge", others) => {
            let mut pairs = hash.0.clone();
            for other in others {
                let RubyData::Hash(other) = &other.data else { return None };
                pairs.extend_from_slice(&other.0);
            }
            RubyData::Hash(RubyHash::from_pairs(pairs))
        }
        ("slice" | "except", keys) => {
            let named = |key: &RubyValue| keys.iter().any(|wanted| wanted.equals(key) == Some(true));
            let kept = hash.0.iter().filter(|(key, _)| named(key) == (name == "slice"));
            RubyData::Hash(RubyHash(kept.cloned().collect()))
        }
        ("invert", []) => {
            RubyData::Hash(RubyHash::from_pairs(hash.0.iter().map(|(key, value)| (value.clone(), key.clone()))))
        }
        ("keys", []) => RubyData::List(hash.0.iter().map(|(key, _)| key.clone()).collect()),
        ("values", []) => RubyData::List(hash.0.iter().map(|(_, value)| value.clone()).collect()),
        ("to_a" | "each" | "each_pair", []) => RubyData::List(pairs(hash, span)),
        ("first", _) => return array_methods::call(&pairs(hash, span), name, arguments, span),
        ("to_h" | "to_hash" | "symbolize_keys" | "stringify_keys", []) => RubyData::Hash(hash.clone()),
        ("compact", []) => {
            let kept = hash.0.iter().filter(|(_, value)| !matches!(value.data, RubyData::Nil));
            RubyData::Hash(RubyHash(kept.cloned().collect()))
        }
        ("empty?", []) => RubyData::Flag(hash.0.is_empty()),
        ("any?", []) => RubyData::Flag(!hash.0.is_empty()),
        ("length" | "size" | "count", []) => RubyData::Int(i64::try_from(hash.0.len()).ok()?),
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

/// Methods that find keys or values.
fn lookup(hash: &RubyHash, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let missing = || RubyValue::raises("the hash has no such key; Ruby raises an exception", span);
    let nothing = || RubyValue::nil(span);
    let data = match (name, arguments) {
        ("[]" | "dig", [key]) => return Some(hash.get(key).cloned().unwrap_or_else(nothing)),
        ("fetch", [key]) => return Some(hash.get(key).cloned().unwrap_or_else(missing)),
        ("fetch", [key, default]) => return Some(hash.get(key).unwrap_or(default).clone()),
        ("values_at", keys) => {
            RubyData::List(keys.iter().map(|key| hash.get(key).cloned().unwrap_or_else(nothing)).collect())
        }
        ("fetch_values", keys) => {
            RubyData::List(keys.iter().map(|key| hash.get(key).cloned().unwrap_or_else(missing)).collect())
        }
        ("key?" | "has_key?" | "include?" | "member?", [key]) => RubyData::Flag(hash.get(key).is_some()),
        ("value?" | "has_value?", [wanted]) => {
            RubyData::Flag(hash.0.iter().any(|(_, value)| value.equals(wanted) == Some(true)))
        }
        ("key", [wanted]) => {
            let found = hash.0.iter().find(|(_, value)| value.equals(wanted) == Some(true));
            return Some(found.map_or_else(nothing, |(key, _)| key.clone()));
        }
        ("dig", [key, rest @ ..]) => match &hash.get(key)?.data {
            RubyData::Hash(inner) => return call(inner, "dig", rest, span),
            RubyData::Nil => RubyData::Nil,
            _ => return None,
        },
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

fn pairs(hash: &RubyHash, span: &SourceSpan) -> Vec<RubyValue> {
    let pair = |(key, value): &(RubyValue, RubyValue)| {
        RubyValue::new(RubyData::List(vec![key.clone(), value.clone()]), span)
    };
    hash.0.iter().map(pair).collect()
}

/// Converts a symbol to a string: both are the same key of a settings hash.
fn as_text_key(value: RubyValue) -> RubyValue {
    match value.data {
        RubyData::Symbol(text) => RubyValue { data: RubyData::Text(text), ..value },
        _ => value,
    }
}
