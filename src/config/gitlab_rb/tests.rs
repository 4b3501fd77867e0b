//! The package's rules, asked of the model.

mod agent;
mod client_address;
mod compression;
mod encryption;
mod services;
mod sources;
mod words;

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

/// Files with their texts, and variables. GitLab's key is there, so nothing is obtained unless it is asked for.
#[derive(Default)]
struct Given {
    /// Nothing but `files` is there.
    bare: bool,
    files: HashMap<&'static str, &'static str>,
    variables: HashMap<&'static str, &'static str>,
}

impl Environment for Given {
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
        self.read(path).is_ok() || (is_key && !self.bare)
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

fn reading_in(text: &str, given: &Given) -> GitlabRbConfig {
    read(Path::new("/etc/gitlab/gitlab.rb"), text, given)
}

fn reading(text: &str) -> GitlabRbConfig {
    reading_in(text, &Given::default())
}

fn model_in(text: &str, given: &Given) -> Model {
    let reading = reading_in(text, given);
    reading.model.unwrap_or_else(|| panic!("{}", reading.problems))
}

fn model(text: &str) -> Model {
    model_in(text, &Given::default())
}

fn problems(text: &str) -> String {
    reading(text).problems.to_string()
}

/// The host that answers for a name on an address.
fn host<'a>(model: &'a Model, address: &str, name: &str) -> &'a VirtualHost {
    let listener = model.listeners.iter().find(|it| it.address.to_string() == address).unwrap();
    model.host(*listener.hosts.find(name).unwrap())
}

fn certificate(model: &Model, address: &str, name: &str) -> String {
    let id = terms(model, address, name).certificates[0];
    model.certificate(id).chain.display().to_string()
}

fn terms<'a>(model: &'a Model, address: &str, name: &str) -> &'a TlsSettings {
    match host(model, address, name).security {
        HostSecurity::Tls(id) => model.tls_terms(id),
        HostSecurity::Plain => panic!("{name} is plain"),
    }
}

fn redirect_from_80(model: &Model, name: &str) -> String {
    match &host(model, "0.0.0.0:80", name).routes.select("/x").unwrap().action {
        RouteAction::Redirect(redirect) => redirect.origin.to_string(),
        other => panic!("{name} does not redirect: {other:?}"),
    }
}

fn judgement<'a>(reading: &'a GitlabRbConfig, key: &str) -> &'a SettingReport {
    reading.reports.iter().find(|it| it.key == key).unwrap()
}

const BOTH: &str =
    "external_url 'https://gitlab.example.com'\nmattermost_external_url 'https://chat.example.com'\n";

#[test]
fn applications_are_told_the_scheme_of_the_url_whatever_the_host_speaks() {
    let model = model(
        "external_url 'https://gitlab.example.com'\nnginx['listen_https'] = false\nnginx['listen_port'] = 80\n",
    );
    let route = host(&model, "0.0.0.0:80", "gitlab.example.com").routes.select("/").unwrap();
    let RouteAction::Forward(forward) = &route.action else { panic!("{route:?}") };
    let names: Vec<_> = forward.request_headers.iter().map(|op| op.name().as_str()).collect();
    assert_eq!(names, ["x-forwarded-proto", "x-forwarded-ssl"]);
    assert!(matches!(&forward.request_headers[0], HeaderOp::Set(_, value) if value == "https"));
    let answers: Vec<_> = route.response_headers.iter().map(|op| op.name().as_str()).collect();
    assert_eq!(answers, ["referrer-policy", "strict-transport-security"]);
}

#[test]
fn certificates_are_named_after_the_host_in_the_case_of_its_url() {
    let model = model("external_url 'https://GitLab.Example.COM'\n");
    assert_eq!(certificate(&model, "0.0.0.0:443", "gitlab.example.com"), "/etc/gitlab/ssl/GitLab.Example.COM.crt");
}

#[test]
fn with_lets_encrypt_hosts_share_the_certificate_and_redirect() {
    let text = format!("{BOTH}letsencrypt['enable'] = true\n");
    let certain = model(&text);
    assert_eq!(certificate(&certain, "0.0.0.0:443", "chat.example.com"), "/etc/gitlab/ssl/gitlab.example.com.crt");
    assert_eq!(redirect_from_80(&certain, "chat.example.com"), "https://chat.example.com");
    let secrets = "{\"letsencrypt\": {\"auto_enabled\": true}}";
    let remembered =
        Given { files: HashMap::from([("/etc/gitlab/gitlab-secrets.json", secrets)]), ..Given::default() };
    assert_eq!(model_in(BOTH, &remembered), certain);
    let own = Given { files: HashMap::from([("/etc/gitlab/ssl/chat.example.com.crt", "")]), ..Given::default() };
    let own = model_in(&text, &own);
    assert_eq!(certificate(&own, "0.0.0.0:443", "chat.example.com"), "/etc/gitlab/ssl/chat.example.com.crt");
}

#[test]
fn hosts_on_one_address_agree_about_http_but_not_about_versions() {
    let model = model(&format!(
        "{BOTH}registry_external_url 'https://registry.example.com'\nmattermost_nginx['ssl_protocols'] = 'TLSv1.3'\n"
    ));
    let [listener, _status] = &model.listeners[..] else { panic!("{:?}", model.listeners) };
    let of = |name| &terms(&model, "0.0.0.0:443", name).policy;
    assert_eq!(of("registry.example.com").http, HttpVersions::Http2And1);
    assert_eq!(of("chat.example.com").versions, TlsVersions::Tls13Only);
    assert_eq!(of("gitlab.example.com").versions, TlsVersions::Tls12And13);
    assert_eq!(listener.hosts.entries().len(), 3);
}

