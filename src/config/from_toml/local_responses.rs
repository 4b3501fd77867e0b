//! Reads what the proxy answers by itself: files and the pages for errors.

use http::{HeaderValue, StatusCode};

use super::readers::{self, boolean, list, number, text};
use super::section::section;
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::{FileMapping, FilesSection, RouteActionSection, Setting, Spanned, StatusSection};
use crate::config::schema;
use crate::config::values::{access, address, header};
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPageText};

/// `[status]`
pub(super) fn status(table: &mut TomlTable<'_, '_, '_>) -> StatusSection {
    let addresses = list(address::LISTEN_EXPECTED, || text(address::LISTEN_EXPECTED, address::listen));
    StatusSection {
        listen: table.get("listen", addresses),
        access: table.get("access", list(access::EXPECTED, || text(access::EXPECTED, access::rule))),
        metrics: table.get("metrics", boolean),
        upstream_metrics: table.get("upstream_metrics", text(address::UPSTREAM_EXPECTED, address::upstream)),
    }
}

/// `files` of a route.
pub(super) fn files<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<RouteActionSection> {
    let (mapping, index) = section(&schema::FILES, |table| {
        let path = || text(readers::PATH_EXPECTED, readers::path);
        let root = mapped(table.get("root", path()), |said| FileMapping::Root(said.clone()));
        let alias = mapped(table.get("alias", path()), |said| FileMapping::Alias(said.clone()));
        let index = table.get("index", text("write the name of a file in quotes", file_name));
        (table.only_one(vec![root, alias], "`root` and `alias`"), index)
    })(reader, value)?;
    let missing = || ValueError::new("this does not say where the files are").help("add `root` or `alias`");
    match mapping {
        Setting::Set(said) => Some(RouteActionSection::Files(FilesSection { mapping: said.value, index })),
        Setting::Unset => reader.accept(Err(missing()), value),
        Setting::Invalid => None,
    }
}

/// One of `error_page`.
pub(super) fn error_page<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<ErrorPage> {
    let (status, content) = section(&schema::ERROR_PAGE, |table| {
        let status = table.get("status", error_status);
        let file = table.get("file", text(readers::PATH_EXPECTED, readers::path));
        let words = ["title", "header", "message"].map(|key| table.get(key, text("write a text", owned)));
        let content_type = table.get("content_type", text("write a media type in quotes", header::value));
        let body = table.get("body", text("write the body in quotes", owned));
        let contents = vec![
            mapped(file, |file| ErrorPageSource::File(file.value.clone())),
            message(words),
            mapped(body, |body| ErrorPageSource::Text {
                content_type: content_type.value_or(HeaderValue::from_static("text/plain")),
                body: body.value.clone(),
            }),
        ];
        (status, table.only_one(contents, "`file`, `title` with `header` and `message`, and `body`"))
    })(reader, value)?;
    match (status, content) {
        (Setting::Set(status), Setting::Set(content)) => {
            Some(ErrorPage { status: status.value, content: content.value })
        }
        (Setting::Invalid, _) | (_, Setting::Invalid) => None,
        _ => reader.accept(Err(ValueError::new("this page is not complete").help(schema::ERROR_PAGE.form)), value),
    }
}

fn mapped<T, U>(setting: Setting<T>, of: impl FnOnce(&Spanned<T>) -> U) -> Setting<U> {
    match setting {
        Setting::Set(said) => Setting::Set(Spanned { value: of(&said), span: said.span }),
        Setting::Unset => Setting::Unset,
        Setting::Invalid => Setting::Invalid,
    }
}

/// The words of a page; those that are missing are empty.
fn message([title, header, message]: [Setting<String>; 3]) -> Setting<ErrorPageSource> {
    if [&title, &header, &message].iter().any(|word| word.is_invalid()) {
        return Setting::Invalid;
    }
    let Some(place) = [&title, &header, &message].iter().find_map(|word| word.span()).cloned() else {
        return Setting::Unset;
    };
    let value = ErrorPageSource::Message(ErrorPageText {
        title: title.value_or_default(),
        header: header.value_or_default(),
        message: message.value_or_default(),
    });
    Setting::Set(Spanned { value, span: place })
}

fn owned(text: &str) -> Result<String, ValueError> {
    Ok(text.to_owned())
}

/// A name without a directory.
fn file_name(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || text.starts_with('.') || text.contains('/') {
        return Err(ValueError::new(format!("`{text}` is not the name of a file")).help("write \"index.html\""));
    }
    Ok(text.to_owned())
}

fn error_status(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<StatusCode> {
    number(400..=599)(reader, value).and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok())
}
