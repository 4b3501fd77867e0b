//! The form of the lines in a host's access log.

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::HostSettings;
use crate::config::span::SourceSpan;
use crate::model::log_format::{LogEscape, LogFormat};
use crate::model::variable::{LogVariable, NamedRequestVariable, RequestVariable};

pub(super) fn of(settings: &HostSettings, problems: &mut Diagnostics) -> LogFormat {
    let escape = settings.access_log_escape.value_or(LogEscape::Default);
    let Some(said) = settings.access_log_format.as_set() else { return LogFormat::of_package(escape) };
    for variable in said.value.variables() {
        if let Some(instead) = instead_of(variable) {
            problems.push(leak(variable, instead, &said.span));
        }
    }
    LogFormat::new(said.value.clone(), escape)
}

/// A log is read by more people than may use the tokens in it, and is kept for longer.
fn leak(variable: &LogVariable, instead: &str, place: &SourceSpan) -> Diagnostic {
    Diagnostic::warning(place, format!("`${variable}` writes the secrets of users into the access log"))
        .help(instead.to_owned())
}

/// What to write instead of a variable that has secrets in it.
fn instead_of(variable: &LogVariable) -> Option<&'static str> {
    let LogVariable::Request(variable) = variable else { return None };
    match variable {
        RequestVariable::Named(NamedRequestVariable::Request) => {
            Some("`$request_method $filtered_request_uri $server_protocol` is the same without tokens")
        }
        RequestVariable::Named(NamedRequestVariable::RequestUri | NamedRequestVariable::Args) => {
            Some("`$filtered_request_uri` is the target without tokens, `$uri` the path alone")
        }
        RequestVariable::Header(name) if name == "referer" => {
            Some("`$filtered_http_referer` is the same without the query")
        }
        RequestVariable::Header(name) if SECRET_HEADERS.contains(&name.as_str()) => Some(LEAVE_OUT),
        RequestVariable::Argument(name) if name.ends_with("token") => Some(LEAVE_OUT),
        RequestVariable::Cookie(_) => Some(LEAVE_OUT),
        _ => None,
    }
}

const LEAVE_OUT: &str = "leave it out";

/// What GitLab and Mattermost are sent passwords and tokens in.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "cookie", "private-token", "job-token", "deploy-token", "x-gitlab-token"];
