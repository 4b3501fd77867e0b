//! Reads tables whose keys belong to one section of the schema.

use super::readers::{self, list};
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::schema::SectionSchema;

/// A table with the keys of a section.
pub(super) fn section<'t, T>(
    section: &'static SectionSchema,
    read: impl FnOnce(&mut TomlTable<'_, '_, 't>) -> T,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let entries = readers::table(reader, value, section.form)?;
        let place = reader.span(value);
        Some(read(&mut TomlTable::open(section, place, entries, reader)))
    }
}

/// A list of tables with the keys of a section; those that are no tables are reported and left out.
pub(super) fn sections<'t, T>(
    of: &'static SectionSchema,
    read: fn(&mut TomlTable<'_, '_, 't>) -> T,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<T>> {
    move |reader, value| {
        let read = list(of.form, || section(of, read))(reader, value)?;
        Some(read.into_iter().map(|said| said.value).collect())
    }
}
