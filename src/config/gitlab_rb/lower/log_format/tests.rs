//! Access log formats of a `gitlab.rb`, checked in the model.

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

/// Returns the formats of GitLab, Mattermost and the registry.
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
fn mattermost_uses_its_own_format_and_other_hosts_that_of_nginx() {
    let package = "the package's";
    assert_eq!(formats("nginx['log_format'] = '$status'"), ["default $status", package, "default $status"]);
    assert_eq!(formats("mattermost_nginx['log_format'] = '$status'"), [package, "default $status", package]);
}

#[test]
fn the_package_format_is_not_a_custom_format() {
    assert_eq!(formats(&format!("nginx['log_format'] = '{PACKAGE}'")), ["the package's"; 3]);
}

#[test]
fn escaping_applies_to_package_and_custom_formats() {
    let lines = "nginx['log_format_escape'] = 'json'\nnginx['log_format'] = '{\"s\":\"$status\"}'";
    assert_eq!(formats(lines)[0], "json {\"s\":\"$status\"}");
    assert_eq!(formats("nginx['log_format_escape'] = 'none'")[0], format!("none {PACKAGE}"));
    assert!(problems("nginx['log_format_escape'] = 'jsn'").contains("did you mean 'json'?"));
}

#[test]
fn a_quote_in_a_format_must_be_escaped() {
    assert!(problems("nginx['log_format'] = \"'$status'\"").contains("unescaped `'` in `log_format`"));
    assert_eq!(formats(r#"nginx['log_format'] = "$status \\'a\\t\\\\""#)[0], "default $status 'a\t\\");
}

#[test]
fn an_unknown_variable_is_an_error_at_its_line() {
    let output = problems("nginx['log_format'] = '$remote_addr $statsu'");
    assert!(output.contains("error: unknown variable `$statsu`"), "{output}");
    assert!(output.contains("did you mean `$status`?") && output.contains("gitlab.rb:4:"), "{output}");
}

#[test]
fn a_format_with_secrets_is_a_warning() {
    for variable in [
        "$request",
        "$request_uri",
        "$args",
        "$http_referer",
        "$http_authorization",
        "$cookie_a",
        "$arg_private_token",
    ] {
        let output = problems(&format!("nginx['log_format'] = '{variable}'"));
        assert!(output.contains(&format!("warning: `{variable}` writes user secrets")), "{output}");
    }
    for variable in ["$filtered_request_uri", "$uri", "$http_user_agent", "$arg_page", "$sent_http_location"] {
        assert_eq!(problems(&format!("nginx['log_format'] = '{variable}'")), "");
    }
}
