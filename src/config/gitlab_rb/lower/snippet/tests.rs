//! Lowering of nginx text, checked with whole files.

use std::io;
use std::path::Path;

use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::{GitlabRbConfig, read};
use crate::model::host::HostPattern;
use crate::model::route::{RedirectTarget, RouteAction};
use crate::model::setting_report::SettingVerdict;
use crate::model::upstream::UpstreamTrust;

/// One file that includes itself.
struct Given;

impl Environment for Given {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/etc/nginx/loop.conf") => Ok("deny 192.0.2.1;\ninclude /etc/nginx/loop.conf;\n".to_owned()),
            Some("/etc/nginx/broken.conf") => Ok("location / {\n".to_owned()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn names_in(&self, _: &Path) -> Option<Vec<String>> {
        None
    }

    fn node(&self, _: &str) -> Option<String> {
        None
    }
}

/// Reads a file with this text in GitLab's `server` block, starting at line 3.
fn reading(text: &str) -> GitlabRbConfig {
    let text = format!(
        "external_url 'http://gitlab.example.com:8080'\nnginx['custom_gitlab_server_config'] = <<~'EOS'\n{text}\nEOS\n"
    );
    read(Path::new("/etc/gitlab/gitlab.rb"), &text, &Given)
}

/// Returns the routes in the order in which they are tried.
fn all_routes(text: &str) -> Vec<String> {
    let reading = reading(text);
    let model = reading.model.unwrap_or_else(|| panic!("{}", reading.problems));
    model.hosts()[0].routes.iter().map(|route| route.path.to_string()).collect()
}

/// Returns the routes that the package does not have.
fn routes(text: &str) -> Vec<String> {
    let package = all_routes("location /beside/ { return 404; }");
    all_routes(text).into_iter().filter(|route| !package.contains(route)).collect()
}

/// Returns line, name, verdict and reason of each directive.
fn verdicts(text: &str) -> Vec<(usize, String, SettingVerdict, String)> {
    let rows = reading(text).reports.into_iter().filter_map(|row| {
        let name = row.key.strip_prefix("nginx.custom_gitlab_server_config.")?.to_owned();
        Some((row.line.unwrap(), name, row.verdict, row.reason))
    });
    rows.collect()
}

/// Returns status, origin and path of the first redirect of the host.
fn redirect(text: &str) -> Option<(u16, String, RedirectTarget)> {
    let model = reading(text).model?;
    model.hosts()[0].routes.iter().find_map(|route| match &route.action {
        RouteAction::Redirect(redirect) => {
            Some((redirect.status.as_u16(), redirect.origin.to_string(), redirect.path.clone()))
        }
        _ => None,
    })
}

#[test]
fn each_location_modifier_becomes_its_kind_of_route() {
    let text = "location = /a { return 404; }\nlocation ^~ /b { return 404; }\nlocation ~* \\.php$ { return 404; }\n\
                location ~ ^/x/\\d+$ { return 404; }\nlocation /c/ { return 404; }\nlocation =/d { return 404; }";
    assert_eq!(routes(text), ["= /a", "= /d", "^~ /b", "~ (?i)\\.php$", "~ ^/x/\\d+$", "/c/"]);
}

#[test]
fn each_directive_has_its_own_line_and_verdict() {
    let rows =
        verdicts("location ^~ /x {\n  allow 10.0.0.0/8;\n  deny all;\n  limit_rate 1m;\n}\nssl_stapling on;");
    let short: Vec<_> = rows.iter().map(|(line, name, verdict, _)| (*line, name.as_str(), *verdict)).collect();
    assert_eq!(
        short,
        [
            (3, "location", SettingVerdict::Applied),
            (4, "location.allow", SettingVerdict::Applied),
            (5, "location.deny", SettingVerdict::Applied),
            (6, "location.limit_rate", SettingVerdict::Refused),
            (8, "ssl_stapling", SettingVerdict::NoEffect),
        ]
    );
}

#[test]
fn directives_in_a_refused_block_are_refused() {
    let rows = verdicts("location /x {\n  location /x/y { deny all; }\n}");
    let refused: Vec<_> =
        rows.iter().filter(|row| row.2 == SettingVerdict::Refused).map(|row| row.1.as_str()).collect();
    assert_eq!(refused, ["location", "location.location", "location.location.deny"]);
}

#[test]
fn duplicates_of_package_locations_are_refused() {
    for text in ["location / { deny all; }", "location ^~ / { deny all; }"] {
        assert_eq!(reading(text).refused_access_settings().count(), 1, "{text}");
    }
    let twice = reading("location /x { return 404; }\nlocation ^~ /x { return 403; }");
    assert!(twice.problems.to_string().contains("duplicate route for `/x`"), "{}", twice.problems);
}

#[test]
fn a_location_that_is_never_reached_is_a_warning() {
    let reading = reading("location /api/v4/users { return 403; }");
    assert!(reading.problems.to_string().contains("write `location ^~ /api/v4/users`"), "{}", reading.problems);
    assert_eq!(reading.refused_access_settings().count(), 0);
}

#[test]
fn redirects_have_the_targets_of_nginx() {
    let own = || "http://gitlab.example.com:8080".to_owned();
    let fixed = |path: &str| RedirectTarget::Fixed(path.to_owned());
    let replaced = |path: &str| RedirectTarget::ReplacePrefix(path.to_owned());
    for (text, expected) in [
        (
            "return 301 https://new.test$request_uri;",
            (301, "https://new.test".to_owned(), RedirectTarget::Unchanged),
        ),
        ("return 302 https://new.test;", (302, "https://new.test".to_owned(), fixed(""))),
        ("return https://new.test/x?y=z;", (302, "https://new.test".to_owned(), fixed("/x?y=z"))),
        ("return 308 $scheme://$http_host/x;", (308, own(), fixed("/x"))),
        (
            "return 301 https://${host}:8443$request_uri;",
            (301, "https://gitlab.example.com:8443".to_owned(), RedirectTarget::Unchanged),
        ),
        (
            "rewrite ^ https://new.test$request_uri? permanent;",
            (301, "https://new.test".to_owned(), RedirectTarget::Unchanged),
        ),
        ("rewrite ^/(.*)$ https://new.test/$1 redirect;", (302, "https://new.test".to_owned(), replaced("/"))),
        ("rewrite ^/a\\.b$ /c permanent;", (301, own(), replaced("/c"))),
        ("rewrite ^/old /new? permanent;", (301, own(), fixed("/new"))),
    ] {
        assert_eq!(redirect(text), Some(expected), "{text}");
    }
}

#[test]
fn redirects_with_unsupported_variables_or_patterns_are_refused() {
    for text in [
        "return 301 https://$arg_next;",
        "return 301 https://new.test$uri;",
        "return 301;",
        "return 99;",
        "return 200 \"$remote_addr\";",
        "rewrite ^/(a|b)$ /c permanent;",
        "rewrite ^/a(.*)$ /b$1 last;",
        "rewrite ^/a/(.*)/b$ /c permanent;",
        "if ($http_user_agent ~ bot) { return 301 /x; }",
    ] {
        assert!(redirect(text).is_none(), "{text}");
        assert!(verdicts(text).iter().any(|row| row.2 == SettingVerdict::Refused), "{text}");
    }
}

#[test]
fn a_condition_on_another_host_name_becomes_a_host() {
    let reading = reading("if ($host = old.example.com) { return 301 https://$server_name$request_uri; }");
    let model = reading.model.unwrap();
    let names: Vec<_> = model.hosts().iter().flat_map(|host| &host.names).map(HostPattern::to_string).collect();
    assert_eq!(names[..2], ["gitlab.example.com", "old.example.com"]);
}

#[test]
fn recursive_includes_end_at_the_limit() {
    let rows = verdicts("include /etc/nginx/loop.conf;");
    let last = rows.iter().find(|row| row.2 == SettingVerdict::Refused).unwrap();
    assert_eq!((last.1.as_str(), last.3.as_str()), ("include", "too many included files; the limit is 20"));
}

#[test]
fn an_error_in_an_included_file_has_a_span_in_that_file() {
    let problems = reading("include /etc/nginx/broken.conf;").problems.to_string();
    assert!(problems.contains("/etc/nginx/broken.conf:1:12"), "{problems}");
    assert!(verdicts("include conf.d/*.conf;").iter().any(|row| row.2 == SettingVerdict::Refused));
}

#[test]
fn policy_headers_change_the_setting_of_the_host() {
    let policies = |text: &str| {
        let model = reading(text).model.unwrap();
        let route = model.hosts()[0].routes.select("/").unwrap().clone();
        route.response_headers.iter().map(|op| format!("{op:?}")).filter(|op| op.contains("no-referrer")).count()
    };
    assert_eq!(policies("add_header Referrer-Policy no-referrer;"), 1);
    let rows = verdicts("location /x { add_header Strict-Transport-Security max-age=1; return 200; }");
    assert_eq!(rows[1].2, SettingVerdict::NoEffect);
}

/// Reads a file with two hosts and this text in the `http` block around them.
fn around(text: &str) -> GitlabRbConfig {
    let text = format!(
        "external_url 'http://gitlab.example.com'\nmattermost_external_url 'http://chat.example.com'\n\
         mattermost_nginx['custom_gitlab_mattermost_server_config'] = 'allow 10.0.0.1; deny all;'\n\
         nginx['custom_nginx_config'] = <<~'EOS'\n{text}\nEOS\n"
    );
    read(Path::new("/etc/gitlab/gitlab.rb"), &text, &Given)
}

#[test]
fn request_headers_can_have_variables() {
    let rows = verdicts("proxy_set_header X-A $host:$server_port;\nproxy_set_header X-B $no_such;");
    assert_eq!((rows[0].2, rows[1].2), (SettingVerdict::Applied, SettingVerdict::Refused));
}

#[test]
fn http_access_rules_apply_to_hosts_without_rules() {
    let model = around("deny 192.0.2.1;").model.unwrap();
    let rules = |host: usize| {
        let rules = &model.hosts()[host].routes.select("/x").unwrap().access;
        rules.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(rules(0), ["deny 192.0.2.1"]);
    assert_eq!(rules(1), ["allow 10.0.0.1", "deny all"]);
}

#[test]
fn a_refused_server_block_without_restrictions_is_a_warning() {
    let reading = around("server_tokens off;\nadd_header X-A b;\nserver { listen 80; return 301 https://a.test; }");
    assert_eq!(reading.refused_access_settings().count(), 0);
    let problems = reading.problems.to_string();
    assert!(problems.contains("nginx directive `server` is not applied"), "{problems}");
    assert!(problems.contains("only the hosts of external URLs are served; write `location` blocks"), "{problems}");
    assert!(!problems.contains("`add_header`"), "{problems}");
}

#[test]
fn upstream_certificates_are_verified_only_with_proxy_ssl_verify() {
    let trusts = |more: &str| {
        let text = format!("location /a/ {{ {more} proxy_pass https://127.0.0.1:9/; }}");
        let model = reading(&text).model.unwrap();
        let upstream = model.upstreams().iter().find_map(|upstream| upstream.tls().cloned()).unwrap();
        upstream.trust
    };
    assert_eq!(trusts(""), UpstreamTrust::Insecure);
    assert_ne!(trusts("proxy_ssl_verify on;"), UpstreamTrust::Insecure);
}

#[test]
fn any_text_is_lowered_or_rejected() {
    let words = [
        "location",
        "=",
        "~",
        "^~",
        "/x",
        "{",
        "}",
        ";",
        "deny",
        "all",
        "return",
        "301",
        "444",
        "$host",
        "$1",
        "if",
        "($host",
        "a.b)",
        "rewrite",
        "^/(.*)",
        "permanent",
        "proxy_pass",
        "http://a/",
        "add_header",
        "X-A",
        "root",
        "/",
        "include",
        "\"\"",
    ];
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    for _ in 0..300 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text += words[usize::try_from(state >> 33).unwrap() % words.len()];
            text += " ";
        }
        let reading = reading(&text);
        assert!(reading.model.is_some() || reading.problems.has_errors(), "{text}");
    }
}
