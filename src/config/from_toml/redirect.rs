//! Reads `redirect_to`.

use http::StatusCode;
use toml::de::DeValue;

use super::readers::{number, text};
use super::section::section;
use super::table::{TomlReader, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::{RedirectSection, RouteActionSection, Setting};
use crate::config::schema;
use crate::config::values::address;
use crate::model::route::RedirectTarget;

/// Reads `redirect_to`: an origin as a string, or a table with origin, path and status.
pub(super) fn redirect<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<RouteActionSection> {
    let section = match value.get_ref() {
        DeValue::Table(_) => redirect_table(reader, value)?,
        _ => RedirectSection {
            status: StatusCode::MOVED_PERMANENTLY,
            origin: text(address::ORIGIN_EXPECTED, address::origin)(reader, value)?,
            path: RedirectTarget::Unchanged,
        },
    };
    Some(RouteActionSection::RedirectTo(section))
}

fn redirect_table<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<RedirectSection> {
    let (origin, path, status) = section(&schema::REDIRECT, |table| {
        let origin = table.get("origin", text(address::ORIGIN_EXPECTED, address::origin));
        let fixed = table.get("path", text(PATH_EXPECTED, |text| path(text).map(RedirectTarget::Fixed)));
        let replaced =
            table.get("replace_with", text(PATH_EXPECTED, |text| path(text).map(RedirectTarget::ReplacePrefix)));
        let status = table.get("status", status);
        (origin, table.only_one(vec![fixed, replaced], "`path` and `replace_with`"), status)
    })(reader, value)?;
    if origin.is_unset() {
        let error = ValueError::new("`redirect_to` is missing the key `origin`")
            .help("add `origin = \"https://other.example.com\"`");
        return reader.accept(Err(error), value);
    }
    let path = match path {
        Setting::Invalid => return None,
        path => path.value_or(RedirectTarget::Unchanged),
    };
    let origin = origin.as_set()?.value.clone();
    Some(RedirectSection { status: status.value_or(StatusCode::MOVED_PERMANENTLY), origin, path })
}

/// Parses a path with or without a query. An empty path redirects to the origin itself.
fn path(text: &str) -> Result<String, ValueError> {
    if (text.is_empty() || text.starts_with(['/', '?'])) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ValueError::new(format!("`{text}` is not a path")).help(PATH_EXPECTED))
}

fn status(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<StatusCode> {
    let code = number(301..=308)(reader, value)?;
    let status = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let redirect = status.filter(|status| ![304, 305, 306].contains(&status.as_u16()));
    let error =
        || ValueError::new(format!("status `{code}` is not a redirect")).help("write 301, 302, 303, 307 or 308");
    reader.accept(redirect.ok_or_else(error), value)
}

const PATH_EXPECTED: &str = "write a path in quotes, such as \"/new\"";
