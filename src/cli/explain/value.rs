//! Keys with their values, whatever the format they are written in.

/// A key of the TOML language, and what stands behind it.
pub(super) type Entry = (&'static str, Value);

/// What can stand behind a key.
pub(super) enum Value {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
    Table(Vec<(String, Value)>),
    Tables(Vec<Vec<(String, Value)>>),
}

impl Value {
    pub(super) fn text(value: impl ToString) -> Value {
        Value::Text(value.to_string())
    }

    pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> Value {
        Value::List(values.into_iter().map(|value| value.to_string()).collect())
    }
}
