//! Tests of the package's rules on the compiled model.

mod access;
mod client_address;
mod compression;
mod includes;
mod kas;
mod services;
mod sources;
mod tls;
mod top_level;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::environment::Environment;
use super::{GitlabRbConfig, OMNIBUS_CONFIG, read};
use crate::model::headers::ops::HeaderOp;
use crate::model::host::HostPattern;
use crate::model::route::RouteAction;
use crate::model::setting_report::{SettingReport, SettingVerdict};
use crate::model::tls::{TlsSettings, TlsVersions};
use crate::model::{HostSecurity, HttpVersions, Model, VirtualHost};

/// Files with their content, and environment variables. Keys in `/etc/gitlab/ssl` exist, so ACME is off unless
/// the text enables it.
#[derive(Default)]
struct TestEnvironment {
    /// Only `files` exist, not the keys.
    only_files: bool,
    files: HashMap<&'static str, &'static str>,
    variables: HashMap<&'static str, &'static str>,
}

impl Environment for TestEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = path.to_str().and_then(|path| self.files.get(path));
        text.map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> bool {
        let is_key = path.starts_with("/etc/gitlab/ssl") && path.extension().is_some_and(|it| it == "key");
        self.read(path).is_ok() || (is_key && !self.only_files)
    }

    fn names_in(&self, directory: &Path) -> Option<Vec<String>> {
        let below = |path: &&'static str| Path::new(path).parent() == Some(directory);
        let name = |path: &'static str| Path::new(path).file_name()?.to_str().map(str::to_owned);
        let mut names: Vec<String> = self.files.keys().copied().filter(below).filter_map(name).collect();
        names.sort();
        (!names.is_empty()).then_some(names)
    }

    fn node(&self, key: &str) -> Option<String> {
        (key == "fqdn").then(|| "node1.corp.example".to_owned())
    }
}

fn config_in(text: &str, environment: &TestEnvironment) -> GitlabRbConfig {
    read(Path::new("/etc/gitlab/gitlab.rb"), text, environment)
}

fn config(text: &str) -> GitlabRbConfig {
    config_in(text, &TestEnvironment::default())
}

fn model_in(text: &str, environment: &TestEnvironment) -> Model {
    let config = config_in(text, environment);
    config.model.unwrap_or_else(|| panic!("{}", config.problems))
}

fn model(text: &str) -> Model {
    model_in(text, &TestEnvironment::default())
}

fn problems(text: &str) -> String {
    config(text).problems.to_string()
}

/// Returns the host of a name on an address.
fn host<'a>(model: &'a Model, address: &str, name: &str) -> &'a VirtualHost {
    let listener = model.listeners.iter().find(|it| it.address.to_string() == address).unwrap();
    model.host(*listener.hosts.find(name).unwrap())
}

fn certificate(model: &Model, address: &str, name: &str) -> String {
    let id = tls_settings(model, address, name).certificates[0];
    model.certificate(id).chain.display().to_string()
}

fn tls_settings<'a>(model: &'a Model, address: &str, name: &str) -> &'a TlsSettings {
    match host(model, address, name).security {
        HostSecurity::Tls(id) => model.tls_settings(id),
        HostSecurity::Plain => panic!("{name} is served without TLS"),
    }
}

fn redirect_from_80(model: &Model, name: &str) -> String {
    match &host(model, "0.0.0.0:80", name).routes.select("/x").unwrap().action {
        RouteAction::Redirect(redirect) => redirect.origin.to_string(),
        other => panic!("{name} does not redirect: {other:?}"),
    }
}

fn report_of<'a>(config: &'a GitlabRbConfig, key: &str) -> &'a SettingReport {
    config.reports.iter().find(|it| it.key == key).unwrap()
}

const TWO_HOSTS: &str =
    "external_url 'https://gitlab.example.com'\nmattermost_external_url 'https://chat.example.com'\n";

#[test]
fn x_forwarded_proto_is_the_scheme_of_the_url_even_on_a_plain_listener() {
    let model = model(
        "external_url 'https://gitlab.example.com'\nnginx['listen_https'] = false\nnginx['listen_port'] = 80\n",
    );
    let route = host(&model, "0.0.0.0:80", "gitlab.example.com").routes.select("/").unwrap();
    let RouteAction::Forward(forward) = &route.action else { panic!("{route:?}") };
    let names: Vec<_> = forward.request_headers.iter().map(|op| op.name().as_str()).collect();
    assert_eq!(names, ["x-forwarded-proto", "x-forwarded-ssl"]);
    assert!(matches!(&forward.request_headers[0], HeaderOp::Set(_, value) if value == "https"));
    let names: Vec<_> = route.response_headers.iter().map(|op| op.name().as_str()).collect();
    assert_eq!(names, ["referrer-policy", "strict-transport-security"]);
}

