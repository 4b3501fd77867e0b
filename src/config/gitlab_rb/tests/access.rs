//! Tests of access restrictions that cannot be applied.

use super::{TWO_HOSTS, TestEnvironment, config, config_in};

/// Returns the keys of the restrictions that are not applied, without the key of the setting.
fn refused(setting: &str, text: &str) -> Vec<String> {
    let config = config(&format!("{TWO_HOSTS}{setting} = '{text}'\n"));
    assert!(!config.problems.has_errors(), "{text}\n{}", config.problems);
    let keys = config.refused_access_settings().map(|it| it.key.split_once("_config.").unwrap().1.to_owned());
    keys.collect()
}

const HTTP: &str = "nginx['custom_nginx_config']";

#[test]
fn a_restriction_in_a_server_block_is_an_error() {
    for (text, restriction) in [
        ("listen 80 default_server;", "listen"),
        ("listen [::]:80 ipv6only=on default_server;", "listen"),
        ("listen 443 ssl default;", "listen"),
        ("server_name _;", "server_name"),
        ("server_name a.example.com _;", "server_name"),
        ("server_name \"\";", "server_name"),
        ("server_name a.example.com \"\";", "server_name"),
        ("server_name ~^.*$;", "server_name"),
        ("return 444;", "return"),
        ("return 403;", "return"),
        ("return 401 \"no\";", "return"),
        ("return 503;", "return"),
        ("deny all;", "deny"),
        ("allow 10.0.0.0/8;", "allow"),
        ("ssl_reject_handshake on;", "ssl_reject_handshake"),
        ("auth_basic \"staff\";", "auth_basic"),
        ("auth_request /auth;", "auth_request"),
        ("auth_jwt \"staff\";", "auth_jwt"),
        ("ssl_verify_client on;", "ssl_verify_client"),
        ("ssl_verify_client optional;", "ssl_verify_client"),
        ("limit_req zone=a;", "limit_req"),
        ("limit_conn a 1;", "limit_conn"),
        ("satisfy any;", "satisfy"),
        ("location / { deny all; }", "location.deny"),
        ("location / { return 404; }", "location.return"),
        ("location / { location /x { internal; } }", "location.location.internal"),
        ("location / { limit_except GET { deny all; } }", "location.limit_except"),
        ("if ($host = a) { return 403; }", "if.return"),
    ] {
        let keys = refused(HTTP, &format!("server {{ listen 81; {text} }}"));
        assert_eq!(keys.first(), Some(&format!("server.{restriction}")), "{text}");
    }
}

#[test]
fn a_restriction_in_an_included_server_block_is_an_error() {
    for block in ["server { listen 80 default_server; server_name _; return 444; }", "server { include /b; }"] {
        let files = [("/a", block), ("/b", "deny all;")];
        let environment = TestEnvironment { files: files.into(), ..TestEnvironment::default() };
        let config = config_in(&format!("{TWO_HOSTS}{HTTP} = 'include /a;'\n"), &environment);
        let first = config.refused_access_settings().next().unwrap_or_else(|| panic!("{block}"));
        assert!(["/a", "/b"].contains(&first.file.to_str().unwrap()), "{block}");
    }
}

#[test]
fn a_server_block_without_restrictions_is_a_warning() {
    for text in [
        "listen 80; server_name old.example.com; return 301 https://gitlab.example.com$request_uri;",
        "listen 8443 ssl; server_name a.example.com *.example.org ~^(www|old); ssl_reject_handshake off;",
        "listen 8080; ssl_verify_client off; location / { proxy_pass http://127.0.0.1:9000; }",
        "listen 8080; location /health { return 200 \"ok\"; }",
    ] {
        assert_eq!(refused(HTTP, &format!("server {{ {text} }}")), [""; 0], "{text}");
    }
    let problems = config(&format!("{TWO_HOSTS}{HTTP} = 'server {{ listen 81; }}'\n")).problems.to_string();
    assert!(problems.contains("warning: nginx directive `server` is not applied"), "{problems}");
    assert!(!problems.contains("gatepost.toml"), "{problems}");
}

#[test]
fn rate_limits_and_revocation_restrict_access_everywhere() {
    for setting in [
        "nginx['custom_gitlab_server_config']",
        "mattermost_nginx['custom_gitlab_mattermost_server_config']",
        "gitlab_rails['nginx']['custom_gitlab_server_config']",
        HTTP,
    ] {
        assert_eq!(refused(setting, "limit_req zone=a burst=5;"), ["limit_req"], "{setting}");
        assert_eq!(refused(setting, "limit_conn a 1;"), ["limit_conn"], "{setting}");
        // A zone alone limits nothing.
        assert_eq!(
            refused(setting, "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;"),
            [""; 0],
            "{setting}"
        );
    }
    for text in ["ssl_crl /etc/gitlab/ssl/crl.pem;", "ssl_ocsp on;", "ssl_verify_client on;"] {
        let name = text.split(' ').next().unwrap();
        assert_eq!(refused("nginx['custom_gitlab_server_config']", text), [name]);
    }
    for text in ["limit_req zone=a;", "limit_conn a 1;", "auth_request /x;", "satisfy any;", "auth_basic x;"] {
        let name = text.split(' ').next().unwrap();
        let location = format!("location ^~ /x/ {{ {text} proxy_pass http://gitlab-workhorse; }}");
        assert_eq!(refused("nginx['custom_gitlab_server_config']", &location), [format!("location.{name}")]);
    }
}

#[test]
fn restrictions_of_a_refused_block_are_errors() {
    for (text, restriction) in [
        ("location / { deny all; }", "location.deny"),
        ("location / { internal; }", "location.internal"),
        ("location /x { location /x/y { internal; } }", "location.location.internal"),
        ("if ($http_user_agent ~ bot) { return 403; }", "if.return"),
        ("location ^~ /x { if ($a) { return 444; } }", "location.if.return"),
    ] {
        assert_eq!(refused("nginx['custom_gitlab_server_config']", text), [restriction], "{text}");
    }
}
