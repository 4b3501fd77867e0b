//! Ruby's `===`, by which `case` chooses, and the classes that values have.

use crate::config::gitlab_rb::value::{Data, Value};

/// Ruby's `pattern === subject`. `None` if it is not known.
pub(super) fn matches(pattern: &Value, subject: &Value) -> Option<bool> {
    match (&pattern.data, &subject.data) {
        (_, Data::Unknown(_)) | (Data::Unknown(_), _) => None,
        (Data::Constant(class), _) => is_a(subject, class),
        (Data::Pattern(pattern), _) => Some(subject.as_key().is_some_and(|text| pattern.is_match(text))),
        (Data::Range(from, to), Data::Int(number)) => Some((from..=to).contains(&number)),
        _ => pattern.equals(subject),
    }
}

/// Whether a value is one of a class of Ruby's. `None` if the class is not known.
pub(super) fn is_a(value: &Value, class: &str) -> Option<bool> {
    let data = &value.data;
    Some(match class {
        "String" => matches!(data, Data::Text(_)),
        "Symbol" => matches!(data, Data::Symbol(_)),
        "Array" | "Enumerable" => matches!(data, Data::List(_)),
        "Hash" => matches!(data, Data::Hash(_) | Data::Section(_)),
        "Integer" => matches!(data, Data::Int(_)),
        "Float" => matches!(data, Data::Float(_)),
        "Numeric" => matches!(data, Data::Int(_) | Data::Float(_)),
        "NilClass" => matches!(data, Data::Nil),
        "TrueClass" => matches!(data, Data::Flag(true)),
        "FalseClass" => matches!(data, Data::Flag(false)),
        _ => return None,
    })
}
