//! Tests of the agent server (KAS), the registry on GitLab's host, and the Kerberos port.

use std::collections::HashMap;

use super::{TestEnvironment, certificate, config, host, model, model_in, problems};
use crate::model::route::{ForwardAction, PathRewrite, RouteAction};
use crate::model::setting_report::SettingVerdict;
use crate::model::upstream::UpstreamTrust;
use crate::model::{Model, VirtualHost};

fn forward<'a>(host: &'a VirtualHost, path: &str) -> &'a ForwardAction {
    match &host.routes.select(path).unwrap().action {
        RouteAction::Forward(forward) => forward,
        other => panic!("{path}: {other:?}"),
    }
}

/// Returns the upstream of a path, with the replacement of the matched prefix.
fn target(model: &Model, host: &VirtualHost, path: &str) -> String {
    let forward = forward(host, path);
    let upstream = model.upstream(forward.upstream);
    match &forward.target {
        PathRewrite::Unchanged => upstream.to_string(),
        PathRewrite::ReplacePrefix(path) => format!("{upstream}{path}"),
    }
}

const GITLAB: &str = "external_url 'https://gitlab.example.com'\n";

#[test]
fn kas_paths_are_on_gitlabs_host_by_default() {
    let model = model(GITLAB);
    let gitlab = host(&model, "0.0.0.0:443", "gitlab.example.com");
    for (path, expected) in [
        ("/-/kubernetes-agent/", "localhost:8150/"),
        ("/-/kubernetes-agent/k8s-proxy/api/v1", "localhost:8154/"),
        ("/gitlab.agent.agent_configuration.rpc.AgentConfiguration/GetConfiguration", "grpc://localhost:8150"),
        ("/-/kubernetes-agent/other", "unix:/var/opt/gitlab/gitlab-workhorse/sockets/socket"),
    ] {
        assert_eq!(target(&model, gitlab, path), expected, "{path}");
    }
    assert_eq!(forward(gitlab, "/-/kubernetes-agent/k8s-proxy/").read_timeout.as_secs(), 7200);
}

#[test]
fn kas_paths_are_below_the_relative_root() {
    let model = model("external_url 'https://example.com/git'\n");
    let gitlab = host(&model, "0.0.0.0:443", "example.com");
    assert_eq!(target(&model, gitlab, "/git/-/kubernetes-agent/"), "localhost:8150/");
    assert_eq!(target(&model, gitlab, "/git/gitlab.agent.x/Y"), "grpc://localhost:8150");
}

#[test]
fn disabled_kas_has_no_routes() {
    let config = config(&format!("{GITLAB}gitlab_kas['enable'] = false\ngitlab_kas['listen_address'] = ':1'\n"));
    let model = config.model.unwrap();
    let gitlab = host(&model, "0.0.0.0:443", "gitlab.example.com");
    assert!(target(&model, gitlab, "/-/kubernetes-agent/").starts_with("unix:"));
    assert_eq!(config.reports[2].verdict, SettingVerdict::NoEffect);
}

#[test]
fn kas_with_a_certificate_is_a_tls_upstream() {
    let tls = "gitlab_kas['certificate_file'] = '/kas.crt'\ngitlab_kas['key_file'] = '/kas.key'\n";
    let model = model(&format!("{GITLAB}{tls}gitlab_kas['listen_address'] = '0.0.0.0:9150'\n"));
    let gitlab = host(&model, "0.0.0.0:443", "gitlab.example.com");
    assert_eq!(target(&model, gitlab, "/-/kubernetes-agent/"), "https://127.0.0.1:9150/");
    assert_eq!(target(&model, gitlab, "/gitlab.agent.x/Y"), "grpcs://127.0.0.1:9150");
    let upstream = model.upstream(forward(gitlab, "/gitlab.agent.x/Y").upstream);
    assert_eq!(upstream.tls().unwrap().trust, UpstreamTrust::Pinned("/kas.crt".into()));
}

#[test]
fn kas_url_with_another_name_creates_a_host() {
    let model = model(&format!(
        "{GITLAB}gitlab_kas_external_url 'wss://kas.example.com'\n\
         gitlab_kas_nginx['k8s_proxy_read_timeout'] = '90'\ngitlab_kas_nginx['listen_addresses'] = ['10.0.0.1']\n"
    ));
    let kas = host(&model, "10.0.0.1:443", "kas.example.com");
    assert_eq!(target(&model, kas, "/anything"), "localhost:8150/");
    assert_eq!(target(&model, kas, "/k8s-proxy/api"), "localhost:8154/");
    assert_eq!(target(&model, kas, "/gitlab.agent.x/Y"), "grpc://localhost:8150");
    assert_eq!(forward(kas, "/k8s-proxy/api").read_timeout.as_secs(), 90);
    assert_eq!(forward(kas, "/").read_timeout.as_secs(), 60);
    let log = format!("{:?}", model.access_log(kas.access_log));
    assert!(log.contains("gitlab_kas_access.log"), "{log}");
    assert_eq!(certificate(&model, "10.0.0.1:443", "kas.example.com"), "/etc/gitlab/ssl/kas.example.com.crt");
}

