//! Mutating methods such as `<<`, `push`, `merge!` and `strip!`.
//!
//! Values are copies here: the changed value is computed and stored back into the receiver. The package treats
//! settings in the same way; the difference to Ruby is visible only if two variables refer to one object, which
//! [`super::aliasing`] tracks.

use std::rc::Rc;

use lib_ruby_parser::Node;

use super::array_methods;
use super::blocks::RubyBlock;
use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue, SectionRef};
use crate::config::span::SourceSpan;

/// Returns whether a method changes its receiver.
pub(super) fn is_mutating(name: &str) -> bool {
    MUTATING.contains(&name) || (name.ends_with('!') && name.len() > 1)
}

/// Returns whether a method sets keys of its receiver.
pub(super) fn sets_keys(name: &str) -> bool {
    ["store", "merge!", "deep_merge!"].contains(&name)
}

impl Evaluator<'_> {
    /// Calls a mutating method on the value of `receiver`; returns the result of the method.
    pub(super) fn mutate(
        &mut self,
        receiver: &Node,
        value: RubyValue,
        (name, arguments, block): (&str, Vec<RubyValue>, Option<&RubyBlock<'_>>),
        span: &SourceSpan,
    ) -> RubyValue {
        if let RubyData::Section(section) = &value.data {
            let section = Rc::clone(section);
            return self.mutate_section(receiver, &section, (name, arguments), span);
        }
        if let Some((removed, left)) = removed(&value, name, &arguments) {
            self.store(receiver, left);
            return removed;
        }
        let mutated = self.mutated(value, (name, arguments), block, span);
        self.store(receiver, mutated.clone());
        mutated
    }

    fn mutated(
        &mut self,
        value: RubyValue,
        (name, arguments): (&str, Vec<RubyValue>),
        block: Option<&RubyBlock<'_>>,
        span: &SourceSpan,
    ) -> RubyValue {
        if block.is_none()
            && let RubyData::List(items) = &value.data
            && let Some(items) = array_methods::mutated(items, name, &arguments)
        {
            return RubyValue::new(RubyData::List(items), &value.span);
        }
        let pure = match (name, &value.data) {
            ("<<", _) => "+",
            ("update" | "merge!" | "deep_merge!", _) => "merge",
            ("replace", RubyData::Text(_) | RubyData::Hash(_)) => match arguments.into_iter().next() {
                Some(new) => return new,
                None => return RubyValue::unknown("`replace` has no argument", span),
            },
            ("clear", RubyData::Text(_)) => return RubyValue::text("", span),
            ("clear", RubyData::Hash(_)) => return RubyValue::new(RubyData::Hash(RubyHash::default()), span),
            (other, _) => other.trim_end_matches('!'),
        };
        self.call(value, (pure, arguments), block, span)
    }

    fn merge_into(&mut self, section: &SectionRef, hash: &RubyHash) {
        for (key, value) in &hash.0 {
            let value = self.uncertain(value.clone());
            self.store_in_section(section, key, value, &key.span);
        }
    }

    fn mutate_section(
        &mut self,
        receiver: &Node,
        section: &SectionRef,
        (name, arguments): (&str, Vec<RubyValue>),
        span: &SourceSpan,
    ) -> RubyValue {
        match (name, &arguments[..]) {
            ("merge!" | "update" | "deep_merge!", [RubyValue { data: RubyData::Hash(hash), .. }]) => {
                self.merge_into(section, hash);
            }
            ("merge!" | "update", [RubyValue { data: RubyData::Section(other), .. }]) => {
                let hash = other.borrow().to_hash();
                self.merge_into(section, &hash);
            }
            ("store", [key, value]) => {
                let stored = self.uncertain(value.clone());
                self.store_in_section(section, key, stored, span);
                return value.clone();
            }
            ("delete", [key]) if self.uncertainty.is_some() => {
                let left = self.uncertain(RubyValue::nil(span));
                self.store_in_section(section, key, left, span);
            }
            ("delete", [key]) => {
                let removed = key.as_key().and_then(|key| section.borrow_mut().remove(key));
                return removed.unwrap_or_else(|| RubyValue::nil(span));
            }
            ("<<" | "push" | "concat" | "append" | "unshift", _) if section.borrow().is_empty() => {
                let reason = format!(
                    "reading a key that was never set returns an empty hash, which has no `{name}`; write `= [...]`"
                );
                self.store(receiver, RubyValue::raises(reason, span));
            }
            _ => {
                section.borrow_mut().tainted = Some(RubyValue::unknown(format!("`{name}` changes this hash"), span))
            }
        }
        RubyValue::new(RubyData::Section(Rc::clone(section)), span)
    }
}

/// Returns the element that a method removes and the remaining value; `None` for methods that remove none.
fn removed(value: &RubyValue, name: &str, arguments: &[RubyValue]) -> Option<(RubyValue, RubyValue)> {
    let nothing = || RubyValue::nil(&value.span);
    match &value.data {
        RubyData::Hash(hash) if name == "delete" => {
            let mut left = hash.clone();
            let removed = left.remove(arguments.first()?);
            Some((removed.unwrap_or_else(nothing), RubyValue::new(RubyData::Hash(left), &value.span)))
        }
        RubyData::Hash(hash) if name == "store" => {
            let [key, new] = arguments else { return None };
            let mut left = hash.clone();
            left.insert(key.clone(), new.clone());
            Some((new.clone(), RubyValue::new(RubyData::Hash(left), &value.span)))
        }
        RubyData::List(items) => {
            let mut left = items.clone();
            let at = match (name, arguments) {
                ("pop", []) => items.len().checked_sub(1),
                ("shift", []) => Some(0),
                ("delete_at", [RubyValue { data: RubyData::Int(at), .. }]) => usize::try_from(*at).ok(),
                ("delete", [unwanted]) if unwanted.as_unknown().is_none() => {
                    left.retain(|item| item.equals(unwanted) != Some(true));
                    let removed = if left.len() < items.len() { unwanted.clone() } else { nothing() };
                    return Some((removed, RubyValue::new(RubyData::List(left), &value.span)));
                }
                _ => return None,
            };
            let removed = at.filter(|at| *at < left.len()).map(|at| left.remove(at));
            Some((removed.unwrap_or_else(nothing), RubyValue::new(RubyData::List(left), &value.span)))
        }
        _ => None,
    }
}

const MUTATING: [&str; 17] = [
    "<<",
    "push",
    "append",
    "unshift",
    "prepend",
    "concat",
    "insert",
    "delete",
    "delete_at",
    "delete_if",
    "keep_if",
    "pop",
    "shift",
    "store",
    "update",
    "replace",
    "clear",
];