#[test]
fn of_two_redirects_for_one_name_the_first_is_served() {
    let text = "external_url 'https://gitlab.example.com'
        registry_external_url 'https://gitlab.example.com:5050'
        nginx['redirect_http_to_https'] = registry_nginx['redirect_http_to_https'] = true";
    let reading = reading(text);
    assert!(
        reading.problems.to_string().contains("the redirect of this host to HTTPS has no effect"),
        "{}",
        reading.problems
    );
    assert_eq!(redirect_from_80(&reading.model.unwrap(), "gitlab.example.com"), "https://gitlab.example.com");
}

#[test]
fn the_port_of_the_application_itself_is_refused() {
    let problem =
        problems("mattermost_external_url 'http://chat.example.com:8065'\ngitlab_rails['enable'] = false\n");
    assert!(problem.contains("the upstream of this host listens on port 8065"), "{problem}");
}

#[test]
fn gitlab_answers_under_the_machines_name_if_no_url_is_set() {
    let model = model("nginx['x'] = 1\n");
    assert_eq!(model.hosts()[0].names[0].to_string(), "node1.corp.example");
}

#[test]
fn pages_are_all_names_below_or_the_name_itself() {
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
fn workhorse_is_found_wherever_it_listens() {
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
fn the_environment_of_a_container_is_read_before_the_file() {
    let given = Given {
        variables: HashMap::from([(
            OMNIBUS_CONFIG,
            "external_url 'http://a.example.com'; nginx['listen_port'] = 8080",
        )]),
        ..Given::default()
    };
    let model = model_in("external_url 'http://b.example.com'", &given);
    assert!(model.listeners.iter().any(|listener| listener.address.to_string() == "0.0.0.0:8080"));
    assert_eq!(model.hosts()[0].names[0].to_string(), "b.example.com");
}

#[test]
fn a_value_that_is_not_known_is_an_error_only_where_the_proxy_needs_it() {
    let harmless = reading(&format!("{BOTH}gitlab_rails['smtp_password'] = `pass smtp`\n"));
    assert!(harmless.model.is_some(), "{}", harmless.problems);
    assert_eq!(judgement(&harmless, "gitlab_rails.smtp_password").verdict, SettingVerdict::NoEffect);
    let needed = reading(&format!("{BOTH}nginx['listen_port'] = `port`.to_i\n"));
    assert!(needed.model.is_none());
    assert_eq!(judgement(&needed, "nginx.listen_port").verdict, SettingVerdict::Unreadable);
    assert!(needed.problems.to_string().contains("gitlab.rb:3:24"), "{}", needed.problems);
}

#[test]
fn values_of_other_services_are_not_shown() {
    let reading = reading(&format!("{BOTH}gitlab_rails['smtp_password'] = 'secret'\n"));
    assert_eq!(judgement(&reading, "gitlab_rails.smtp_password").value, None);
    assert!(judgement(&reading, "external_url").value.is_some());
}

#[test]
fn every_mistake_is_told_at_once() {
    let problems = problems(
        "external_url 'gitlab.example.com'
        mattermost_external_url 'https://chat.example.com/x'
        nginx['listen_addresses'] = ['::1', 'unix:/run/x']
        mattermost_nginx['client_max_body_size'] = '10 MB'
        mattermost_nginx['redirect_http_to_https'] = 'false'
        nginx['proxy_set_headers'] = 'X-A: b'",
    );
    for said in [
        "the URL of GitLab has no scheme and host",
        "the URL of Mattermost cannot have a path: `/x`",
        "takes a size, and '10 MB' is none",
        "every text counts as true",
        "`nginx['proxy_set_headers']` takes a hash, not a text",
    ] {
        assert!(problems.contains(said), "{said} is missing:\n{problems}");
    }
}

#[test]
fn addresses_are_checked_one_by_one() {
    let problems = problems(&format!("{BOTH}nginx['listen_addresses'] = ['*', '::1', 'unix:/x']\n"));
    assert!(problems.contains("write an IPv6 address in brackets: '[::1]'"), "{problems}");
    assert!(problems.contains("invalid listen address `unix:/x`"), "{problems}");
}

#[test]
fn settings_of_a_host_that_is_not_there_say_so() {
    let reading = reading("external_url 'http://a.example.com'\nmattermost_nginx['listen_port'] = 1\n");
    let judged = judgement(&reading, "mattermost_nginx.listen_port");
    assert_eq!(judged.verdict, SettingVerdict::NoEffect);
    assert!(judged.reason.contains("its URL is not set"), "{}", judged.reason);
}

#[test]
fn unknown_names_go_to_the_first_host_of_each_address() {
    let model = model(&format!("{BOTH}mattermost_nginx['listen_port'] = 8443\n"));
    let default = |at: usize| model.listeners[at].hosts.default.map(|id| model.host(id).names[0].to_string());
    assert_eq!(default(0).as_deref(), Some("gitlab.example.com"));
    assert_eq!(default(1).as_deref(), Some("localhost"));
    assert_eq!(default(2).as_deref(), Some("chat.example.com"));
}

#[test]
fn a_service_that_is_on_without_a_url_is_told_about() {
    let enabled =
        |service: &str| reading(&format!("external_url 'http://a.example.com'\n{service}['enable'] = true\n"));
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
