//! Texts with nginx's variables, as they are written in a configuration.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::template::{InvalidTemplate, Template, TemplateVariable};
use crate::model::variable::{LogVariable, RequestVariable};

/// Reads a text that must be complete as soon as there is a request.
pub fn of_request(text: &str) -> Result<Template<RequestVariable>, ValueError> {
    Template::parse(text).map_err(|why| match why {
        InvalidTemplate::Unknown(name) if LogVariable::from_name(&name.to_ascii_lowercase()).is_some() => {
            ValueError::new(format!("`${name}` is not known yet when the request is passed on"))
                .help("it can stand in access_log_format only")
        }
        why => mistake(why, RequestVariable::names()),
    })
}

/// Reads the format of a log.
pub fn of_log(text: &str) -> Result<Template<LogVariable>, ValueError> {
    Template::parse(text).map_err(|why| mistake(why, LogVariable::names()))
}

fn mistake(why: InvalidTemplate, known: impl Iterator<Item = &'static str>) -> ValueError {
    match why {
        InvalidTemplate::Unknown(name) => {
            let unknown = ValueError::new(format!("there is no variable `${name}`"));
            match nearest(&name, known) {
                Some(meant) => unknown.help(format!("did you mean `${meant}`?")),
                None => unknown.help("docs/configuration.md lists all variables; a plain `$` is written `$$`"),
            }
        }
        InvalidTemplate::Nameless => {
            ValueError::new("a `$` begins a variable, but no name follows").help("write `$$` for a plain `$`")
        }
        InvalidTemplate::Unclosed => {
            ValueError::new("the name of a variable after `${` has no `}` behind it").help("write `${name}`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> (String, String) {
        let mistake = of_request(text).unwrap_err();
        (mistake.message, mistake.help.unwrap_or_default())
    }

    #[test]
    fn an_unknown_variable_is_named_and_the_nearest_suggested() {
        let (message, help) = message("a $remote_adr b");
        assert_eq!(message, "there is no variable `$remote_adr`");
        assert_eq!(help, "did you mean `$remote_addr`?");
    }

    #[test]
    fn what_comes_too_late_is_said_to_come_too_late() {
        assert_eq!(message("$status").0, "`$status` is not known yet when the request is passed on");
        assert!(of_log("$status").is_ok());
    }
}
