//! Parses templates with nginx variables.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::template::{InvalidTemplate, Template, TemplateVariable};
use crate::model::variable::{LogVariable, RequestVariable};

/// Parses a template that is rendered when a request is forwarded.
///
/// # Errors
/// Returns an error for an unknown variable, and for a variable that is known only after the response.
pub fn parse_request(text: &str) -> Result<Template<RequestVariable>, ValueError> {
    Template::parse(text).map_err(|invalid| match invalid {
        InvalidTemplate::Unknown(name) if LogVariable::from_name(&name.to_ascii_lowercase()).is_some() => {
            ValueError::new(format!("variable `${name}` is not available when the request is forwarded"))
                .help("use it in `access_log_format` only")
        }
        invalid => template_error(invalid, RequestVariable::names()),
    })
}

/// Parses an access log format.
///
/// # Errors
/// Returns an error for an unknown variable.
pub fn parse_log(text: &str) -> Result<Template<LogVariable>, ValueError> {
    Template::parse(text).map_err(|invalid| template_error(invalid, LogVariable::names()))
}

fn template_error(invalid: InvalidTemplate, known: impl Iterator<Item = &'static str>) -> ValueError {
    match invalid {
        InvalidTemplate::Unknown(name) => {
            let unknown = ValueError::new(format!("unknown variable `${name}`"));
            match nearest(&name, known) {
                Some(suggestion) => unknown.help(format!("did you mean `${suggestion}`?")),
                None => unknown.help("docs/configuration.md lists all variables; write `$$` for a literal `$`"),
            }
        }
        InvalidTemplate::Nameless => {
            ValueError::new("`$` is not followed by a variable name").help("write `$$` for a literal `$`")
        }
        InvalidTemplate::Unclosed => ValueError::new("`${` has no closing `}`").help("write `${name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> (String, String) {
        let template_error = parse_request(text).unwrap_err();
        (template_error.message, template_error.help.unwrap_or_default())
    }

    #[test]
    fn an_unknown_variable_has_a_suggestion() {
        let (message, help) = message("a $remote_adr b");
        assert_eq!(message, "unknown variable `$remote_adr`");
        assert_eq!(help, "did you mean `$remote_addr`?");
    }

    #[test]
    fn a_response_variable_is_rejected_in_a_request_template() {
        assert_eq!(message("$status").0, "variable `$status` is not available when the request is forwarded");
        assert!(parse_log("$status").is_ok());
    }
}
