//! nginx configuration text in a `gitlab.rb`: the proxy behaves as nginx does.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB};
use crate::support::gatepost::Gatepost;
use crate::support::message::Message;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::process::run;
use crate::support::socket::connect_from;

fn gitlab_origin() -> Origin {
    Origin::tcp(responds(|_| ok("from gitlab")))
}

/// Serves GitLab's host with this text in its server block.
fn serving_nginx_text(origin: &Origin, text: &str) -> Gatepost {
    Gatepost::serving_gitlab_rb(origin, &format!("nginx['custom_gitlab_server_config'] = <<~'EOS'\n{text}\nEOS\n"))
}

fn get(gatepost: &Gatepost, target: &str) -> Message {
    gatepost.plain_client_of(GITLAB).get(target)
}

#[test]
fn deny_all_in_a_location_forbids_only_that_location() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, "location ^~ /group/project/raw/ { deny all; }");
    assert_eq!(get(&gatepost, "/group/project/raw/main/secret").status(), 403);
    assert_eq!(get(&gatepost, "/group%2Fproject//raw/main/secret").status(), 403);
    assert_eq!(get(&gatepost, "/group/project/").text(), "from gitlab");
    assert_eq!(origin.heads().len(), 1);
}

#[test]
fn server_access_rules_apply_to_every_path() {
    let origin = gitlab_origin();
    let denying = serving_nginx_text(&origin, "allow 192.0.2.0/24;\ndeny all;");
    for path in ["/", "/api/v4/version", "/-/health", "/x.git/info/refs"] {
        assert_eq!(get(&denying, path).status(), 403, "{path}");
    }
    let allowing = serving_nginx_text(&origin, "allow 127.0.0.0/8;\ndeny all;");
    assert_eq!(get(&allowing, "/").text(), "from gitlab");
}

#[test]
fn location_access_rules_replace_server_rules() {
    let origin = gitlab_origin();
    let text = "deny all;\nlocation ^~ /public/ { allow all; proxy_pass http://gitlab-workhorse; }";
    let gatepost = serving_nginx_text(&origin, text);
    assert_eq!(get(&gatepost, "/public/x").text(), "from gitlab");
    assert_eq!(get(&gatepost, "/x").status(), 403);
}

#[test]
fn return_in_a_location_precedes_access_rules() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, "location ^~ /api/v4/jobs/request { deny all; return 503; }");
    assert_eq!(get(&gatepost, "/api/v4/jobs/request").status(), 503);
    assert_eq!(get(&gatepost, "/api/v4/version").text(), "from gitlab");
}

#[test]
fn server_return_applies_to_every_path() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, "deny all;\nreturn 301 https://new.test$request_uri;");
    for target in ["/", "/a%2Fb/c?x=1&y", "/-/health", "/api/v4/version"] {
        let response = get(&gatepost, target);
        assert_eq!(response.status(), 301);
        assert_eq!(response.head.value("location"), Some(&*format!("https://new.test{target}")));
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn return_444_closes_the_connection_without_a_response() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, "location ~ \\.php$ { return 444; }");
    let mut client = gatepost.plain_client_of(GITLAB);
    client.request("GET /wp-login.php HTTP/1.1", &[]);
    client.expect_closed();
    assert_eq!(get(&gatepost, "/").text(), "from gitlab");
}

#[test]
fn redirects_keep_or_drop_path_and_query_as_nginx_does() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(
        &origin,
        "location = /start { return 302 https://portal.test/; }\n\
         location = /help-me { return 307 /help?from=here; }\n\
         rewrite ^/old$ /new permanent;\n\
         rewrite ^/wiki/(.*)$ https://docs.test/w/$1 redirect;\n\
         rewrite ^/moved(.*) https://docs.test$1 permanent;",
    );
    let origin_url = format!("http://{GITLAB}:{}", gatepost.http().port());
    for (target, status, location) in [
        ("/start?x=1", 302, "https://portal.test/".to_owned()),
        ("/help-me", 307, format!("{origin_url}/help?from=here")),
        ("/old?x=1", 301, format!("{origin_url}/new?x=1")),
        ("/moved/a?x=1", 301, "https://docs.test/a?x=1".to_owned()),
        ("/wiki/a/b%20c?x=1", 302, "https://docs.test/w/a/b%20c?x=1".to_owned()),
    ] {
        let response = get(&gatepost, target);
        assert_eq!(
            (response.status(), response.head.value("location")),
            (status, Some(location.as_str())),
            "{target}"
        );
    }
    assert_eq!(get(&gatepost, "/older").text(), "from gitlab");
    // The literal replacement would redirect to another host than the configured one.
    assert_eq!(get(&gatepost, "/moved.evil.test/").status(), 400);
}

