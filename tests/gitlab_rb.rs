//! `gitlab.rb` by example: each file in `config/gitlab_rb` has an `.expected.json`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper that fails must fail its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use gatepost::cli::explain::{self, GitlabRbReport, OutputFormat};
use gatepost::config::gitlab_rb::environment::Environment;
use gatepost::config::gitlab_rb::{self, GitlabRbConfig};
use gatepost::config::{self, DiagnosticSeverity};
use serde_json::Value as Json;

/// Settings that the expectation files mark as refused, although the translator supports all their
/// directives.
const TRANSLATED: [(&str, &str); 2] = [
    ("08-snippets", "nginx.custom_gitlab_server_config"),
    ("08-snippets", "mattermost_nginx.custom_gitlab_mattermost_server_config"),
];

/// A file and one of the environments that its expectation describes.
struct Case {
    name: String,
    expected: Json,
    surroundings: TestEnvironment,
}

/// Environment variables, files and node attributes of an expectation.
#[derive(Default)]
struct TestEnvironment {
    environment: BTreeMap<String, String>,
    files: BTreeSet<PathBuf>,
    node: BTreeMap<String, String>,
}

impl Environment for TestEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.environment.clone().into_iter().collect()
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains(path)
    }

    fn names_in(&self, _: &Path) -> Option<Vec<String>> {
        None
    }

    fn node(&self, key: &str) -> Option<String> {
        self.node.get(key).cloned()
    }
}

#[test]
fn hosts_match_the_package() {
    for case in cases() {
        let Some(expected_hosts) = case.expected["hosts"].as_array() else { continue };
        let report = case.report();
        let hosts = report["hosts"].as_array().unwrap();
        assert_eq!(hosts.len(), expected_hosts.len(), "{}: {hosts:#?}", case.name);
        for expected in expected_hosts {
            let name = expected.get("name").or(expected.get("name_pattern")).unwrap();
            let actual = hosts.iter().find(|host| host["name"] == *name && ports(host) == ports(expected));
            let actual = actual.unwrap_or_else(|| panic!("{}: no host {name}", case.name));
            let lines = differences(expected, actual);
            assert!(lines.is_empty(), "{} {name}:\n{}", case.name, lines.join("\n"));
        }
    }
}

#[test]
fn status_listeners_match_the_package() {
    for case in cases() {
        let Some(expected) = case.expected.get("status") else { continue };
        let actual = case.report()["status"].clone();
        assert_eq!(sorted(&actual["listen"]), addresses(expected), "{}", case.name);
        assert_eq!(actual["access"], serde_json::json!(["allow 127.0.0.1", "deny all"]), "{}", case.name);
    }
}

#[test]
fn settings_have_the_expected_verdicts() {
    for case in cases() {
        let settings = case.report()["settings"].clone();
        for expected in case.expected["settings"].as_array().unwrap_or(&Vec::new()) {
            let key = expected["key"].as_str().unwrap();
            let rows = settings
                .as_array()
                .unwrap()
                .iter()
                .filter(|row| row["key"] == key && row["line"] == expected["line"]);
            let verdicts: Vec<_> = rows.map(|row| row["verdict"].clone()).collect();
            let verdict = match TRANSLATED.contains(&(case.file(), key)) {
                true => Json::from("applied"),
                false => expected["verdict"].clone(),
            };
            assert_eq!(verdicts, [verdict], "{} {expected}\n{settings:#}", case.name);
        }
    }
}

#[test]
fn invalid_files_are_rejected_with_the_lines_of_the_errors() {
    for case in cases() {
        let reading = case.read();
        let lines: Vec<Option<u64>> = reading
            .problems
            .iter()
            .filter(|problem| problem.severity == DiagnosticSeverity::Error)
            .map(|problem| Some(problem.span.excerpt()?.line as u64))
            .collect();
        let expected: Vec<Option<u64>> = case.expected["errors"]
            .as_array()
            .unwrap_or(&Vec::new())
            .iter()
            .map(|error| error["line"].as_u64())
            .collect();
        assert_eq!(lines, expected, "{}:\n{}", case.name, reading.problems);
        assert_eq!(reading.model.is_none(), !expected.is_empty(), "{}", case.name);
    }
}

