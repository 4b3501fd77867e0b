//! Turns single TOML values into what they mean.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::table::{TomlReader, TomlValue};
use crate::config::diagnostic::ValueError;
use crate::config::document::{HeaderSetting, Spanned};
use crate::config::suggestion::nearest;
use crate::config::values::{header, size};
use crate::model::error_page::InterceptErrors;
use crate::model::headers::ops::{HeaderOp, SettableHeader};
use crate::model::host::{HostName, HostPattern, InvalidHost};
use crate::model::log_format::LogEscape;
use crate::model::{BodyLimit, HttpVersions, LogLevel, LogTarget};

/// A text, read by `parse`. `expected` is the help for a value of another type.
pub(super) fn text<'t, T>(
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let read = match value.get_ref().as_str() {
            Some(text) => parse(text),
            None => Err(wrong_type("a text in quotes", value).help(expected)),
        };
        reader.accept(read, value)
    }
}

/// `true` or `false`.
pub(super) fn boolean(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<bool> {
    let read = value.get_ref().as_bool().ok_or_else(|| wrong_type("true or false", value));
    reader.accept(read, value)
}

/// A whole number within a range.
pub(super) fn number<'t>(
    range: RangeInclusive<u64>,
) -> impl FnOnce(&mut TomlReader<'_>, &TomlValue<'t>) -> Option<u64> {
    move |reader, value| {
        let read = integer(value).and_then(|number| {
            number.filter(|it| range.contains(it)).ok_or_else(|| {
                ValueError::new(format!("expected a number from {} to {}", range.start(), range.end()))
            })
        });
        reader.accept(read, value)
    }
}

/// A list whose elements are read by `element`. All wrong elements are reported.
pub(super) fn list<'t, T, F>(
    expected: &'static str,
    element: impl Fn() -> F,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>>
where
    F: FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T>,
{
    move |reader, value| {
        let Some(values) = value.get_ref().as_array() else {
            return reader.accept(Err(wrong_type("a list", value).help(expected)), value);
        };
        let mut read = Vec::new();
        for item in values.iter() {
            let place = reader.span(item);
            read.push(element()(reader, item).map(|value| Spanned { value, span: place }));
        }
        read.into_iter().collect()
    }
}

/// A text or a list of texts, each read by `parse`.
pub(super) fn one_or_more<'t, T>(
    expected: &'static str,
    parse: fn(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>> {
    move |reader, value| {
        if value.get_ref().as_array().is_some() {
            return list(expected, || text(expected, parse))(reader, value);
        }
        let place = reader.span(value);
        text(expected, parse)(reader, value).map(|value| vec![Spanned { value, span: place }])
    }
}

/// A table.
pub(super) fn table<'t>(
    reader: &mut TomlReader<'_>,
    value: &'t TomlValue<'t>,
    expected: &'static str,
) -> Option<&'t DeTable<'t>> {
    let read = value.get_ref().as_table().ok_or_else(|| wrong_type("a table", value).help(expected));
    reader.accept(read, value)
}

/// Headers by name: a text sets one, `{ add = … }` adds one, `false` removes it.
pub(super) fn headers<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<Vec<Spanned<HeaderOp>>> {
    let mut ops = Vec::new();
    for (key, value) in table(reader, value, HEADERS_EXPECTED)? {
        let place = reader.span(key);
        let name = header::name(key.get_ref()).map_err(|mistake| reader.problems.push(mistake.at(&place))).ok();
        let op = header_op(name, value);
        ops.extend(reader.accept(op, value).flatten().map(|value| Spanned { value, span: place }));
    }
    Some(ops)
}

/// `None` if the name was wrong, which has been said already.
fn header_op(name: Option<SettableHeader>, value: &TomlValue<'_>) -> Result<Option<HeaderOp>, ValueError> {
    match value.get_ref() {
        DeValue::Boolean(false) => name.map(header::remove).transpose(),
        DeValue::String(text) => {
            let template = header::template(text)?;
            Ok(name.map(|name| header::set(name, template)))
        }
        DeValue::Table(table) => match table.get("add").and_then(|added| added.get_ref().as_str()) {
            Some(text) if table.len() == 1 => {
                let value = header::value(text)?;
                Ok(name.map(|name| HeaderOp::Add(name, value)))
            }
            _ => Err(wrong_type("a text in quotes or false", value).help(HEADERS_EXPECTED)),
        },
        _ => Err(wrong_type("a text in quotes or false", value).help(HEADERS_EXPECTED)),
    }
}

/// The value of a header, or `false`.
pub(super) fn header_choice<'t>(
    expected: &'static str,
    parse: fn(&str) -> Result<http::HeaderValue, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &TomlValue<'t>) -> Option<HeaderSetting> {
    move |reader, value| {
        let read = match value.get_ref() {
            DeValue::Boolean(false) => Ok(HeaderSetting::Leave),
            DeValue::String(text) => parse(text).map(HeaderSetting::Send),
            _ => Err(wrong_type("a text in quotes or false", value).help(expected)),
        };
        reader.accept(read, value)
    }
}