#[test]
fn another_host_name_is_redirected_to_the_canonical_name() {
    let origin = gitlab_origin();
    let gatepost =
        serving_nginx_text(&origin, "if ($host = old.test) { return 301 http://gitlab.test$request_uri; }");
    let response = gatepost.plain_client_of("old.test").get("/x?y=z");
    assert_eq!((response.status(), response.head.value("location")), (301, Some("http://gitlab.test/x?y=z")));
    assert_eq!(get(&gatepost, "/x").text(), "from gitlab");
}

#[test]
fn add_header_keeps_upstream_headers_unless_hidden() {
    let origin = Origin::tcp(responds(|_| {
        response_bytes(
            "200 OK",
            &[("X-Frame-Options", "DENY"), ("X-Powered-By", "cats"), ("Content-Security-Policy", "a")],
            "x",
        )
    }));
    let gatepost = serving_nginx_text(
        &origin,
        "add_header X-Frame-Options \"SAMEORIGIN\" always;\n\
         proxy_hide_header X-Powered-By;\n\
         proxy_hide_header Content-Security-Policy;\n\
         add_header Content-Security-Policy \"default-src 'self'; img-src *\";",
    );
    let response = get(&gatepost, "/");
    assert_eq!(response.head.values("x-frame-options"), ["DENY", "SAMEORIGIN"]);
    assert!(!response.head.has("x-powered-by"));
    assert_eq!(response.head.values("content-security-policy"), ["default-src 'self'; img-src *"]);
}

#[test]
fn location_add_header_replaces_server_add_header() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(
        &origin,
        "add_header X-Server a;\n\
         location = /own { add_header X-Own b; return 200 \"own\"; }\n\
         location = /bare { return 200 \"bare\"; }",
    );
    let names = |path: &str| {
        let head = get(&gatepost, path).head;
        (head.value("x-server").map(str::to_owned), head.value("x-own").map(str::to_owned))
    };
    assert_eq!(names("/"), (Some("a".to_owned()), None));
    assert_eq!(names("/api/v4/version"), (Some("a".to_owned()), None));
    assert_eq!(names("/own"), (None, Some("b".to_owned())));
    assert_eq!(names("/bare"), (Some("a".to_owned()), None));
}

#[test]
fn server_proxy_set_header_is_forwarded() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, "proxy_set_header X-Corp \"two words\";");
    get(&gatepost, "/");
    assert_eq!(origin.only_request().head.value("x-corp"), Some("two words"));
}

#[test]
fn root_and_alias_serve_files() {
    let directory = TempDir::new().unwrap();
    fs::create_dir_all(directory.path().join(".well-known/acme-challenge")).unwrap();
    fs::write(directory.path().join(".well-known/acme-challenge/token"), "proof").unwrap();
    fs::write(directory.path().join("robots.txt"), "User-agent: *\n").unwrap();
    let origin = gitlab_origin();
    let root = directory.path().display();
    let gatepost = serving_nginx_text(
        &origin,
        &format!(
            "location ^~ /.well-known {{ root {root}; }}\n\
             location = /robots.txt {{ alias {root}/robots.txt; access_log off; }}"
        ),
    );
    assert_eq!(get(&gatepost, "/.well-known/acme-challenge/token").text(), "proof");
    assert_eq!(get(&gatepost, "/.well-known/acme-challenge/none").status(), 404);
    let robots = get(&gatepost, "/robots.txt");
    assert_eq!(robots.text(), "User-agent: *\n");
    assert!(robots.head.value("content-type").unwrap().starts_with("text/plain"));
    assert!(origin.heads().is_empty());
}

