//! Converts TOML values to typed settings.

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
use crate::model::route::ExpectContinue;
use crate::model::{BodyLimit, HttpVersions, LogLevel, LogTarget};

/// Reads a string with `parse`. `expected` is the help for a value of another type.
pub(super) fn text<'t, T>(
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &TomlValue<'t>) -> Option<T> {
    move |reader, value| {
        let read = match value.get_ref().as_str() {
            Some(text) => parse(text),
            None => Err(wrong_type("a string", value).help(expected)),
        };
        reader.accept(read, value)
    }
}

/// Reads `true` or `false`.
pub(super) fn boolean(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<bool> {
    let read = value.get_ref().as_bool().ok_or_else(|| wrong_type("true or false", value));
    reader.accept(read, value)
}

/// Reads an integer within a range.
pub(super) fn number<'t>(
    range: RangeInclusive<u64>,
) -> impl FnOnce(&mut TomlReader<'_>, &TomlValue<'t>) -> Option<u64> {
    move |reader, value| {
        let read = integer(value).and_then(|number| {
            number.filter(|it| range.contains(it)).ok_or_else(|| {
                let written = reader.written(value);
                ValueError::new(format!(
                    "`{written}` is out of range: expected {} to {}",
                    range.start(),
                    range.end()
                ))
            })
        });
        reader.accept(read, value)
    }
}

/// Reads an array whose elements are read by `element`. Every invalid element is reported.
pub(super) fn list<'t, T, F>(
    expected: &'static str,
    element: impl Fn() -> F,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>>
where
    F: FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<T>,
{
    move |reader, value| {
        let Some(values) = value.get_ref().as_array() else {
            return reader.accept(Err(wrong_type("an array", value).help(expected)), value);
        };
        let mut read = Vec::new();
        for item in values.iter() {
            let span = reader.span(item);
            read.push(element()(reader, item).map(|value| Spanned { value, span }));
        }
        read.into_iter().collect()
    }
}

/// Reads a string or an array of strings, each with `parse`.
pub(super) fn one_or_more<'t, T>(
    expected: &'static str,
    parse: fn(&str) -> Result<T, ValueError>,
) -> impl FnOnce(&mut TomlReader<'_>, &'t TomlValue<'t>) -> Option<Vec<Spanned<T>>> {
    move |reader, value| {
        if value.get_ref().as_array().is_some() {
            return list(expected, || text(expected, parse))(reader, value);
        }
        let span = reader.span(value);
        text(expected, parse)(reader, value).map(|value| vec![Spanned { value, span }])
    }
}

/// Reads a table.
pub(super) fn table<'t>(
    reader: &mut TomlReader<'_>,
    value: &'t TomlValue<'t>,
    expected: &'static str,
) -> Option<&'t DeTable<'t>> {
    let read = value.get_ref().as_table().ok_or_else(|| wrong_type("a table", value).help(expected));
    reader.accept(read, value)
}

/// Reads headers by name: a string sets the header, `{ add = … }` adds a value, `false` removes the header.
pub(super) fn headers<'t>(reader: &mut TomlReader<'_>, value: &'t TomlValue<'t>) -> Option<Vec<Spanned<HeaderOp>>> {
    let mut ops = Vec::new();
    for (key, value) in table(reader, value, HEADERS_EXPECTED)? {
        let span = reader.span(key);
        let name = header::name(key.get_ref()).map_err(|error| reader.problems.push(error.at(&span))).ok();
        let op = header_op(name, value);
        ops.extend(reader.accept(op, value).flatten().map(|value| Spanned { value, span }));
    }
    Some(ops)
}

/// Reads the operation on one header. Returns `None` if the name is invalid, which is already reported.
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
            _ => Err(wrong_type("a string or false", value).help(HEADERS_EXPECTED)),
        },
        _ => Err(wrong_type("a string or false", value).help(HEADERS_EXPECTED)),
    }
}