/// The largest body: a size or a number of bytes.
pub(super) fn max_body(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<BodyLimit> {
    let read = match value.get_ref() {
        DeValue::String(text) => size::parse(text),
        DeValue::Integer(_) => integer(value).and_then(|bytes| {
            bytes
                .ok_or_else(|| ValueError::new("this is not a number of bytes").help(size::EXPECTED))
                .and_then(size::bytes_limit)
        }),
        _ => Err(wrong_type("a size", value).help(size::EXPECTED)),
    };
    reader.accept(read, value)
}

/// Whether HTTP/2 is offered beside HTTP/1.1.
pub(super) fn http_versions(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<HttpVersions> {
    let http2 = boolean(reader, value)?;
    Some(if http2 { HttpVersions::Http2And1 } else { HttpVersions::Http1Only })
}

/// Whether pages of the proxy stand in the place of an application's errors.
pub(super) fn intercept_errors(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<InterceptErrors> {
    let intercept = boolean(reader, value)?;
    Some(if intercept { InterceptErrors::Replace } else { InterceptErrors::Pass })
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, ValueError> {
    let known = LOG_LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
    known.ok_or_else(|| {
        let mistake = ValueError::new(format!("`{text}` is not a log level"));
        match nearest(text, LOG_LEVELS.map(|(name, _)| name)) {
            Some(meant) => mistake.help(format!("did you mean \"{meant}\"?")),
            None => mistake.help(LOG_LEVEL_EXPECTED),
        }
    })
}

/// How values are written into an access log.
pub(super) fn log_escape(text: &str) -> Result<LogEscape, ValueError> {
    let known = LogEscape::ALL.into_iter().find(|escape| escape.as_str() == text);
    known.ok_or_else(|| ValueError::new(format!("`{text}` is no way to escape")).help(LOG_ESCAPE_EXPECTED))
}

/// Where an access log goes.
pub(super) fn log_target(text: &str) -> Result<LogTarget, ValueError> {
    match text {
        "off" => Ok(LogTarget::Off),
        "stdout" => Ok(LogTarget::Stdout),
        _ => path(text).map(LogTarget::File),
    }
}

/// The path of a file.
pub(super) fn path(text: &str) -> Result<PathBuf, ValueError> {
    let named = Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
    named.ok_or_else(|| ValueError::new("no file is named").help(PATH_EXPECTED))
}

/// The name of an account.
pub(super) fn account(text: &str) -> Result<String, ValueError> {
    let named = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    named.ok_or_else(|| {
        ValueError::new("no account is named").help("remove the line to keep the account that starts")
    })
}

/// A name, or `*.name` for all names below it.
pub(super) fn host_pattern(text: &str) -> Result<HostPattern, ValueError> {
    HostPattern::parse(text).map_err(|why| invalid_host(text, why))
}

/// A single name.
pub(super) fn host_name(text: &str) -> Result<HostName, ValueError> {
    if text.starts_with("*.") {
        return Err(ValueError::new(format!("`{text}` stands for many names")).help("name one host"));
    }
    HostName::parse(text).map_err(|why| invalid_host(text, why))
}

fn invalid_host(text: &str, why: InvalidHost) -> ValueError {
    let mistake = ValueError::new(format!("`{text}` is not a host name: {why}"));
    if text.contains(['/', ':']) {
        return mistake.help("write the name alone, without scheme, port or path");
    }
    mistake.help("write a name such as \"gitlab.example.com\", or \"*.pages.example.com\" for all names below one")
}

/// The number, or `None` if it is negative or too large to be one.
fn integer(value: &TomlValue<'_>) -> Result<Option<u64>, ValueError> {
    match value.get_ref() {
        DeValue::Integer(digits) => Ok(u64::from_str_radix(digits.as_str(), digits.radix()).ok()),
        _ => Err(wrong_type("a number", value)),
    }
}

/// The mistake of a value whose type does not fit.
pub(super) fn wrong_type(expected: &str, value: &TomlValue<'_>) -> ValueError {
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    ValueError::new(format!("expected {expected}, found {found}"))
}

const LOG_LEVELS: [(&str, LogLevel); 4] =
    [("error", LogLevel::Error), ("warn", LogLevel::Warn), ("info", LogLevel::Info), ("debug", LogLevel::Debug)];

const HEADERS_EXPECTED: &str =
    "write { \"X-A\" = \"b\", \"X-B\" = { add = \"c\" }, \"X-C\" = false }; false removes";

/// What to write where a file is expected.
pub(super) const PATH_EXPECTED: &str = "write a path in quotes; a relative one starts at this file's directory";

pub(super) const HOST_EXPECTED: &str = "write a host name in quotes: \"gitlab.example.com\"";

pub(super) const LOG_TARGET_EXPECTED: &str = "write \"off\", \"stdout\" or the path of a file";

pub(super) const LOG_FORMAT_EXPECTED: &str = "write a text with variables, such as \"$remote_addr $status\"";

pub(super) const LOG_ESCAPE_EXPECTED: &str = "write \"default\", \"json\" or \"none\"";

pub(super) const LOG_LEVEL_EXPECTED: &str = "write \"error\", \"warn\", \"info\" or \"debug\"";
