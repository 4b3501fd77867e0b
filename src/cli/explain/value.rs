//! Keys with their values, whatever the format they are written in.

/// A key of the TOML language, and what stands behind it.
pub(super) type KeyValue = (&'static str, OutputValue);

/// What can stand behind a key.
pub(super) enum OutputValue {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
    Table(Vec<(String, OutputValue)>),
    Tables(Vec<Vec<(String, OutputValue)>>),
}

impl OutputValue {
    pub(super) fn text(value: impl ToString) -> OutputValue {
        OutputValue::Text(value.to_string())
    }

    pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> OutputValue {
        OutputValue::List(values.into_iter().map(|value| value.to_string()).collect())
    }
}