#[test]
fn return_200_responds_with_text_and_content_type() {
    let origin = gitlab_origin();
    let gatepost =
        serving_nginx_text(&origin, "location = /robots.txt { return 200 \"User-agent: *\\nDisallow: /\\n\"; }");
    let response = get(&gatepost, "/robots.txt");
    assert_eq!((response.status(), response.text().as_str()), (200, "User-agent: *\nDisallow: /\n"));
    assert_eq!(response.head.value("content-type"), Some("text/plain"));
}

#[test]
fn proxy_pass_in_a_location_selects_another_upstream() {
    let origin = gitlab_origin();
    let plantuml = Origin::tcp(responds(|_| ok("from plantuml")));
    let address = plantuml.upstream();
    let gatepost = serving_nginx_text(
        &origin,
        &format!(
            "location /-/plantuml/ {{\n  rewrite ^/-/plantuml/(.*) /$1 break;\n  proxy_cache off;\n  proxy_pass http://{address}/;\n}}\n\
             location /-/kroki/ {{ proxy_pass http://{address}/kroki/; }}\n\
             location /-/grafana {{ proxy_pass http://{address}; }}"
        ),
    );
    let mut client = gatepost.plain_client_of(GITLAB);
    for path in ["/-/plantuml/svg/a%20b?x=1", "/-/kroki/graphviz", "/-/grafana/api"] {
        assert_eq!(client.get(path).text(), "from plantuml", "{path}");
    }
    let targets: Vec<_> =
        plantuml.heads().iter().map(|head| String::from_utf8(head.start_line().to_vec()).unwrap()).collect();
    assert_eq!(
        targets,
        ["GET /svg/a%20b?x=1 HTTP/1.1", "GET /kroki/graphviz HTTP/1.1", "GET /-/grafana/api HTTP/1.1"]
    );
    assert!(origin.heads().is_empty());
}

#[test]
fn location_proxy_set_header_inherits_none_of_the_server() {
    let origin = gitlab_origin();
    let other = Origin::tcp(responds(|_| ok("x")));
    let address = other.upstream();
    let text = format!(
        "location /inherits/ {{ proxy_pass http://{address}; }}\n\
         location /own/ {{ proxy_set_header X-Corp a; proxy_pass http://{address}; }}\n\
         location /host/ {{ proxy_set_header Host $http_host; proxy_pass http://{address}; }}"
    );
    let gatepost = serving_nginx_text(&origin, &text);
    for path in ["/inherits/", "/own/", "/host/"] {
        assert_eq!(get(&gatepost, path).status(), 200);
    }
    let heads = other.heads();
    let values = |name: &str| heads.iter().map(|head| head.value(name)).collect::<Vec<_>>();
    let address = address.to_string();
    assert_eq!(values("host"), [Some(GITLAB), Some(&*address), Some(GITLAB)]);
    assert_eq!(values("x-forwarded-proto"), [Some("http"), None, None]);
    assert_eq!(values("x-real-ip"), [Some("127.0.0.1"), None, None]);
    assert_eq!(values("x-corp"), [None, Some("a"), None]);
}

#[test]
fn package_regexes_precede_custom_regexes() {
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(
        &origin,
        "location ~ /version$ { return 404; }\nlocation /api { return 403; }\nlocation ^~ /api/v4/users { return 403; }",
    );
    assert_eq!(get(&gatepost, "/api/v4/version").text(), "from gitlab");
    assert_eq!(get(&gatepost, "/help/version").status(), 404);
    assert_eq!(get(&gatepost, "/api/graphql").status(), 403);
    assert_eq!(get(&gatepost, "/api/v4/users?x").status(), 403);
}

#[test]
fn included_files_are_parsed() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("a.conf"), "location ^~ /a { return 410; }\n").unwrap();
    fs::write(directory.path().join("b.conf"), "location ^~ /b { return 410; }\n").unwrap();
    let origin = gitlab_origin();
    let gatepost = serving_nginx_text(&origin, &format!("include {}/*.conf;", directory.path().display()));
    assert_eq!(get(&gatepost, "/a").status(), 410);
    assert_eq!(get(&gatepost, "/b").status(), 410);
}

#[test]
fn unsupported_access_restrictions_prevent_startup_with_their_line() {
    let origin = gitlab_origin();
    let configuration = Configuration::new();
    let text =
        "nginx['custom_gitlab_server_config'] = <<~'EOS'\n  location /x {\n    auth_basic \"x\";\n  }\nEOS\n";
    let path = configuration.write_gitlab_rb(&origin, text);
    let output = run(&["serve", "--gitlab-rb", path.to_str().unwrap()]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("auth_basic"), "{}", output.stderr);
    assert!(output.stderr.contains("gitlab.rb:10: "), "{}", output.stderr);
}

