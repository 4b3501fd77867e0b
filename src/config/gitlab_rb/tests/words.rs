//! What is said about mistakes: verdicts that fit, and directions that lead somewhere.

use super::{judgement, problems, reading};
use crate::model::setting_report::SettingVerdict;

const GITLAB: &str = "external_url 'https://gitlab.example.com'\n";

#[test]
fn a_setting_with_an_error_somewhere_in_it_is_not_called_applied() {
    let reading = reading(&format!(
        "{GITLAB}nginx['listen_addresses'] = ['*', 'eth0']\nnginx['proxy_set_headers'] = {{ 'X' => 5 }}\n\
         gitlab_kas_external_url 'wss://kas.example.com'\ngitlab_kas['listen_websocket'] = false\n"
    ));
    for key in ["nginx.listen_addresses", "nginx.proxy_set_headers", "gitlab_kas.listen_websocket"] {
        assert_eq!(judgement(&reading, key).verdict, SettingVerdict::Refused, "{key}");
    }
    assert_eq!(judgement(&reading, "external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn a_text_that_could_have_been_right_is_told_as_it_is() {
    let problems = problems(&format!(
        "{GITLAB}nginx['client_max_body_size'] = '250 M'\nnginx['listen_port'] = 'https'\n\
         nginx['proxy_read_timeout'] = '5 minutes'\n"
    ));
    for said in [
        "`nginx['client_max_body_size']` takes a size, and '250 M' is none",
        "`nginx['listen_port']` takes a port, and 'https' is none",
        "`nginx['proxy_read_timeout']` takes a time, and '5 minutes' is none",
    ] {
        assert!(problems.contains(said), "{said} is missing:\n{problems}");
    }
}

#[test]
fn a_text_in_place_of_a_list_is_shown_as_a_list() {
    let problems = problems(&format!("{GITLAB}nginx['listen_addresses'] = '127.0.0.1'\n"));
    assert!(problems.contains("write it in brackets: ['127.0.0.1']"), "{problems}");
}

#[test]
fn a_local_variable_called_like_a_hash_is_told_how_to_set_its_keys() {
    let problems = problems(&format!("{GITLAB}nginx = {{ 'listen_port' => 8080 }}\n"));
    assert!(problems.contains("write nginx['…'] = …"), "{problems}");
    assert!(!problems.contains("leave the `=` out"), "{problems}");
}

#[test]
fn the_hash_called_gitlab_is_taken_for_gitlab_rails() {
    let problems = problems(&format!("{GITLAB}gitlab['nginx']['listen_port'] = 1\n"));
    assert!(problems.contains("did you mean `gitlab_rails`?"), "{problems}");
}

#[test]
fn a_header_that_has_no_possible_name_is_an_error() {
    let problems = problems(&format!("{GITLAB}nginx['proxy_set_headers'] = {{ 'Bad Name' => 'x' }}\n"));
    assert!(problems.contains("header `Bad Name` cannot be set"), "{problems}");
}

#[test]
fn a_referrer_policy_that_no_header_can_hold_is_an_error() {
    let reading = reading(&format!("{GITLAB}nginx['referrer_policy'] = \"a\\nb\"\n"));
    assert_eq!(judgement(&reading, "nginx.referrer_policy").verdict, SettingVerdict::Refused);
}

#[test]
fn a_host_whose_redirect_meets_itself_is_told_so() {
    let problems = problems(&format!(
        "{GITLAB}nginx['redirect_http_to_https'] = true\nnginx['redirect_http_to_https_port'] = 443\n"
    ));
    assert!(
        problems.contains("cannot redirect to `gitlab.example.com` from an address that is used for TLS"),
        "{problems}"
    );
}

#[test]
fn an_unknown_key_that_is_set_twice_is_told_as_unknown() {
    let problems = problems(&format!("{GITLAB}nginx['listen_prot'] = 1\nnginx['listen_prot'] = 2\n"));
    assert!(!problems.contains("set again"), "{problems}");
    assert!(problems.contains("listen_port is near"), "{problems}");
}

#[test]
fn a_port_that_is_taken_is_told_where_it_is_set() {
    let reading = reading(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com'\nregistry_nginx['listen_port'] = 5000\n"
    ));
    assert!(reading.problems.to_string().contains("gitlab.rb:3:"), "{}", reading.problems);
    assert_eq!(judgement(&reading, "registry_nginx.listen_port").verdict, SettingVerdict::Refused);
    assert_eq!(judgement(&reading, "registry_external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn a_number_that_is_no_size_or_port_is_told_as_it_is() {
    let problems = problems(&format!("{GITLAB}nginx['client_max_body_size'] = -1\nnginx['listen_port'] = 0\n"));
    assert!(problems.contains("takes a size, and '-1' is none"), "{problems}");
    assert!(problems.contains("takes a port, and '0' is none"), "{problems}");
}

#[test]
fn hosts_that_are_set_in_one_loop_are_told_apart_by_name() {
    let problems = problems(
        "external_url 'https://gitlab.example.com'\nmattermost_external_url 'https://chat.example.com'\n\
         [nginx, mattermost_nginx].each { |v| v['listen_addresses'] = ['127.0.0.1'] }\nnginx['proxy_protocol'] = true\n",
    );
    assert!(problems.contains("connections to `chat.example.com` require a PROXY header"), "{problems}");
    assert!(problems.contains("127.0.0.1:443 is shared with `gitlab.example.com`"), "{problems}");
}

#[test]
fn addresses_that_pages_has_for_itself_are_not_the_proxys() {
    let pages = format!(
        "{GITLAB}gitlab_pages['external_https'] = ['192.0.2.2:443']\n\
         pages_external_url 'http://pages.example.com'\n"
    );
    let told = problems(&pages);
    assert!(
        told.contains("Pages itself listens on 192.0.2.2:443, so the proxy cannot listen on 0.0.0.0:443"),
        "{told}"
    );
    assert!(told.contains("gitlab_pages['external_https'], at /etc/gitlab/gitlab.rb:2:"), "{told}");
    let apart = problems(&format!("{pages}nginx['listen_addresses'] = ['192.0.2.1']\n"));
    assert!(!apart.contains("Pages itself"), "{apart}");
    let off = problems(&format!("{pages}gitlab_pages['enable'] = false\n"));
    assert!(!off.contains("Pages itself"), "{off}");
}

#[test]
fn the_port_of_puma_is_warned_of_where_puma_runs() {
    let on_8080 = format!("{GITLAB}nginx['listen_port'] = 8080\n");
    assert!(problems(&on_8080).contains("Puma usually listens on 127.0.0.1:8080"));
    for apart in ["puma['port'] = 8090", "puma['enable'] = false", "nginx['listen_addresses'] = ['192.0.2.1']"] {
        let told = problems(&format!("{on_8080}{apart}\n"));
        assert!(!told.contains("Puma"), "{apart}: {told}");
    }
}

#[test]
fn nginx_text_under_the_key_of_another_host_is_told_its_own_key() {
    let reading = reading(&format!("{GITLAB}mattermost_nginx['custom_gitlab_server_config'] = 'deny all;'\n"));
    let judged = judgement(&reading, "mattermost_nginx.custom_gitlab_server_config");
    assert_eq!(judged.verdict, SettingVerdict::NoEffect);
    assert!(judged.reason.contains("custom_gitlab_mattermost_server_config"), "{}", judged.reason);
    assert!(reading.problems.to_string().contains("sets nothing for this host"), "{}", reading.problems);
}
