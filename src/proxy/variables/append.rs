//! Appends the value of a variable to a buffer.

use std::io::Write;

use crate::model::template::VariablePresence;

/// Appends a value and returns its presence.
pub(super) fn write_value(out: &mut Vec<u8>, value: Option<impl AsRef<[u8]>>) -> VariablePresence {
    match value {
        Some(value) => {
            out.extend_from_slice(value.as_ref());
            VariablePresence::Present
        }
        None => VariablePresence::Absent,
    }
}

/// Appends a formatted value, which is always present.
pub(super) fn write(out: &mut Vec<u8>, value: impl std::fmt::Display) -> VariablePresence {
    // Writing to memory cannot fail.
    let _ = write!(out, "{value}");
    VariablePresence::Present
}

/// Appends a value that may be absent.
pub(super) fn write_option(out: &mut Vec<u8>, value: Option<impl std::fmt::Display>) -> VariablePresence {
    value.map_or(VariablePresence::Absent, |value| write(out, value))
}