#[test]
fn check_and_serve_fail_for_each_restriction_that_is_not_applied() {
    let origin = gitlab_origin();
    let configuration = Configuration::new();
    for (text, message) in [
        ("custom_nginx_config'] = 'server { listen 80 default_server; }'", "custom_nginx_config.server.listen"),
        ("custom_nginx_config'] = 'server { server_name _; }'", "custom_nginx_config.server.server_name"),
        ("custom_nginx_config'] = 'server { return 444; }'", "custom_nginx_config.server.return"),
        ("custom_nginx_config'] = 'limit_conn a 1;'", "custom_nginx_config.limit_conn"),
        ("custom_gitlab_server_config'] = 'limit_req zone=a;'", "custom_gitlab_server_config.limit_req"),
        ("custom_gitlab_server_config'] = 'include /none/allowlist.conf;'", "cannot read /none/allowlist.conf"),
        ("custom_nginx_config'] = 'include /none/allowlist.conf;'", "cannot read /none/allowlist.conf"),
    ] {
        let path = configuration.write_gitlab_rb(&origin, &format!("nginx['{text}\n"));
        for command in ["check", "serve"] {
            let output = run(&[command, "--gitlab-rb", path.to_str().unwrap()]);
            assert_eq!(output.code, Some(1), "{command} {text}\n{}", output.stderr);
            assert!(output.stderr.contains(message), "{command} {text}\n{}", output.stderr);
            assert!(output.stderr.contains("gitlab.rb:8:"), "{command} {text}\n{}", output.stderr);
        }
    }
}

#[test]
fn invalid_nginx_syntax_is_an_error_at_its_line() {
    let origin = gitlab_origin();
    let configuration = Configuration::new();
    let text = "nginx['custom_gitlab_server_config'] = <<~'EOS'\n  location /x {\n    deny all;\nEOS\n";
    let path = configuration.write_gitlab_rb(&origin, text);
    let output = run(&["check", "--gitlab-rb", path.to_str().unwrap()]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("unclosed `{`"), "{}", output.stderr);
    assert!(output.stderr.contains("gitlab.rb:9:15"), "{}", output.stderr);
}

#[test]
fn access_rules_apply_to_the_client_that_a_trusted_balancer_names() {
    let origin = gitlab_origin();
    let rules = "real_ip_header X-Forwarded-For; allow 10.1.0.0/16; deny all;";
    for lines in [
        format!("nginx['custom_gitlab_server_config'] = 'set_real_ip_from 127.0.0.1; {rules}'\n"),
        format!("nginx['custom_nginx_config'] = 'set_real_ip_from 127.0.0.1; {rules}'\n"),
        format!(
            "nginx['real_ip_trusted_addresses'] = ['127.0.0.1']\n\
             nginx['custom_gitlab_server_config'] = 'set_real_ip_from 192.0.2.1; {rules}'\n"
        ),
    ] {
        let gatepost = Gatepost::serving_gitlab_rb(&origin, &lines);
        let status = |address: u8, forwarded: &[&str]| {
            let tcp = connect_from(IpAddr::V4(Ipv4Addr::new(127, 0, 0, address)), gatepost.http()).unwrap();
            Client::new(Arc::new(tcp), GITLAB).get_with("/", forwarded).status()
        };
        assert_eq!(status(1, &["X-Forwarded-For: 10.1.2.3"]), 200, "{lines}");
        assert_eq!(status(1, &["X-Forwarded-For: 10.2.2.3"]), 403, "{lines}");
        // The last address is the one that the balancer has seen.
        assert_eq!(status(1, &["X-Forwarded-For: 10.1.2.3, 203.0.113.1"]), 403, "{lines}");
        assert_eq!(status(1, &["X-Forwarded-For: 203.0.113.1, 10.1.2.3"]), 200, "{lines}");
        assert_eq!(status(1, &[]), 403, "{lines}");
        // A client that reaches the proxy past the balancer.
        assert_eq!(status(2, &["X-Forwarded-For: 10.1.2.3"]), 403, "{lines}");
    }
}
