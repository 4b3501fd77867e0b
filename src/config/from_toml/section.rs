//! Reads tables whose keys belong to one section of the schema.

use super::readers::{self, list};
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::schema::SectionSchema;

/// Reads a table with the keys of a section.
pub(super) fn section<'t, T>(
    section: &'static SectionSchema,
    read: impl FnOnce(&mut TomlTable<'_, '_, 't>) -> T,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let entries = readers::table(reader, value, section.form)?;
        let span = reader.span(value);
        Some(read(&mut TomlTable::open(section, span, entries, reader)))
    }
}

/// Reads an array of tables with the keys of a section. Returns `None` if an element is not a table, which is
/// reported.
pub(super) fn sections<'t, T>(
    schema: &'static SectionSchema,
    read: fn(&mut TomlTable<'_, '_, 't>) -> T,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<T>> {
    move |reader, value| {
        let read = list(schema.form, || section(schema, read))(reader, value)?;
        Some(read.into_iter().map(|element| element.value).collect())
    }
}
