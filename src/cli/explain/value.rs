//! Keys and values of `explain`, independent of the output format.

/// A key and its value.
pub(super) type KeyValue = (&'static str, OutputValue);

/// A value in any output format.
pub(super) enum OutputValue {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
    /// An inline table.
    Table(Vec<(String, OutputValue)>),
    /// A list of inline tables.
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
