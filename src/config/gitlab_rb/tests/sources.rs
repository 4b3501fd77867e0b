//! Where settings come from besides the file itself.

use std::collections::HashMap;
use std::path::Path;

use super::{BOTH, Given, host, judgement, reading, reading_in};
use crate::config::gitlab_rb::{GitlabRbConfig, read};
use crate::model::setting_report::SettingVerdict;

fn overridden(text: &str, overrides: &'static str) -> GitlabRbConfig {
    let files = HashMap::from([("/etc/gitlab/gatepost-overrides.toml", overrides)]);
    reading_in(text, &Given { files, ..Given::default() })
}

#[test]
fn who_obtains_by_the_overrides_is_not_told_to_do_so() {
    let off = format!("{BOTH}nginx['enable'] = false\n");
    let told = overridden(&off, "letsencrypt.enable = true\n").problems.to_string();
    assert!(!told.contains("starts the bundled nginx again"), "{told}");
}

fn shown(json: &str) -> GitlabRbConfig {
    read(Path::new("/etc/gitlab/show-config.json"), json, &Given::default())
}

#[test]
fn an_override_stands_in_for_what_only_execution_would_tell() {
    let text = "external_url 'https://gitlab.example.com'\nnginx['listen_port'] = `port`.to_i\n";
    let alone = reading(text);
    assert!(alone.problems.to_string().contains("gatepost-overrides.toml beside it: nginx.listen_port = "));
    let reading = overridden(text, "[nginx]\nlisten_port = 8443\n");
    assert!(reading.problems.is_empty(), "{}", reading.problems);
    let ports: Vec<_> = reading.model.as_ref().unwrap().listeners.iter().map(|it| it.address.port()).collect();
    assert!(ports.contains(&8443), "{ports:?}");
    let rows: Vec<_> = reading.reports.iter().filter(|it| it.key == "nginx.listen_port").collect();
    assert_eq!(
        rows.iter().map(|row| row.verdict).collect::<Vec<_>>(),
        [SettingVerdict::NoEffect, SettingVerdict::Applied]
    );
    assert!(rows[0].reason.contains("gatepost-overrides.toml:2:15"), "{}", rows[0].reason);
    assert_eq!((rows[1].file.as_path(), rows[1].line), (Path::new("/etc/gitlab/gatepost-overrides.toml"), Some(2)));
}

#[test]
fn an_override_says_how_the_process_runs() {
    let process = "[process]\nworkers = 3\nuser = 'proxy'\nlog_level = 'debug'\nshutdown_timeout = '5s'\n";
    let model = overridden(BOTH, process).model.unwrap();
    assert_eq!(model.process.workers.get(), 3);
    assert_eq!(model.process.user.as_deref(), Some("proxy"));
    assert_eq!(model.process.shutdown_timeout.as_secs(), 5);
}

#[test]
fn an_override_has_the_words_of_the_file_and_its_last_word() {
    let overrides = "external_url = 'https://git.example.com'\n[nginx]\nproxy_set_headers = { X-A = 'b' }\n\
                     [nginx.status]\nenable = false\n[gitlab_rails.nginx]\nclient_max_body_size = '1m'\n";
    let reading = overridden("external_url 'http://x.example.com'\nnginx['status']['port'] = 1\n", overrides);
    let keys: Vec<_> = reading.reports.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys[2..],
        [
            "external_url",
            "gitlab_rails.nginx.client_max_body_size",
            "nginx.proxy_set_headers",
            "nginx.status.enable"
        ]
    );
    host(&reading.model.unwrap(), "0.0.0.0:443", "git.example.com");
}

#[test]
fn mistakes_in_an_override_are_told_at_their_lines() {
    let problems =
        overridden(BOTH, "mattermost_ngnix = {}\nnginx = 5\n[process]\nworker = 1\n[registry]\nx = 2020-01-01\n");
    let problems = problems.problems.to_string();
    for said in [
        "did you mean `mattermost_nginx`?",
        "`nginx` is a table here",
        "did you mean `workers`?",
        "no setting is a date",
        "gatepost-overrides.toml:4:1",
    ] {
        assert!(problems.contains(said), "{said} is missing:\n{problems}");
    }
    assert!(overridden(BOTH, "[nginx\n").problems.to_string().contains("gatepost-overrides.toml:1"));
}

#[test]
fn what_the_package_has_computed_is_read_like_the_file() {
    let reading = shown(
        r#"{
  "gitlab": {
    "external-url": "https://gitlab.example.com",
    "nginx": { "listen_port": 8443, "proxy_set_headers": { "X-A": "b" } }
  },
  "mattermost_external_url": "https://chat.example.com",
  "mattermost_nginx": {
    "client_max_body_size": "250m",
    "http2_enabled": null
  },
  "roles": { "application": {} }
}"#,
    );
    assert!(reading.problems.is_empty(), "{}", reading.problems);
    assert_eq!(judgement(&reading, "mattermost_nginx.client_max_body_size").line, Some(8));
    let keys: Vec<_> = reading.reports.iter().map(|it| (it.key.as_str(), it.verdict)).collect();
    assert_eq!(
        keys,
        [
            ("external_url", SettingVerdict::Applied),
            ("nginx.listen_port", SettingVerdict::Applied),
            ("nginx.proxy_set_headers", SettingVerdict::Applied),
            ("mattermost_external_url", SettingVerdict::Applied),
            ("mattermost_nginx.client_max_body_size", SettingVerdict::Applied),
            ("mattermost_nginx.http2_enabled", SettingVerdict::NoEffect),
        ]
    );
    let model = reading.model.unwrap();
    host(&model, "0.0.0.0:8443", "gitlab.example.com");
    host(&model, "0.0.0.0:443", "chat.example.com");
}

#[test]
fn mistakes_in_json_are_told_at_their_places() {
    let wrong = shown("{\n  \"gitlab\": {\n    \"nginx\": { \"listen_port\": \"é\" }\n  }\n}");
    assert!(wrong.problems.to_string().contains("show-config.json:3:31"), "{}", wrong.problems);
    let broken = shown("{ \"nginx\": { \"a\": [1, } }");
    assert!(broken.problems.to_string().contains("this is not JSON"), "{}", broken.problems);
    assert!(broken.model.is_none());
}

#[test]
fn a_certificate_that_is_not_there_is_told_where_it_is_asked_for() {
    let text = "external_url 'https://gitlab.example.com'\nnginx['ssl_certificate'] = '/etc/ssl/own.crt'\n";
    let there = |path| Given { files: HashMap::from([(path, "")]), bare: true, ..Given::default() };
    let absent = reading(text).missing_certificates(&there("/etc/gitlab/ssl/gitlab.example.com.key")).to_string();
    assert!(absent.contains("there is no file /etc/ssl/own.crt"), "{absent}");
    assert!(absent.contains("gitlab.rb:2:28"), "{absent}");
    let absent = reading(text).missing_certificates(&there("/etc/ssl/own.crt")).to_string();
    assert!(absent.contains("/etc/gitlab/ssl/gitlab.example.com.key"), "{absent}");
    assert!(absent.contains("gitlab.rb:1:14"), "{absent}");
}