#[test]
fn certificate_path_keeps_the_case_of_the_url() {
    let model = model("external_url 'https://GitLab.Example.COM'\n");
    assert_eq!(certificate(&model, "0.0.0.0:443", "gitlab.example.com"), "/etc/gitlab/ssl/GitLab.Example.COM.crt");
}

#[test]
fn lets_encrypt_hosts_share_gitlabs_certificate_and_redirect() {
    let text = format!("{TWO_HOSTS}letsencrypt['enable'] = true\n");
    let explicit = model(&text);
    assert_eq!(certificate(&explicit, "0.0.0.0:443", "chat.example.com"), "/etc/gitlab/ssl/gitlab.example.com.crt");
    assert_eq!(redirect_from_80(&explicit, "chat.example.com"), "https://chat.example.com");
    let secrets = "{\"letsencrypt\": {\"auto_enabled\": true}}";
    let enabled_before = TestEnvironment {
        files: HashMap::from([("/etc/gitlab/gitlab-secrets.json", secrets)]),
        ..TestEnvironment::default()
    };
    assert_eq!(model_in(TWO_HOSTS, &enabled_before), explicit);
    let own = TestEnvironment {
        files: HashMap::from([("/etc/gitlab/ssl/chat.example.com.crt", "")]),
        ..TestEnvironment::default()
    };
    let own = model_in(&text, &own);
    assert_eq!(certificate(&own, "0.0.0.0:443", "chat.example.com"), "/etc/gitlab/ssl/chat.example.com.crt");
}

#[test]
fn hosts_on_one_address_share_http_versions_but_not_tls_versions() {
    let model = model(&format!(
        "{TWO_HOSTS}registry_external_url 'https://registry.example.com'\nmattermost_nginx['ssl_protocols'] = 'TLSv1.3'\n"
    ));
    let [listener, _status] = &model.listeners[..] else { panic!("{:?}", model.listeners) };
    let of = |name| &tls_settings(&model, "0.0.0.0:443", name).policy;
    assert_eq!(of("registry.example.com").http, HttpVersions::Http2And1);
    assert_eq!(of("chat.example.com").versions, TlsVersions::Tls13Only);
    assert_eq!(of("gitlab.example.com").versions, TlsVersions::Tls12And13);
    assert_eq!(listener.hosts.entries().len(), 3);
}

#[test]
fn first_of_two_redirects_for_one_name_is_served() {
    let text = "external_url 'https://gitlab.example.com'
        registry_external_url 'https://gitlab.example.com:5050'
        nginx['redirect_http_to_https'] = registry_nginx['redirect_http_to_https'] = true";
    let config = config(text);
    assert!(
        config.problems.to_string().contains("the redirect of this host to HTTPS has no effect"),
        "{}",
        config.problems
    );
    assert_eq!(redirect_from_80(&config.model.unwrap(), "gitlab.example.com"), "https://gitlab.example.com");
}

#[test]
fn listening_on_the_port_of_the_service_itself_is_an_error() {
    let problem =
        problems("mattermost_external_url 'http://chat.example.com:8065'\ngitlab_rails['enable'] = false\n");
    assert!(problem.contains("the upstream of this host listens on port 8065"), "{problem}");
}

#[test]
fn without_external_url_gitlab_is_served_under_the_fqdn() {
    let model = model("nginx['x'] = 1\n");
    assert_eq!(model.hosts()[0].names[0].to_string(), "node1.corp.example");
}

#[test]
fn pages_host_is_a_wildcard_or_with_namespace_in_path_an_exact_name() {
    let names = |more: &str| {
        let model = model(&format!(
            "gitlab_rails['enable'] = false\npages_external_url 'http://pages.example.com'\n{more}"
        ));
        model.hosts()[0].names[0].clone()
    };
    assert!(matches!(names(""), HostPattern::Wildcard(_)));
    assert!(matches!(names("gitlab_pages['namespace_in_path'] = true"), HostPattern::Exact(_)));
}

#[test]
fn workhorse_address_follows_its_settings() {
    for (lines, address) in [
        ("", "unix:/var/opt/gitlab/gitlab-workhorse/sockets/socket"),
        ("gitlab_workhorse['sockets_directory'] = '/run/w/'", "unix:/run/w/socket"),
        ("gitlab_workhorse['listen_network'] = 'tcp'\ngitlab_workhorse['listen_addr'] = ':8181'", "127.0.0.1:8181"),
    ] {
        let model = model(&format!("external_url 'http://gitlab.example.com'\n{lines}"));
        let gitlab = host(&model, "0.0.0.0:80", "gitlab.example.com");
        let RouteAction::Forward(forward) = &gitlab.routes.select("/").unwrap().action else {
            panic!("no upstream")
        };
        assert_eq!(model.upstream(forward.upstream).to_string(), address);
    }
}

