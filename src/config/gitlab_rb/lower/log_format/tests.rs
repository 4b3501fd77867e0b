//! The package's rules for the formats of access logs, asked of the model.

use std::path::Path;

use crate::config::gitlab_rb::environment::SystemEnvironment;
use crate::config::gitlab_rb::{GitlabRbConfig, read};
use crate::model::log_format::{LogFormat, PACKAGE};

fn reading(lines: &str) -> GitlabRbConfig {
    let text = format!(
        "external_url 'http://gitlab.example.com'\n\
         mattermost_external_url 'http://mattermost.example.com'\n\
         registry_external_url 'http://registry.example.com'\n{lines}\n"
    );
    read(Path::new("/etc/gitlab/gitlab.rb"), &text, &SystemEnvironment)
}

/// The formats of GitLab, Mattermost and the registry.
fn formats(lines: &str) -> [String; 3] {
    let reading = reading(lines);
    let Some(model) = &reading.model else { panic!("{}", reading.problems) };
    [0, 1, 2].map(|host| match &model.hosts()[host].log_format {
        LogFormat::Package => "the package's".to_owned(),
        LogFormat::Custom(format) => format!("{} {}", format.escape.as_str(), format.template),
    })
}

fn problems(lines: &str) -> String {
    reading(lines).problems.to_string()
}

#[test]
fn mattermost_has_a_format_of_its_own_and_all_others_that_of_nginx() {
    let usual = "the package's";
    assert_eq!(formats("nginx['log_format'] = '$status'"), ["default $status", usual, "default $status"]);
    assert_eq!(formats("mattermost_nginx['log_format'] = '$status'"), [usual, "default $status", usual]);
}

#[test]
fn the_packages_own_format_is_no_custom_one() {
    assert_eq!(formats(&format!("nginx['log_format'] = '{PACKAGE}'")), ["the package's"; 3]);
}

#[test]
fn an_escaping_holds_for_either_format() {
    let lines = "nginx['log_format_escape'] = 'json'\nnginx['log_format'] = '{\"s\":\"$status\"}'";
    assert_eq!(formats(lines)[0], "json {\"s\":\"$status\"}");
    assert_eq!(formats("nginx['log_format_escape'] = 'none'")[0], format!("none {PACKAGE}"));
    assert!(problems("nginx['log_format_escape'] = 'jsn'").contains("did you mean 'json'?"));
}

#[test]
fn a_format_stands_between_quotes_of_nginx() {
    assert!(problems("nginx['log_format'] = \"'$status'\"").contains("a `'` ends the format"));
    assert_eq!(formats(r#"nginx['log_format'] = "$status \\'a\\t\\\\""#)[0], "default $status 'a\t\\");
}

#[test]
fn an_unknown_variable_is_an_error_at_its_line() {
    let told = problems("nginx['log_format'] = '$remote_addr $statsu'");
    assert!(told.contains("error: unknown variable `$statsu`"), "{told}");
    assert!(told.contains("did you mean `$status`?") && told.contains("gitlab.rb:4:"), "{told}");
}

#[test]
fn a_format_with_secrets_is_warned_about() {
    for variable in [
        "$request",
        "$request_uri",
        "$args",
        "$http_referer",
        "$http_authorization",
        "$cookie_a",
        "$arg_private_token",
    ] {
        let told = problems(&format!("nginx['log_format'] = '{variable}'"));
        assert!(told.contains(&format!("warning: `{variable}` writes user secrets")), "{told}");
    }
    for variable in ["$filtered_request_uri", "$uri", "$http_user_agent", "$arg_page", "$sent_http_location"] {
        assert_eq!(problems(&format!("nginx['log_format'] = '{variable}'")), "");
    }
}