#[test]
fn a_refused_setting_is_a_warning_at_its_line() {
    let case = cases().into_iter().find(|case| case.file() == "08-snippets").unwrap();
    let warnings = case.read().problems.to_string();
    assert!(warnings.contains("08-snippets.rb:13:1"), "{warnings}");
    assert!(warnings.contains("`nginx['custom_nginx_config']` is applied only in part"), "{warnings}");
}

#[test]
fn a_refused_directive_is_a_warning_at_its_own_line() {
    let case = cases().into_iter().find(|case| case.file() == "08-snippets").unwrap();
    let warnings = case.read().problems.to_string();
    assert!(warnings.contains(
        "warning: nginx directive `map` is not applied\n   --> tests/config/gitlab_rb/08-snippets.rb:14:3"
    ));
}

#[test]
fn explain_toml_compiles_to_the_same_model() {
    for case in cases() {
        let Some(model) = case.read().model else { continue };
        let toml = explain::render(&model, OutputFormat::Toml);
        let again = config::from_toml(Path::new("/etc/gatepost/gatepost.toml"), &toml)
            .unwrap_or_else(|problems| panic!("{}:\n{problems}\n{toml}", case.name));
        assert_eq!(again.model, model, "{}:\n{toml}", case.name);
        assert!(again.warnings.is_empty(), "{}:\n{}", case.name, again.warnings);
    }
}

#[test]
fn every_setting_is_documented_with_its_verdict() {
    let path = Path::new("docs/gitlab-rb.md");
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(TABLE_BEGINS).unwrap();
    let (_, after) = rest.split_once(TABLE_ENDS).unwrap();
    let written = format!("{before}{TABLE_BEGINS}{}{TABLE_ENDS}{after}", documentation());
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &written).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), written, "run with BLESS=1 to write the table");
}

#[test]
fn tables_fit_80_columns_except_long_words() {
    for case in cases() {
        for line in case.render(OutputFormat::Table).lines() {
            let words = line.split_whitespace().count();
            assert!(line.chars().count() <= 80 || words <= 3, "{}: {line}", case.name);
        }
    }
}

const TABLE_BEGINS: &str = "<!-- settings: written by tests/gitlab_rb.rs -->\n";
const TABLE_ENDS: &str = "<!-- end of settings -->\n";

impl Case {
    fn file(&self) -> &str {
        self.name.split(' ').next().unwrap()
    }

    fn read(&self) -> GitlabRbConfig {
        let path = PathBuf::from(format!("tests/config/gitlab_rb/{}.rb", self.file()));
        gitlab_rb::read(&path, &fs::read_to_string(&path).unwrap(), &self.surroundings)
    }

    fn render(&self, format: OutputFormat) -> String {
        let reading = self.read();
        let report =
            GitlabRbReport { model: reading.model.as_ref(), reports: &reading.reports, diagnostics: Vec::new() };
        explain::render_report(&report, format).unwrap()
    }

    fn report(&self) -> Json {
        serde_json::from_str(&self.render(OutputFormat::Json)).unwrap()
    }
}

/// Returns all examples, each in all of its environments.
fn cases() -> Vec<Case> {
    let entries = fs::read_dir("tests/config/gitlab_rb").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "rb")).collect();
    files.sort();
    assert!(files.len() >= 17, "examples are missing");
    files.iter().flat_map(|file| cases_of(file)).collect()
}

fn cases_of(file: &Path) -> Vec<Case> {
    let expected = fs::read_to_string(file.with_extension("expected.json")).unwrap();
    let expected: Json = serde_json::from_str(&expected).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let Some(cases) = expected["cases"].as_array() else {
        let surroundings = environment_of(&expected);
        return vec![Case { name, expected, surroundings }];
    };
    let case = |(nth, case): (usize, &Json)| {
        let mut merged = case.clone();
        merged["settings"] = expected["settings"].clone();
        Case { name: format!("{name} (case {})", nth + 1), surroundings: environment_of(case), expected: merged }
    };
    cases.iter().enumerate().map(case).collect()
}

