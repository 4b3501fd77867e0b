//! What a line of an access log looks like.

use super::template::Template;
use super::variable::{LogVariable, RequestVariable};

/// The form of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormat {
    /// That of the GitLab package's nginx, which has a way of its own through the program.
    Package,
    Custom(CustomLogFormat),
}

/// A form that somebody chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomLogFormat {
    pub template: Template<LogVariable>,
    pub escape: LogEscape,
}

/// How values are written, so that nothing a client sends can end a field or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    /// `\xHH` for quotes, backslashes and all that is not ASCII; `-` for what is absent.
    Default,
    /// As JSON strings have it; absent is empty.
    Json,
    /// As it came, line breaks included.
    None,
}

impl LogFormat {
    pub fn new(template: Template<LogVariable>, escape: LogEscape) -> LogFormat {
        match escape {
            LogEscape::Default if Template::parse(PACKAGE).is_ok_and(|package| package == template) => {
                LogFormat::Package
            }
            _ => LogFormat::Custom(CustomLogFormat { template, escape }),
        }
    }

    /// The package's format with another escaping.
    pub fn of_package(escape: LogEscape) -> LogFormat {
        Template::parse(PACKAGE).map_or(LogFormat::Package, |template| LogFormat::new(template, escape))
    }
}

impl LogFormat {
    /// Whether lines tell a variable of the request that the usual ones do not.
    pub fn names(&self, wanted: &RequestVariable) -> bool {
        let LogFormat::Custom(format) = self else { return false };
        format.template.variables().any(|named| matches!(named, LogVariable::Request(named) if named == wanted))
    }
}

impl LogEscape {
    pub const ALL: [LogEscape; 3] = [LogEscape::Default, LogEscape::Json, LogEscape::None];

    /// nginx's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogEscape::Default => "default",
            LogEscape::Json => "json",
            LogEscape::None => "none",
        }
    }
}

/// The default of the package.
pub const PACKAGE: &str = "$remote_addr - $remote_user [$time_local] \
    \"$request_method $filtered_request_uri $server_protocol\" $status $body_bytes_sent \
    \"$filtered_http_referer\" \"$http_user_agent\" $gzip_ratio";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packages_format_is_recognised_however_it_is_written() {
        let written = PACKAGE.replace("$status", "${status}");
        let read = |text: &str, escape| LogFormat::new(Template::parse(text).unwrap(), escape);
        assert_eq!(read(&written, LogEscape::Default), LogFormat::Package);
        assert_ne!(read(&written, LogEscape::Json), LogFormat::Package);
        assert_ne!(read("$status", LogEscape::Default), LogFormat::Package);
        assert_eq!(LogFormat::of_package(LogEscape::Default), LogFormat::Package);
        assert!(matches!(LogFormat::of_package(LogEscape::Json), LogFormat::Custom(_)));
    }
}
