//! The `===` operator, by which `case` selects, and the classes of values.

use crate::config::gitlab_rb::value::{RubyData, RubyValue};

/// Returns the result of Ruby's `pattern === subject`; `None` if it is unknown.
pub(super) fn matches(pattern: &RubyValue, subject: &RubyValue) -> Option<bool> {
    match (&pattern.data, &subject.data) {
        (_, RubyData::Unknown(_)) | (RubyData::Unknown(_), _) => None,
        (RubyData::Constant(class), _) => is_a(subject, class),
        (RubyData::Pattern(pattern), _) => Some(subject.as_key().is_some_and(|text| pattern.is_match(text))),
        (RubyData::Range(from, to), RubyData::Int(number)) => Some((from..=to).contains(&number)),
        _ => pattern.equals(subject),
    }
}

/// Returns whether a value is an instance of a Ruby class; `None` if the class is unknown.
pub(super) fn is_a(value: &RubyValue, class: &str) -> Option<bool> {
    let data = &value.data;
    Some(match class {
        "String" => matches!(data, RubyData::Text(_)),
        "Symbol" => matches!(data, RubyData::Symbol(_)),
        "Array" | "Enumerable" => matches!(data, RubyData::List(_)),
        "Hash" => matches!(data, RubyData::Hash(_) | RubyData::Section(_)),
        "Integer" => matches!(data, RubyData::Int(_)),
        "Float" => matches!(data, RubyData::Float(_)),
        "Numeric" => matches!(data, RubyData::Int(_) | RubyData::Float(_)),
        "NilClass" => matches!(data, RubyData::Nil),
        "TrueClass" => matches!(data, RubyData::Flag(true)),
        "FalseClass" => matches!(data, RubyData::Flag(false)),
        _ => return None,
    })
}