#[test]
fn gitlab_omnibus_config_is_evaluated_before_the_file() {
    let environment = TestEnvironment {
        variables: HashMap::from([(
            OMNIBUS_CONFIG,
            "external_url 'http://a.example.com'; nginx['listen_port'] = 8080",
        )]),
        ..TestEnvironment::default()
    };
    let model = model_in("external_url 'http://b.example.com'", &environment);
    assert!(model.listeners.iter().any(|listener| listener.address.to_string() == "0.0.0.0:8080"));
    assert_eq!(model.hosts()[0].names[0].to_string(), "b.example.com");
}

#[test]
fn unknown_value_is_an_error_only_for_a_setting_of_the_proxy() {
    let harmless = config(&format!("{TWO_HOSTS}gitlab_rails['smtp_password'] = `pass smtp`\n"));
    assert!(harmless.model.is_some(), "{}", harmless.problems);
    assert_eq!(report_of(&harmless, "gitlab_rails.smtp_password").verdict, SettingVerdict::NoEffect);
    let needed = config(&format!("{TWO_HOSTS}nginx['listen_port'] = `port`.to_i\n"));
    assert!(needed.model.is_none());
    assert_eq!(report_of(&needed, "nginx.listen_port").verdict, SettingVerdict::Unreadable);
    assert!(needed.problems.to_string().contains("gitlab.rb:3:24"), "{}", needed.problems);
}

#[test]
fn values_of_other_services_are_not_reported() {
    let config = config(&format!("{TWO_HOSTS}gitlab_rails['smtp_password'] = 'secret'\n"));
    assert_eq!(report_of(&config, "gitlab_rails.smtp_password").value, None);
    assert!(report_of(&config, "external_url").value.is_some());
}

#[test]
fn all_errors_are_reported_together() {
    let problems = problems(
        "external_url 'gitlab.example.com'
        mattermost_external_url 'https://chat.example.com/x'
        nginx['listen_addresses'] = ['::1', 'unix:/run/x']
        mattermost_nginx['client_max_body_size'] = '10 MB'
        mattermost_nginx['redirect_http_to_https'] = 'false'
        nginx['proxy_set_headers'] = 'X-A: b'",
    );
    for message in [
        "the URL of GitLab has no scheme and host",
        "the URL of Mattermost cannot have a path: `/x`",
        "must be a size, not `10 MB`",
        "every string is truthy",
        "`nginx['proxy_set_headers']` must be a hash, not a string",
    ] {
        assert!(problems.contains(message), "{message} is missing:\n{problems}");
    }
}

#[test]
fn each_listen_address_is_checked() {
    let problems = problems(&format!("{TWO_HOSTS}nginx['listen_addresses'] = ['*', '::1', 'unix:/x']\n"));
    assert!(problems.contains("write an IPv6 address in brackets: '[::1]'"), "{problems}");
    assert!(problems.contains("invalid listen address `unix:/x`"), "{problems}");
}

#[test]
fn setting_of_a_missing_host_has_no_effect() {
    let config = config("external_url 'http://a.example.com'\nmattermost_nginx['listen_port'] = 1\n");
    let report = report_of(&config, "mattermost_nginx.listen_port");
    assert_eq!(report.verdict, SettingVerdict::NoEffect);
    assert!(report.reason.contains("its URL is not set"), "{}", report.reason);
}

#[test]
fn default_host_is_the_first_host_of_each_address() {
    let model = model(&format!("{TWO_HOSTS}mattermost_nginx['listen_port'] = 8443\n"));
    let default = |at: usize| model.listeners[at].hosts.default.map(|id| model.host(id).names[0].to_string());
    assert_eq!(default(0).as_deref(), Some("gitlab.example.com"));
    assert_eq!(default(1).as_deref(), Some("localhost"));
    assert_eq!(default(2).as_deref(), Some("chat.example.com"));
}

#[test]
fn enabled_service_without_a_url_is_reported() {
    let enabled =
        |service: &str| config(&format!("external_url 'http://a.example.com'\n{service}['enable'] = true\n"));
    let mattermost = enabled("mattermost");
    assert!(mattermost.model.is_none());
    assert!(
        mattermost.problems.to_string().contains("`mattermost_external_url` is not set"),
        "{}",
        mattermost.problems
    );
    let registry = enabled("registry");
    assert!(registry.model.is_some());
    assert!(registry.problems.to_string().contains("`registry_external_url` is not set"), "{}", registry.problems);
}