fn environment_of(expected: &Json) -> TestEnvironment {
    let texts = |field: &str| -> BTreeMap<String, String> {
        let entries = expected[field].as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let files =
        expected["files"].as_array().into_iter().flatten().map(|file| PathBuf::from(file.as_str().unwrap()));
    TestEnvironment { environment: texts("environment"), files: files.collect(), node: texts("node") }
}

/// Returns the differences between an expected and an actual host.
fn differences(expected: &Json, actual: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let mut compare = |what: &str, expected: Json, actual: Json| {
        if expected != actual {
            lines.push(format!("{what}: wanted {expected}, found {actual}"));
        }
    };
    let http2 = actual["http2"].as_bool().unwrap_or(false);
    compare("tls", expected["tls"].clone(), actual["tls"].clone());
    compare("http2", expected["http2"].clone(), http2.into());
    compare("certificate", expected["certificate"].clone(), actual["certificate"].clone());
    compare("key", expected["key"].clone(), actual["certificate_key"].clone());
    compare("listen", addresses(&expected["listen"]), sorted(&actual["listen"]));
    compare("redirect", addresses(&expected["redirect"]["listen"]), sorted(&actual["redirect_from"]));
    if let Some(to) = expected["redirect"]["to"].as_str().filter(|to| !to.contains("$http_host")) {
        let port = to.split(':').nth(2).and_then(|rest| rest.split('$').next()).unwrap();
        compare("redirect port", port.parse::<u64>().unwrap().into(), actual["public_port"].clone());
    }
    compare("upstream", expected["upstream"].clone(), upstream(expected, actual));
    let limit = expected["client_max_body_size"].as_str().unwrap_or("unlimited");
    compare("body limit", limit.into(), actual["max_request_body"].clone());
    compare("response headers", response_headers(expected), policy_headers(actual));
    compare("request headers", request_headers(expected), actual["request_headers"].clone());
    let proxied = expected["proxy_protocol"].as_bool().unwrap_or(false);
    compare("PROXY protocol", proxied.into(), actual["proxy_protocol"].clone());
    compare("client address", client_address(expected), actual["client_address"].clone());
    if expected["error_pages"].is_object() {
        compare("error pages", expected["error_pages"].clone(), error_pages(actual));
        let intercepts = actual["intercept_errors"].as_bool().unwrap_or(false);
        compare("interception", expected["intercept_upstream_errors"].clone(), intercepts.into());
    }
    lines
}

/// Returns each status with its page, in the notation of the expectation files.
fn error_pages(actual: &Json) -> Json {
    let words = |page: &Json| match page["file"].as_str() {
        Some(file) => format!("GitLab's own {}", file.rsplit('/').next().unwrap()),
        None => {
            let [title, header] = ["title", "header"].map(|key| page[key].as_str().unwrap());
            format!("custom: title {title}, header {header}")
        }
    };
    let pages = actual["error_page"].as_array().unwrap().iter();
    pages
        .map(|page| (page["status"].to_string(), Json::from(words(page))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Returns the upstream of a host, or of the expected path below it.
fn upstream(expected: &Json, actual: &Json) -> Json {
    let Some(path) = expected.get("path") else { return actual["upstream"].clone() };
    let routes = actual["routes"].as_array().unwrap();
    let route = routes.iter().find(|route| route["prefix"] == *path);
    route.map_or(Json::Null, |route| route["upstream"].clone())
}

/// Returns the expected `request_headers`: a text if set, `false` if removed. The default headers are not
/// configured, so they are left out.
fn request_headers(expected: &Json) -> Json {
    let mut headers = BTreeMap::new();
    if expected["role"] == "mattermost" {
        headers.insert("x-frame-options".to_owned(), Json::from("SAMEORIGIN"));
    }
    for (name, value) in expected["request_headers"].as_object().unwrap() {
        // The default value of the header: the address in the PROXY header if connections begin with one,
        // else the peer address.
        let variable = if expected["proxy_protocol"] == true { "$proxy_protocol_addr" } else { "$remote_addr" };
        let is_usual = *value == variable;
        if !is_usual {
            headers.insert(name.to_lowercase(), value.clone());
        }
    }
    for name in expected["request_headers_removed"].as_array().into_iter().flatten() {
        headers.insert(name.as_str().unwrap().to_lowercase(), Json::Bool(false));
    }
    headers.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// Returns `client_address` in the notation of the model. If the file sets trusted peers but no header,
/// nginx's default applies.
fn client_address(expected: &Json) -> Json {
    let mut expected = expected["client_address"].clone();
    if expected.is_object() {
        expected["from"] = expected["from"].as_str().unwrap_or("X-Real-IP").to_lowercase().into();
    }
    expected
}

/// Returns the expected response headers. HSTS is left out on hosts that are reached over plain HTTP, because
/// browsers ignore it there.
fn response_headers(expected: &Json) -> Json {
    let is_plain = expected["request_headers"]["X-Forwarded-Proto"] == "http";
    let headers = expected["response_headers"].as_object().unwrap().iter();
    let kept = headers.filter(|(name, _)| !is_plain || *name != "Strict-Transport-Security");
    kept.map(|(name, value)| (name.clone(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

fn policy_headers(actual: &Json) -> Json {
    let referrer_policy = match &actual["referrer_policy"] {
        Json::Object(table) => &table["if_absent"],
        set => set,
    };
    let policy_headers = [("Strict-Transport-Security", &actual["hsts"]), ("Referrer-Policy", referrer_policy)];
    let sent = policy_headers.into_iter().filter(|(_, value)| value.is_string());
    sent.map(|(name, value)| (name.to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Returns sorted addresses in the notation of the model; `*` is `0.0.0.0`.
fn addresses(written: &Json) -> Json {
    let texts = written.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().replace("*:", "0.0.0.0:"));
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}

fn sorted(actual: &Json) -> Json {
    actual
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn ports(host: &Json) -> BTreeSet<String> {
    let port = |address: &Json| address.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    host["listen"].as_array().unwrap().iter().map(port).collect()
}

/// Returns the settings table of `docs/gitlab-rb.md`.
fn documentation() -> String {
    let mut text = "| setting | in | verdict | why |\n|---|---|---|---|\n".to_owned();
    for row in gitlab_rb::documented() {
        let hashes: Vec<String> = row.hashes.iter().map(|hash| format!("`{hash}`")).collect();
        text += &format!("| `{}` | {} | {} | {} |\n", row.key, hashes.join(", "), row.verdict, row.reason);
    }
    text
}

#[test]
fn unsupported_access_restrictions_are_always_reported() {
    let read = |line: &str| {
        let text = format!("external_url 'https://gitlab.example.com'\n{line}\n");
        let reading = gitlab_rb::read(Path::new("gitlab.rb"), &text, &TestEnvironment::default());
        reading
            .refused_access_settings()
            .map(|judgement| (judgement.key.clone(), judgement.line))
            .collect::<Vec<_>>()
    };
    let optional_no_ca = "nginx['ssl_verify_client'] = 'optional_no_ca'";
    assert_eq!(read(optional_no_ca), [("nginx.ssl_verify_client".to_owned(), Some(2))]);
    assert_eq!(read("nginx['ssl_verify_client'] = 'on'"), [("nginx.ssl_verify_client".to_owned(), Some(2))]);
    let supported = "nginx['ssl_verify_client'] = 'on'; nginx['ssl_client_certificate'] = '/etc/ca.pem'";
    assert_eq!(read(supported), []);
    assert_eq!(read("nginx['ssl_verify_client'] = 'off'"), []);
    let snippet = |text: &str| read(&format!("nginx['custom_gitlab_server_config'] = '{text}'"));
    for translated in
        ["location /x { allow 10.0.0.0/8; deny all; }", "location ^~ /x { return 403; }", "sub_filter a b;"]
    {
        assert_eq!(snippet(translated), [], "{translated}");
    }
    let rows = snippet("location /x { auth_basic \"x\"; location /x/y { deny all; } return 404; }");
    let keys: Vec<_> =
        rows.into_iter().map(|(key, _)| key.replace("nginx.custom_gitlab_server_config.", "")).collect();
    assert_eq!(keys, ["location.auth_basic", "location.location.deny"]);
    for unsupported in ["deny example.com;", "location ~ ^/(?!a) { return 403; }", "if ($http_x) { return 403; }"] {
        assert_eq!(snippet(unsupported).len(), 1, "{unsupported}");
    }
}

const KEY: &str = "/etc/gitlab/ssl/gitlab.example.com.key";

/// Returns the JSON report of a file with these lines, on a machine where these files and GitLab's key exist.
fn report_of(lines: &str, files: &[&str]) -> Json {
    let text = format!("external_url 'https://gitlab.example.com'\n{lines}\n");
    let surroundings = TestEnvironment {
        files: files.iter().chain(&[KEY]).map(PathBuf::from).collect(),
        ..TestEnvironment::default()
    };
    let reading = gitlab_rb::read(Path::new("gitlab.rb"), &text, &surroundings);
    assert_eq!(reading.problems.to_string(), "");
    let report =
        GitlabRbReport { model: reading.model.as_ref(), reports: &reading.reports, diagnostics: Vec::new() };
    serde_json::from_str(&explain::render_report(&report, OutputFormat::Json).unwrap()).unwrap()
}

/// Returns the route of the first host with this path, prefix or regular expression.
fn route(report: &Json, path: &str) -> Json {
    let routes = report["hosts"][0]["routes"].as_array().unwrap();
    let kinds = ["exact", "prefix", "prefix_before_regex", "regex"];
    let actual = routes.iter().find(|route| kinds.iter().any(|kind| route[*kind] == path));
    actual.unwrap_or_else(|| panic!("no route {path} in {routes:#?}")).clone()
}

#[test]
fn health_check_routes_have_a_502_error_page() {
    let report = report_of("letsencrypt['enable'] = false", &[]);
    let health = &route(&report, "/-/health")["error_page"];
    assert_eq!(health[0]["status"], 502);
    assert_eq!(health[0]["body"], "nginx returned 502 when communicating with gitlab-workhorse\n");
    let ready = &route(&report, "/-/readiness")["error_page"][0];
    assert_eq!(ready["content_type"], "application/json");
    let body: Json = serde_json::from_str(ready["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["status"], 502);
}

#[test]
fn acme_challenges_are_served_if_letsencrypt_or_a_directory_is_set() {
    let directory = |lines: &str| {
        let report = report_of(lines, &[]);
        let routes = report["hosts"][0]["routes"].as_array().unwrap().clone();
        let route = routes.into_iter().find(|route| route["prefix_before_regex"] == "/.well-known/acme-challenge/");
        route.map(|route| (route["files"]["root"].clone(), route["before_redirect"].clone()))
    };
    assert_eq!(directory("letsencrypt['enable'] = false"), None);
    let by_default = (Json::from("/var/opt/gitlab/nginx/www"), Json::from(true));
    assert_eq!(directory("letsencrypt['enable'] = true"), Some(by_default));
    let named = "letsencrypt['enable'] = false\nletsencrypt['wwwroot'] = '/srv/www'";
    assert_eq!(directory(named), Some((Json::from("/srv/www"), Json::Null)));
}

#[test]
fn custom_error_pages_exclude_api_and_git_and_package_pages_win() {
    let custom = "nginx['custom_error_pages'] = { 404 => { 'title' => 'T', 'header' => 'H', 'message' => 'M' } }";
    let laid_out = "/opt/gitlab/embedded/service/gitlab-rails/public/404-custom.html";
    let report = report_of(custom, &[]);
    assert_eq!(report["hosts"][0]["error_page"][0]["title"], "T");
    for pattern in [r"^/api/v\d", r"\.git/(info/|git-|ssh-|gitlab-lfs/)"] {
        assert_eq!(route(&report, pattern)["intercept_errors"], false);
    }
    assert_eq!(route(&report, "/-/health")["error_page"].as_array().unwrap().len(), 3);
    assert_eq!(report_of(custom, &[laid_out])["hosts"][0]["error_page"][0]["file"], laid_out);
}

#[test]
fn the_status_listener_applies_its_settings() {
    let lines = "nginx['status']['port'] = 9999\n\
                 nginx['status']['listen_addresses'] = ['127.0.0.1', '[::1]']\n\
                 nginx['status']['vts_enable'] = false\n\
                 nginx['status']['options'] = { 'allow' => ['10.0.0.0/8', '::1'] }";
    let status = report_of(lines, &[])["status"].clone();
    assert_eq!(status["listen"], serde_json::json!(["127.0.0.1:9999", "[::1]:9999"]));
    assert_eq!(status["access"], serde_json::json!(["allow 10.0.0.0/8", "allow ::1", "deny all"]));
    assert_eq!(status["metrics"], false);
    assert_eq!(report_of("nginx['status']['enable'] = false", &[])["status"], Json::Null);
}
