//! Access log formats.

use super::template::Template;
use super::variable::{LogVariable, RequestVariable};

/// Format of access log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFormat {
    /// The format of the GitLab package's nginx. A specialized formatter writes it.
    Package,
    Custom(CustomLogFormat),
}

/// A configured log format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomLogFormat {
    pub template: Template<LogVariable>,
    pub escape: LogEscape,
}

/// Escaping of variable values (nginx `escape=`), so that client data cannot end a field or a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    /// `\xHH` for quotes, backslashes and bytes outside printable ASCII; `-` for an absent value.
    Default,
    /// JSON string escaping; an absent value is empty.
    Json,
    /// No escaping; line breaks are written as well.
    None,
}

impl LogFormat {
    /// Returns the format of a template. A template equal to the package's format becomes
    /// [`LogFormat::Package`].
    pub fn new(template: Template<LogVariable>, escape: LogEscape) -> LogFormat {
        match escape {
            LogEscape::Default if Template::parse(PACKAGE).is_ok_and(|package| package == template) => {
                LogFormat::Package
            }
            _ => LogFormat::Custom(CustomLogFormat { template, escape }),
        }
    }

    /// Returns the format of the GitLab package with another escaping.
    pub fn of_package(escape: LogEscape) -> LogFormat {
        Template::parse(PACKAGE).map_or(LogFormat::Package, |template| LogFormat::new(template, escape))
    }

    /// Returns whether a custom format uses a request variable.
    pub fn uses_variable(&self, wanted: &RequestVariable) -> bool {
        let LogFormat::Custom(format) = self else { return false };
        format
            .template
            .variables()
            .any(|variable| matches!(variable, LogVariable::Request(variable) if variable == wanted))
    }
}

impl LogEscape {
    /// All escapings.
    pub const ALL: [LogEscape; 3] = [LogEscape::Default, LogEscape::Json, LogEscape::None];

    /// Returns the nginx spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            LogEscape::Default => "default",
            LogEscape::Json => "json",
            LogEscape::None => "none",
        }
    }
}

/// The default log format of the GitLab package.
pub const PACKAGE: &str = "$remote_addr - $remote_user [$time_local] \
    \"$request_method $filtered_request_uri $server_protocol\" $status $body_bytes_sent \
    \"$filtered_http_referer\" \"$http_user_agent\" $gzip_ratio";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_format_is_recognized_in_any_notation() {
        let written = PACKAGE.replace("$status", "${status}");
        let read = |text: &str, escape| LogFormat::new(Template::parse(text).unwrap(), escape);
        assert_eq!(read(&written, LogEscape::Default), LogFormat::Package);
        assert_ne!(read(&written, LogEscape::Json), LogFormat::Package);
        assert_ne!(read("$status", LogEscape::Default), LogFormat::Package);
        assert_eq!(LogFormat::of_package(LogEscape::Default), LogFormat::Package);
        assert!(matches!(LogFormat::of_package(LogEscape::Json), LogFormat::Custom(_)));
    }
}
