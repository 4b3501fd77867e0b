//! Tests of the overrides file and of `gitlab-ctl show-config` output.

use std::collections::HashMap;
use std::path::Path;

use super::{TWO_HOSTS, TestEnvironment, config, config_in, host, report_of};
use crate::config::gitlab_rb::{GitlabRbConfig, read};
use crate::model::setting_report::SettingVerdict;

fn overridden(text: &str, overrides: &'static str) -> GitlabRbConfig {
    let files = HashMap::from([("/etc/gitlab/gatepost-overrides.toml", overrides)]);
    config_in(text, &TestEnvironment { files, ..TestEnvironment::default() })
}

#[test]
fn lets_encrypt_in_the_overrides_causes_no_warning() {
    let off = format!("{TWO_HOSTS}nginx['enable'] = false\n");
    let warnings = overridden(&off, "letsencrypt.enable = true\n").problems.to_string();
    assert!(!warnings.contains("starts the bundled nginx again"), "{warnings}");
}

fn show_config(json: &str) -> GitlabRbConfig {
    read(Path::new("/etc/gitlab/show-config.json"), json, &TestEnvironment::default())
}

#[test]
fn override_replaces_an_unknown_value() {
    let text = "external_url 'https://gitlab.example.com'\nnginx['listen_port'] = `port`.to_i\n";
    let alone = config(text);
    assert!(
        alone.problems.to_string().contains("gatepost-overrides.toml in the same directory: nginx.listen_port = ")
    );
    let config = overridden(text, "[nginx]\nlisten_port = 8443\n");
    assert!(config.problems.is_empty(), "{}", config.problems);
    let ports: Vec<_> = config.model.as_ref().unwrap().listeners.iter().map(|it| it.address.port()).collect();
    assert!(ports.contains(&8443), "{ports:?}");
    let rows: Vec<_> = config.reports.iter().filter(|it| it.key == "nginx.listen_port").collect();
    assert_eq!(
        rows.iter().map(|row| row.verdict).collect::<Vec<_>>(),
        [SettingVerdict::NoEffect, SettingVerdict::Applied]
    );
    assert!(rows[0].reason.contains("gatepost-overrides.toml:2:15"), "{}", rows[0].reason);
    assert_eq!((rows[1].file.as_path(), rows[1].line), (Path::new("/etc/gitlab/gatepost-overrides.toml"), Some(2)));
}

#[test]
fn overrides_set_process_settings() {
    let process = "[process]\nworkers = 3\nuser = 'proxy'\nlog_level = 'debug'\nshutdown_timeout = '5s'\n";
    let model = overridden(TWO_HOSTS, process).model.unwrap();
    assert_eq!(model.process.workers.get(), 3);
    assert_eq!(model.process.user.as_deref(), Some("proxy"));
    assert_eq!(model.process.shutdown_timeout.as_secs(), 5);
}

#[test]
fn overrides_use_the_names_of_the_file_and_are_assigned_last() {
    let overrides = "external_url = 'https://git.example.com'\n[nginx]\nproxy_set_headers = { X-A = 'b' }\n\
                     [nginx.status]\nenable = false\n[gitlab_rails.nginx]\nclient_max_body_size = '1m'\n";
    let config = overridden("external_url 'http://x.example.com'\nnginx['status']['port'] = 1\n", overrides);
    let keys: Vec<_> = config.reports.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys[2..],
        [
            "external_url",
            "gitlab_rails.nginx.client_max_body_size",
            "nginx.proxy_set_headers",
            "nginx.status.enable"
        ]
    );
    host(&config.model.unwrap(), "0.0.0.0:443", "git.example.com");
}

#[test]
fn errors_in_the_overrides_are_reported_at_their_lines() {
    let problems = overridden(
        TWO_HOSTS,
        "mattermost_ngnix = {}\nnginx = 5\n[process]\nworker = 1\n[registry]\nx = 2020-01-01\n",
    );
    let problems = problems.problems.to_string();
    for message in [
        "did you mean `mattermost_nginx`?",
        "`nginx` must be a table",
        "did you mean `workers`?",
        "a date is not the value of a setting",
        "gatepost-overrides.toml:4:1",
    ] {
        assert!(problems.contains(message), "{message} is missing:\n{problems}");
    }
    assert!(overridden(TWO_HOSTS, "[nginx\n").problems.to_string().contains("gatepost-overrides.toml:1"));
}

#[test]
fn show_config_output_is_read_like_the_file() {
    let config = show_config(
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
    assert!(config.problems.is_empty(), "{}", config.problems);
    assert_eq!(report_of(&config, "mattermost_nginx.client_max_body_size").line, Some(8));
    let keys: Vec<_> = config.reports.iter().map(|it| (it.key.as_str(), it.verdict)).collect();
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
    let model = config.model.unwrap();
    host(&model, "0.0.0.0:8443", "gitlab.example.com");
    host(&model, "0.0.0.0:443", "chat.example.com");
}

#[test]
fn errors_in_json_are_reported_at_their_spans() {
    let wrong = show_config("{\n  \"gitlab\": {\n    \"nginx\": { \"listen_port\": \"é\" }\n  }\n}");
    assert!(wrong.problems.to_string().contains("show-config.json:3:31"), "{}", wrong.problems);
    let broken = show_config("{ \"nginx\": { \"a\": [1, } }");
    assert!(broken.problems.to_string().contains("JSON syntax error"), "{}", broken.problems);
    assert!(broken.model.is_none());
}

#[test]
fn missing_certificate_is_reported_at_its_setting() {
    let text = "external_url 'https://gitlab.example.com'\nnginx['ssl_certificate'] = '/etc/ssl/own.crt'\n";
    let with_file = |path| TestEnvironment {
        files: HashMap::from([(path, "")]),
        only_files: true,
        ..TestEnvironment::default()
    };
    let missing =
        config(text).missing_certificates(&with_file("/etc/gitlab/ssl/gitlab.example.com.key")).to_string();
    assert!(missing.contains("file `/etc/ssl/own.crt` does not exist"), "{missing}");
    assert!(missing.contains("gitlab.rb:2:28"), "{missing}");
    let missing = config(text).missing_certificates(&with_file("/etc/ssl/own.crt")).to_string();
    assert!(missing.contains("/etc/gitlab/ssl/gitlab.example.com.key"), "{missing}");
    assert!(missing.contains("gitlab.rb:1:14"), "{missing}");
}
