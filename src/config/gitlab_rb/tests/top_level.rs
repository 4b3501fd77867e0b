//! Tests of verdicts and messages for incorrect settings.

use super::{config, problems, report_of};
use crate::model::setting_report::SettingVerdict;

const GITLAB: &str = "external_url 'https://gitlab.example.com'\n";

#[test]
fn setting_with_an_error_in_its_value_is_refused() {
    let config = config(&format!(
        "{GITLAB}nginx['listen_addresses'] = ['*', 'eth0']\nnginx['proxy_set_headers'] = {{ 'X' => 5 }}\n\
         gitlab_kas_external_url 'wss://kas.example.com'\ngitlab_kas['listen_websocket'] = false\n"
    ));
    for key in ["nginx.listen_addresses", "nginx.proxy_set_headers", "gitlab_kas.listen_websocket"] {
        assert_eq!(report_of(&config, key).verdict, SettingVerdict::Refused, "{key}");
    }
    assert_eq!(report_of(&config, "external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn invalid_string_is_quoted_in_the_error() {
    let problems = problems(&format!(
        "{GITLAB}nginx['client_max_body_size'] = '250 M'\nnginx['listen_port'] = 'https'\n\
         nginx['proxy_read_timeout'] = '5 minutes'\n"
    ));
    for message in [
        "`nginx['client_max_body_size']` must be a size, not `250 M`",
        "`nginx['listen_port']` must be a port, not `https`",
        "`nginx['proxy_read_timeout']` must be a time, not `5 minutes`",
    ] {
        assert!(problems.contains(message), "{message} is missing:\n{problems}");
    }
}

#[test]
fn string_instead_of_an_array_is_shown_as_an_array() {
    let problems = problems(&format!("{GITLAB}nginx['listen_addresses'] = '127.0.0.1'\n"));
    assert!(problems.contains("write it in brackets: ['127.0.0.1']"), "{problems}");
}

#[test]
fn local_variable_named_like_a_hash_suggests_setting_its_keys() {
    let problems = problems(&format!("{GITLAB}nginx = {{ 'listen_port' => 8080 }}\n"));
    assert!(problems.contains("write `nginx['…'] = …`"), "{problems}");
    assert!(!problems.contains("remove the `=`"), "{problems}");
}

#[test]
fn unknown_hash_gitlab_suggests_gitlab_rails() {
    let problems = problems(&format!("{GITLAB}gitlab['nginx']['listen_port'] = 1\n"));
    assert!(problems.contains("did you mean `gitlab_rails`?"), "{problems}");
}

#[test]
fn invalid_header_name_is_an_error() {
    let problems = problems(&format!("{GITLAB}nginx['proxy_set_headers'] = {{ 'Bad Name' => 'x' }}\n"));
    assert!(problems.contains("`Bad Name` cannot be set"), "{problems}");
}

#[test]
fn referrer_policy_that_is_no_header_value_is_refused() {
    let config = config(&format!("{GITLAB}nginx['referrer_policy'] = \"a\\nb\"\n"));
    assert_eq!(report_of(&config, "nginx.referrer_policy").verdict, SettingVerdict::Refused);
}

#[test]
fn redirect_to_the_same_address_is_an_error() {
    let problems = problems(&format!(
        "{GITLAB}nginx['redirect_http_to_https'] = true\nnginx['redirect_http_to_https_port'] = 443\n"
    ));
    assert!(problems.contains("cannot redirect to `gitlab.example.com`"), "{problems}");
}

#[test]
fn unknown_key_that_is_set_twice_is_reported_as_unknown() {
    let problems = problems(&format!("{GITLAB}nginx['listen_prot'] = 1\nnginx['listen_prot'] = 2\n"));
    assert!(!problems.contains("overridden"), "{problems}");
    assert!(problems.contains("did you mean `listen_port`?"), "{problems}");
}

#[test]
fn port_conflict_is_reported_at_its_setting() {
    let config = config(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com'\nregistry_nginx['listen_port'] = 5000\n"
    ));
    assert!(config.problems.to_string().contains("gitlab.rb:3:"), "{}", config.problems);
    assert_eq!(report_of(&config, "registry_nginx.listen_port").verdict, SettingVerdict::Refused);
    assert_eq!(report_of(&config, "registry_external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn invalid_number_is_quoted_in_the_error() {
    let problems = problems(&format!("{GITLAB}nginx['client_max_body_size'] = -1\nnginx['listen_port'] = 0\n"));
    assert!(problems.contains("must be a size, not `-1`"), "{problems}");
    assert!(problems.contains("must be a port, not `0`"), "{problems}");
}

#[test]
fn errors_about_hosts_set_in_one_loop_name_the_host() {
    let problems = problems(
        "external_url 'https://gitlab.example.com'\nmattermost_external_url 'https://chat.example.com'\n\
         [nginx, mattermost_nginx].each { |v| v['listen_addresses'] = ['127.0.0.1'] }\nnginx['proxy_protocol'] = true\n",
    );
    assert!(problems.contains("connections to `chat.example.com` require a PROXY header"), "{problems}");
    assert!(problems.contains("127.0.0.1:443 is shared with `gitlab.example.com`"), "{problems}");
}

#[test]
fn address_of_pages_itself_is_a_conflict() {
    let pages = format!(
        "{GITLAB}gitlab_pages['external_https'] = ['192.0.2.2:443']\n\
         pages_external_url 'http://pages.example.com'\n"
    );
    let warnings = problems(&pages);
    assert!(warnings.contains("cannot listen on 0.0.0.0:443: GitLab Pages listens on 192.0.2.2:443"), "{warnings}");
    assert!(warnings.contains("`gitlab_pages['external_https']` at /etc/gitlab/gitlab.rb:2:"), "{warnings}");
    let apart = problems(&format!("{pages}nginx['listen_addresses'] = ['192.0.2.1']\n"));
    assert!(!apart.contains("GitLab Pages"), "{apart}");
    let off = problems(&format!("{pages}gitlab_pages['enable'] = false\n"));
    assert!(!off.contains("GitLab Pages"), "{off}");
}

#[test]
fn port_of_puma_is_a_warning_if_puma_runs() {
    let on_8080 = format!("{GITLAB}nginx['listen_port'] = 8080\n");
    assert!(problems(&on_8080).contains("Puma, which usually listens on 127.0.0.1:8080"));
    for apart in ["puma['port'] = 8090", "puma['enable'] = false", "nginx['listen_addresses'] = ['192.0.2.1']"] {
        let warnings = problems(&format!("{on_8080}{apart}\n"));
        assert!(!warnings.contains("Puma"), "{apart}: {warnings}");
    }
}

#[test]
fn nginx_text_under_the_key_of_another_host_names_the_right_key() {
    let config = config(&format!("{GITLAB}mattermost_nginx['custom_gitlab_server_config'] = 'deny all;'\n"));
    let report = report_of(&config, "mattermost_nginx.custom_gitlab_server_config");
    assert_eq!(report.verdict, SettingVerdict::NoEffect);
    assert!(report.reason.contains("custom_gitlab_mattermost_server_config"), "{}", report.reason);
    assert!(config.problems.to_string().contains("has no effect for this host"), "{}", config.problems);
}
