//! Tests of `include` in nginx text.

use super::{TWO_HOSTS, TestEnvironment, config_in};
use crate::config::gitlab_rb::GitlabRbConfig;
use crate::model::setting_report::SettingVerdict;

/// Every setting with nginx text.
const TEXTS: [&str; 7] = [
    "nginx['custom_gitlab_server_config']",
    "nginx['custom_nginx_config']",
    "gitlab_rails['nginx']['custom_gitlab_server_config']",
    "mattermost_nginx['custom_gitlab_mattermost_server_config']",
    "registry_nginx['custom_gitlab_server_config']",
    "pages_nginx['custom_gitlab_server_config']",
    "gitlab_kas_nginx['custom_gitlab_server_config']",
];

const HOSTS: &str = "registry_external_url 'https://registry.example.com'
pages_external_url 'https://pages.example.com'
gitlab_kas_external_url 'wss://kas.example.com'
";

fn including(setting: &str, text: &str, files: &[(&'static str, &'static str)]) -> GitlabRbConfig {
    let environment = TestEnvironment { files: files.iter().copied().collect(), ..TestEnvironment::default() };
    config_in(&format!("{TWO_HOSTS}{HOSTS}{setting} = '{text}'\n"), &environment)
}

#[test]
fn a_missing_file_is_an_error_at_the_line_of_its_include() {
    for setting in TEXTS {
        for text in [
            "include /etc/gitlab/allowlist.conf;",
            "location ^~ /x/ { include /etc/gitlab/allowlist.conf; }",
            "location ^~ /x/ { location /x/y { include /etc/gitlab/allowlist.conf; } }",
            "server { listen 80; include /etc/gitlab/allowlist.conf; }",
            "if ($a) { include /etc/gitlab/allowlist.conf; }",
            "include /etc/gitlab/outer.conf;",
        ] {
            let files = [("/etc/gitlab/outer.conf", "# line 1\ninclude /etc/gitlab/allowlist.conf;\n")];
            let config = including(setting, text, &files);
            assert!(config.model.is_none(), "{setting} {text}");
            let problems = config.problems.to_string();
            assert!(
                problems.contains("error: cannot read /etc/gitlab/allowlist.conf: "),
                "{setting} {text}\n{problems}"
            );
            let line = if text.contains("outer") { "--> /etc/gitlab/outer.conf:2:1" } else { "gitlab.rb:6:" };
            assert!(problems.contains(line), "{setting} {text}\n{problems}");
        }
    }
}

#[test]
fn an_include_that_names_no_file_is_an_error() {
    for text in [
        "include allowlist.conf;",
        "include conf.d/*.conf;",
        "include;",
        "include /a /b;",
        "include \"\";",
        // A directory that exists and cannot be listed.
        "include /etc/gitlab/file/*.conf;",
        "include /etc/gitlab/file.d/../broken;",
    ] {
        let config = including(TEXTS[0], text, &[("/etc/gitlab/file", "")]);
        assert!(config.model.is_none(), "{text}");
        assert!(config.problems.to_string().contains("gitlab.rb:6:"), "{text}\n{}", config.problems);
    }
}

#[test]
fn a_pattern_may_match_no_file() {
    for setting in TEXTS {
        for pattern in
            ["/etc/none/*.conf", "/etc/gitlab/*.none", "/etc/gitlab/?", "/etc/gitlab/[x].conf", "/etc/*/x.conf"]
        {
            let config = including(setting, &format!("include {pattern};"), &[("/etc/gitlab/y.conf", "deny all;")]);
            assert!(config.model.is_some(), "{setting} {pattern}\n{}", config.problems);
            assert_eq!(config.refused_access_settings().count(), 0, "{setting} {pattern}");
        }
    }
}

#[test]
fn included_directives_apply_where_the_include_is() {
    let files =
        [("/etc/gitlab/nginx/10-deny.conf", "deny 192.0.2.1;"), ("/etc/gitlab/nginx/20-all.conf", "allow all;")];
    for (text, path) in [
        ("include /etc/gitlab/nginx/*.conf;", "/x"),
        ("include /etc/gitlab/nginx/[0-9]?-*.conf;", "/x"),
        ("location ^~ /x/ { include /etc/gitlab/nginx/*.conf; proxy_pass http://gitlab-workhorse; }", "/x/"),
    ] {
        let config = including(TEXTS[0], text, &files);
        let model = config.model.as_ref().unwrap_or_else(|| panic!("{}", config.problems));
        let route = model.hosts().iter().find(|it| it.names[0].to_string() == "gitlab.example.com");
        let rules = &route.unwrap().routes.select(path).unwrap().access;
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(rules, ["deny 192.0.2.1", "allow all"], "{text}");
        let verdicts = config.reports.iter().filter(|it| it.key.ends_with(".include")).map(|it| it.verdict);
        assert_eq!(verdicts.collect::<Vec<_>>(), [SettingVerdict::Applied], "{text}");
    }
}
