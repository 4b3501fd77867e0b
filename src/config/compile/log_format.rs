//! Compiles access log formats and warns about secrets in them.

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::HostSettings;
use crate::config::span::SourceSpan;
use crate::model::log_format::{LogEscape, LogFormat};
use crate::model::variable::{LogVariable, NamedRequestVariable, RequestVariable};

/// Compiles the log format of a host. Without one, the format of the GitLab package applies.
pub(super) fn compile(settings: &HostSettings, problems: &mut Diagnostics) -> LogFormat {
    let escape = settings.access_log_escape.value_or(LogEscape::Default);
    let Some(setting) = settings.access_log_format.as_set() else { return LogFormat::of_package(escape) };
    for variable in setting.value.variables() {
        if let Some(help) = secret_help(variable) {
            problems.push(secret_warning(variable, help, &setting.span));
        }
    }
    LogFormat::new(setting.value.clone(), escape)
}

/// Returns the warning about a variable with secrets: logs have more readers and are kept longer than tokens
/// should be.
fn secret_warning(variable: &LogVariable, help: &str, span: &SourceSpan) -> Diagnostic {
    Diagnostic::warning(span, format!("`${variable}` writes user secrets to the access log")).help(help.to_owned())
}

/// Returns the help for a variable that can contain secrets; `None` for other variables.
fn secret_help(variable: &LogVariable) -> Option<&'static str> {
    let LogVariable::Request(variable) = variable else { return None };
    match variable {
        RequestVariable::Named(NamedRequestVariable::Request) => {
            Some("use `$request_method $filtered_request_uri $server_protocol`, which has no tokens")
        }
        RequestVariable::Named(NamedRequestVariable::RequestUri | NamedRequestVariable::Args) => {
            Some("use `$filtered_request_uri`, which has no tokens, or `$uri`, the path alone")
        }
        RequestVariable::Header(name) if name == "referer" => {
            Some("use `$filtered_http_referer`, which has no query")
        }
        RequestVariable::Header(name) if SECRET_HEADERS.contains(&name.as_str()) => Some(REMOVE),
        RequestVariable::Argument(name) if name.ends_with("token") => Some(REMOVE),
        RequestVariable::Cookie(_) => Some(REMOVE),
        _ => None,
    }
}

const REMOVE: &str = "remove the variable";

/// Request headers that carry passwords and tokens to GitLab and Mattermost.
const SECRET_HEADERS: [&str; 6] =
    ["authorization", "cookie", "private-token", "job-token", "deploy-token", "x-gitlab-token"];