#[test]
fn kas_host_listens_on_its_port_setting() {
    let url = format!("{GITLAB}gitlab_kas_external_url 'wss://kas.example.com:8443'\n");
    assert!(problems(&url).contains("the host listens on port 443"));
    let message = problems(&format!("{url}gitlab_kas_nginx['port'] = 9443\n"));
    assert!(!message.contains("the port of this URL is ignored"), "{message}");
    let model = model(&format!("{url}gitlab_kas_nginx['port'] = 8443\n"));
    assert!(model.listeners.iter().any(|listener| listener.address.to_string() == "0.0.0.0:8443"));
}

#[test]
fn kas_url_with_gitlabs_name_creates_no_host() {
    let model = model(&format!("{GITLAB}gitlab_kas_external_url 'grpcs://gitlab.example.com:8150'\n"));
    assert_eq!(host_count(&model), 1);
}

#[test]
fn kas_host_requires_a_websocket_url() {
    let wrong = |lines: &str| problems(&format!("{GITLAB}{lines}"));
    assert!(wrong("gitlab_kas_external_url 'grpcs://kas.example.com'").contains("unsupported scheme `grpcs`"));
    assert!(wrong("gitlab_kas_external_url 'kas.example.com'").contains("write 'wss://kas.example.com'"));
    let lines = "gitlab_kas_external_url 'wss://kas.example.com'\ngitlab_kas['listen_websocket'] = false\n";
    assert!(wrong(lines).contains("requires WebSockets"));
}

#[test]
fn lets_encrypt_enables_the_registry_on_gitlabs_host() {
    let text = format!("{GITLAB}letsencrypt['enable'] = true\n");
    let with_registry = model(&text);
    let registry = host(&with_registry, "0.0.0.0:5050", "gitlab.example.com");
    assert_eq!(target(&with_registry, registry, "/v2/"), "127.0.0.1:5000");
    assert_eq!(
        certificate(&with_registry, "0.0.0.0:5050", "gitlab.example.com"),
        "/etc/gitlab/ssl/gitlab.example.com.crt"
    );
    let redirect = host(&with_registry, "0.0.0.0:80", "gitlab.example.com");
    let RouteAction::Redirect(redirect) = &redirect.routes.select("/").unwrap().action else {
        panic!("no redirect")
    };
    assert_eq!(redirect.origin.to_string(), "https://gitlab.example.com");
    assert_eq!(problems(&text), "");
    let without = |line: &str| address_count(&model(&format!("{text}{line}\n")));
    assert_eq!(without("registry['enable'] = false"), 2);
    assert_eq!(address_count(&model("external_url 'https://example.com/git'\nletsencrypt['enable'] = true\n")), 2);
}

#[test]
fn registry_shares_gitlabs_name_on_another_port() {
    let secrets = r#"{ "letsencrypt": { "auto_enabled": true } }"#;
    let environment = TestEnvironment {
        files: HashMap::from([("/etc/gitlab/gitlab-secrets.json", secrets)]),
        ..TestEnvironment::default()
    };
    let model =
        model_in(&format!("{GITLAB}registry_external_url 'https://gitlab.example.com:5050'\n"), &environment);
    let registry = host(&model, "0.0.0.0:5050", "gitlab.example.com");
    assert_eq!(target(&model, registry, "/v2/"), "127.0.0.1:5000");
}

#[test]
fn kerberos_port_is_added_with_and_without_tls() {
    let kerberos = "gitlab_rails['kerberos_enabled'] = true\ngitlab_rails['kerberos_use_dedicated_port'] = true\n\
                    gitlab_rails['kerberos_port'] = 8443\n";
    let plain = model(&format!("{GITLAB}{kerberos}"));
    let gitlab = host(&plain, "0.0.0.0:8443", "gitlab.example.com");
    assert_eq!(gitlab.security.scheme(), "http");
    assert!(target(&plain, gitlab, "/").starts_with("unix:"));
    let over_tls = model(&format!("{GITLAB}{kerberos}gitlab_rails['kerberos_https'] = true\n"));
    assert_eq!(host(&over_tls, "0.0.0.0:8443", "gitlab.example.com").security.scheme(), "https");
    assert_eq!(host_count(&over_tls), 1);
    let impossible =
        format!("external_url 'http://gitlab.example.com'\n{kerberos}gitlab_rails['kerberos_https'] = true\n");
    assert!(problems(&impossible).contains("`kerberos_https` requires a certificate"));
    let off = config(&format!("{GITLAB}gitlab_rails['kerberos_port'] = 8443\n"));
    assert_eq!(off.reports[1].verdict, SettingVerdict::NoEffect);
}

/// Returns the number of hosts without that of the status pages.
fn host_count(model: &Model) -> usize {
    model.hosts().len() - 1
}

/// Returns the number of listen addresses without that of the status pages.
fn address_count(model: &Model) -> usize {
    model.listeners.len() - 1
}