/// Reads the value of Strict-Transport-Security, or `false`.
pub(super) fn hsts(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<HeaderSetting> {
    let read = match value.get_ref() {
        DeValue::Boolean(false) => Ok(HeaderSetting::Leave),
        DeValue::String(text) => header::hsts(text).map(HeaderSetting::Send),
        _ => Err(wrong_type("a string or false", value).help(HSTS_EXPECTED)),
    };
    reader.accept(read, value)
}

/// Reads the value of Referrer-Policy, `{ if_absent = … }`, or `false`.
pub(super) fn referrer_policy(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<HeaderSetting> {
    let mismatch = || wrong_type("a string, { if_absent = \"…\" } or false", value).help(REFERRER_POLICY_EXPECTED);
    let read = match value.get_ref() {
        DeValue::Boolean(false) => Ok(HeaderSetting::Leave),
        DeValue::String(text) => header::value(text).map(HeaderSetting::Send),
        DeValue::Table(table) => match table.get("if_absent").and_then(|policy| policy.get_ref().as_str()) {
            Some(text) if table.len() == 1 => header::value(text).map(HeaderSetting::SendIfAbsent),
            _ => Err(mismatch()),
        },
        _ => Err(mismatch()),
    };
    reader.accept(read, value)
}

/// Reads a body limit: a size or a number of bytes.
pub(super) fn max_request_body(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<BodyLimit> {
    let read = match value.get_ref() {
        DeValue::String(text) => size::parse(text),
        DeValue::Integer(_) => integer(value).and_then(|bytes| {
            bytes
                .ok_or_else(|| {
                    ValueError::new(format!("`{}` is not a number of bytes", reader.written(value)))
                        .help(size::EXPECTED)
                })
                .and_then(size::bytes_limit)
        }),
        _ => Err(wrong_type("a size", value).help(size::EXPECTED)),
    };
    reader.accept(read, value)
}

/// Reads whether HTTP/2 is offered in addition to HTTP/1.1.
pub(super) fn http_versions(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<HttpVersions> {
    let http2 = boolean(reader, value)?;
    Some(if http2 { HttpVersions::Http2And1 } else { HttpVersions::Http1Only })
}

/// Parses who responds to `Expect: 100-continue`.
pub(super) fn expect_continue(text: &str) -> Result<ExpectContinue, ValueError> {
    match text {
        "respond" => Ok(ExpectContinue::Respond),
        "forward" => Ok(ExpectContinue::Forward),
        _ => Err(ValueError::new(format!("unknown value `{text}`")).help(EXPECT_EXPECTED)),
    }
}

pub(super) const EXPECT_EXPECTED: &str = "write \"respond\" or \"forward\"";

/// Reads whether error pages of the proxy replace error responses of the upstream.
pub(super) fn intercept_errors(reader: &mut TomlReader<'_>, value: &TomlValue<'_>) -> Option<InterceptErrors> {
    let intercept = boolean(reader, value)?;
    Some(if intercept { InterceptErrors::Replace } else { InterceptErrors::Pass })
}

/// Parses a log level.
pub(super) fn log_level(text: &str) -> Result<LogLevel, ValueError> {
    let known = LOG_LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
    known.ok_or_else(|| {
        let error = ValueError::new(format!("unknown log level `{text}`"));
        match nearest(text, LOG_LEVELS.map(|(name, _)| name)) {
            Some(suggestion) => error.help(format!("did you mean \"{suggestion}\"?")),
            None => error.help(LOG_LEVEL_EXPECTED),
        }
    })
}

/// Parses the escape mode of an access log (nginx `log_format … escape=`).
pub(super) fn log_escape(text: &str) -> Result<LogEscape, ValueError> {
    let known = LogEscape::ALL.into_iter().find(|escape| escape.as_str() == text);
    known.ok_or_else(|| ValueError::new(format!("unknown escape mode `{text}`")).help(LOG_ESCAPE_EXPECTED))
}

/// Parses the destination of an access log.
pub(super) fn log_target(text: &str) -> Result<LogTarget, ValueError> {
    match text {
        "off" => Ok(LogTarget::Off),
        "stdout" => Ok(LogTarget::Stdout),
        _ => path(text).map(LogTarget::File),
    }
}

/// Parses a file path.
pub(super) fn path(text: &str) -> Result<PathBuf, ValueError> {
    let name = Some(text).filter(|text| !text.is_empty()).map(PathBuf::from);
    name.ok_or_else(|| ValueError::new("the path is empty").help(PATH_EXPECTED))
}

/// Parses an account name.
pub(super) fn account(text: &str) -> Result<String, ValueError> {
    let name = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
    name.ok_or_else(|| {
        ValueError::new("the account name is empty")
            .help("remove the line to keep the account that starts Gatepost")
    })
}

/// Parses a host name, or a wildcard `*.name`.
pub(super) fn host_pattern(text: &str) -> Result<HostPattern, ValueError> {
    HostPattern::parse(text).map_err(|reason| invalid_host(text, reason))
}

/// Parses a host name; wildcards are rejected.
pub(super) fn host_name(text: &str) -> Result<HostName, ValueError> {
    if text.starts_with("*.") {
        return Err(ValueError::new(format!("wildcard `{text}` is not allowed here")).help("write one host name"));
    }
    HostName::parse(text).map_err(|reason| invalid_host(text, reason))
}

fn invalid_host(text: &str, reason: InvalidHost) -> ValueError {
    let error = ValueError::new(format!("`{text}` is not a host name: {reason}"));
    if text.contains(['/', ':']) {
        return error.help("write the name alone, without scheme, port or path");
    }
    error.help("write a name such as \"gitlab.example.com\", or a wildcard such as \"*.pages.example.com\"")
}

/// Reads an integer. Returns `Ok(None)` if it is negative or exceeds 64 bits.
fn integer(value: &TomlValue<'_>) -> Result<Option<u64>, ValueError> {
    match value.get_ref() {
        DeValue::Integer(digits) => Ok(u64::from_str_radix(digits.as_str(), digits.radix()).ok()),
        _ => Err(wrong_type("an integer", value)),
    }
}

/// Returns the error for a value of the wrong type.
pub(super) fn wrong_type(expected: &str, value: &TomlValue<'_>) -> ValueError {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date-time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    ValueError::new(format!("expected {expected}, found {found}"))
}

const LOG_LEVELS: [(&str, LogLevel); 4] =
    [("error", LogLevel::Error), ("warn", LogLevel::Warn), ("info", LogLevel::Info), ("debug", LogLevel::Debug)];

const HSTS_EXPECTED: &str = "write \"max-age=63072000\" or false";

const REFERRER_POLICY_EXPECTED: &str = "write a policy in quotes, { if_absent = \"no-referrer\" }, or false";

const HEADERS_EXPECTED: &str =
    "write { \"X-A\" = \"b\", \"X-B\" = { add = \"c\" }, \"X-C\" = false }; false removes";

/// Help text for a value that is not a file path.
pub(super) const PATH_EXPECTED: &str =
    "write a path in quotes; relative paths are resolved against this file's directory";

pub(super) const HOST_EXPECTED: &str = "write a host name in quotes: \"gitlab.example.com\"";

pub(super) const LOG_TARGET_EXPECTED: &str = "write \"off\", \"stdout\" or the path of a file";

pub(super) const LOG_FORMAT_EXPECTED: &str =
    "write a text with variables in quotes, such as \"$remote_addr $status\"";

pub(super) const LOG_ESCAPE_EXPECTED: &str = "write \"default\", \"json\" or \"none\"";

pub(super) const LOG_LEVEL_EXPECTED: &str = "write \"error\", \"warn\", \"info\" or \"debug\"";
