//! Reads `[status]`, `files` and `error_page`.

use http::{HeaderValue, StatusCode};

use super::readers::{self, boolean, list, number, text};
use super::section::section;
use super::table::{TomlReader, TomlTable, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::{FileMapping, FilesSection, RouteActionSection, Setting, Spanned, StatusSection};
use crate::config::schema;
use crate::config::values::{access, address, header};
use crate::model::error_page::{ErrorPage, ErrorPageSource, ErrorPageText};

/// Reads `[status]`.
pub(super) fn status(table: &mut TomlTable<'_, '_, '_>) -> StatusSection {
    let addresses = list(address::LISTEN_EXPECTED, || text(address::LISTEN_EXPECTED, address::listen));
    StatusSection {
        listen: table.get("listen", addresses),
        access: table.get("access", list(access::EXPECTED, || text(access::EXPECTED, access::rule))),
        metrics: table.get("metrics", boolean),
        upstream_metrics: table.get("upstream_metrics", text(address::UPSTREAM_EXPECTED, address::upstream)),
    }
}

/// Reads `files` of a route.
pub(super) fn files<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<RouteActionSection> {
    let (mapping, index) = section(&schema::FILES, |table| {
        let path = || text(readers::PATH_EXPECTED, readers::path);
        let root = map_setting(table.get("root", path()), |setting| FileMapping::Root(setting.clone()));
        let alias = map_setting(table.get("alias", path()), |setting| FileMapping::Alias(setting.clone()));
        let index = table.get("index", text("write the name of a file in quotes", file_name));
        (table.only_one(vec![root, alias], "`root` and `alias`"), index)
    })(reader, value)?;
    let missing = || ValueError::new("`files` has neither `root` nor `alias`").help("add `root` or `alias`");
    match mapping {
        Setting::Set(setting) => Some(RouteActionSection::Files(FilesSection { mapping: setting.value, index })),
        Setting::Unset => reader.accept(Err(missing()), value),
        Setting::Invalid => None,
    }
}

/// Reads one element of `error_page`.
pub(super) fn error_page<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<ErrorPage> {
    let (status, content) = section(&schema::ERROR_PAGE, |table| {
        let status = table.get("status", error_status);
        let file = table.get("file", text(readers::PATH_EXPECTED, readers::path));
        let texts = ["title", "header", "message"].map(|key| table.get(key, text("write a text in quotes", owned)));
        let content_type = table.get("content_type", text("write a media type in quotes", header::value));
        let body = table.get("body", text("write the body in quotes", owned));
        let contents = vec![
            map_setting(file, |file| ErrorPageSource::File(file.value.clone())),
            message(texts),
            map_setting(body, |body| ErrorPageSource::Text {
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
        _ => reader.accept(
            Err(ValueError::new("`error_page` requires a status and a content").help(schema::ERROR_PAGE.form)),
            value,
        ),
    }
}

fn map_setting<T, U>(setting: Setting<T>, of: impl FnOnce(&Spanned<T>) -> U) -> Setting<U> {
    match setting {
        Setting::Set(setting) => Setting::Set(Spanned { value: of(&setting), span: setting.span }),
        Setting::Unset => Setting::Unset,
        Setting::Invalid => Setting::Invalid,
    }
}

/// Combines the texts of a generated page; a missing text is empty.
fn message([title, header, message]: [Setting<String>; 3]) -> Setting<ErrorPageSource> {
    if [&title, &header, &message].iter().any(|text| text.is_invalid()) {
        return Setting::Invalid;
    }
    let Some(span) = [&title, &header, &message].iter().find_map(|text| text.span()).cloned() else {
        return Setting::Unset;
    };
    let value = ErrorPageSource::Message(ErrorPageText {
        title: title.value_or_default(),
        header: header.value_or_default(),
        message: message.value_or_default(),
    });
    Setting::Set(Spanned { value, span })
}

fn owned(text: &str) -> Result<String, ValueError> {
    Ok(text.to_owned())
}

/// Parses a file name without a directory.
fn file_name(text: &str) -> Result<String, ValueError> {
    if text.is_empty() || text.starts_with('.') || text.contains('/') {
        return Err(
            ValueError::new(format!("`{text}` is not a file name")).help("write a name such as \"index.html\"")
        );
    }
    Ok(text.to_owned())
}

fn error_status(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<StatusCode> {
    number(400..=599)(reader, value).and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok())
}
