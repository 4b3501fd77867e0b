//! Methods that change what they are called on: `<<`, `push`, `merge!`, `strip!`.
//!
//! Values are copies here, so a change is computed and stored back where the value came from. That is
//! what Ruby does for settings too; only two variables for one list would tell the difference.

use std::rc::Rc;

use lib_ruby_parser::Node;

use super::{Evaluator, lists};
use crate::config::gitlab_rb::value::{Data, SectionRef, Value};
use crate::config::source::Place;

/// Whether a method changes its receiver.
pub(super) fn changes(name: &str) -> bool {
    CHANGING.contains(&name) || (name.ends_with('!') && name.len() > 1)
}

impl Evaluator<'_> {
    /// Calls such a method on the value of `receiver`; the changed value.
    pub(super) fn mutate(
        &mut self,
        receiver: &Node,
        value: Value,
        (name, arguments): (&str, Vec<Value>),
        place: &Place,
    ) -> Value {
        if let Data::Section(section) = &value.data {
            let section = Rc::clone(section);
            return self.mutate_section(receiver, &section, (name, arguments), place);
        }
        let changed = match &value.data {
            Data::Unknown(_) => value,
            Data::List(items) => match lists::changed(items, name, &arguments) {
                Some(items) => Value::new(Data::List(items), &value.place),
                None => self.operate(value, name.trim_end_matches('!'), arguments, place),
            },
            Data::Hash(hash) if name == "delete" => {
                let mut hash = hash.clone();
                arguments.iter().for_each(|key| drop(hash.remove(key)));
                Value::new(Data::Hash(hash), &value.place)
            }
            _ => {
                let pure = match name {
                    "<<" | "concat" => "+",
                    "update" => "merge",
                    "replace" => "itself",
                    other => other.trim_end_matches('!'),
                };
                self.operate(value, pure, arguments, place)
            }
        };
        self.store(receiver, changed.clone());
        changed
    }

    fn mutate_section(
        &mut self,
        receiver: &Node,
        section: &SectionRef,
        (name, arguments): (&str, Vec<Value>),
        place: &Place,
    ) -> Value {
        match (name, &arguments[..]) {
            ("merge!" | "update" | "deep_merge!", [Value { data: Data::Hash(hash), .. }]) => {
                for (key, value) in &hash.0 {
                    let value = self
                        .doubt
                        .as_ref()
                        .map_or(value.clone(), |why| Value::new(Data::Unknown(why.clone()), &value.place));
                    self.store_in_section(section, key, value, &key.place);
                }
            }
            ("delete", [key]) => {
                let removed = key.as_key().and_then(|key| section.borrow_mut().remove(key));
                return removed.unwrap_or_else(|| Value::nil(place));
            }
            ("<<" | "push" | "concat" | "append" | "unshift", _) if section.borrow().is_empty() => {
                let why = format!(
                    "reading a key that was never set gives an empty hash, which has no `{name}`; write `= [...]`"
                );
                self.store(receiver, Value::raises(why, place));
            }
            _ => section.borrow_mut().blurred = Some(Value::unknown(format!("`{name}` changes this hash"), place)),
        }
        Value::new(Data::Section(Rc::clone(section)), place)
    }
}

const CHANGING: [&str; 11] =
    ["<<", "push", "append", "unshift", "prepend", "concat", "insert", "delete", "update", "replace", "clear"];
