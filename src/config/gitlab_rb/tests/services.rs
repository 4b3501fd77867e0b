//! Tests of which services have a host: roles, `enable`, and settings of single services.

use std::collections::HashMap;

use super::{
    TWO_HOSTS, TestEnvironment, certificate, config, config_in, host, model, model_in, problems, redirect_from_80,
    report_of,
};
use crate::model::acme::{AcmeSettings, CertificateKeyType};
use crate::model::route::RouteAction;
use crate::model::setting_report::SettingVerdict;
use crate::model::{HostSecurity, LogTarget};

const GITLAB: &str = "external_url 'https://gitlab.example.com'\n";

fn names(text: &str) -> Vec<String> {
    let model = model(text);
    let hosts = model.listeners.iter().flat_map(|listener| listener.hosts.entries());
    let mut names: Vec<_> = hosts.map(|(name, _)| name.to_string()).filter(|name| name != "localhost").collect();
    names.sort();
    names
}

#[test]
fn roles_without_gitlab_exclude_its_host() {
    for (roles, gitlab_is_served) in [
        ("roles ['application_role']", true),
        ("roles 'geo-primary-role'", true),
        ("roles 'redis_master_role', 'application_role'", true),
        ("roles ['redis_master_role']", false),
        ("roles 'pages-role'", false),
        ("roles ['sidekiq_role']\ngitlab_rails['enable'] = true", true),
        ("roles []", true),
    ] {
        let names = names(&format!("{TWO_HOSTS}{roles}"));
        let expected = if gitlab_is_served {
            vec!["chat.example.com", "gitlab.example.com"]
        } else {
            vec!["chat.example.com"]
        };
        assert_eq!(names, expected, "{roles}");
    }
    let config = config(&format!("{GITLAB}roles ['postgres_role']\n"));
    assert!(config.model.is_none());
    let problems = config.problems.to_string();
    assert!(problems.contains("no host is configured"), "{problems}");
    assert!(problems.contains("`roles` does not include GitLab"), "{problems}");
    assert!(report_of(&config, "external_url").reason.contains("roles"), "{problems}");
    assert_eq!(report_of(&config, "external_url").verdict, SettingVerdict::NoEffect);
}

#[test]
fn unknown_role_is_an_error_as_in_the_package() {
    let problems = problems(&format!("{GITLAB}roles ['aplication_role', 'web-role']\n"));
    assert!(problems.contains("unknown role `aplication_role`"), "{problems}");
    assert!(problems.contains("did you mean `application_role`?"), "{problems}");
    assert!(problems.contains("unknown role `web-role`"), "{problems}");
}

#[test]
fn url_of_a_disabled_service_has_no_effect() {
    let config = config(&format!("{TWO_HOSTS}mattermost['enable'] = false\n"));
    let url = report_of(&config, "mattermost_external_url");
    assert_eq!((url.verdict, url.reason.contains("disabled")), (SettingVerdict::NoEffect, true));
    assert_eq!(report_of(&config, "external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn registry_nginx_https_overrides_the_scheme_of_its_url() {
    let model = model(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com:5005'\nregistry_nginx['https'] = false\n"
    ));
    assert_eq!(host(&model, "0.0.0.0:5005", "registry.example.com").security, HostSecurity::Plain);
}

#[test]
fn newer_spelling_of_log_directory_takes_precedence() {
    let model =
        model(&format!("{GITLAB}nginx['log_directory'] = '/a'\ngitlab_rails['nginx']['log_directory'] = '/b'\n"));
    let gitlab = host(&model, "0.0.0.0:443", "gitlab.example.com");
    assert_eq!(*model.access_log(gitlab.access_log), LogTarget::File("/b/gitlab_access.log".into()));
}

#[test]
fn without_external_url_gitlab_host_and_port_set_the_address() {
    let text = "gitlab_rails['gitlab_host'] = 'git.corp.example'\ngitlab_rails['gitlab_port'] = 8443\n\
                gitlab_rails['gitlab_https'] = true\n";
    let model = model(text);
    assert_eq!(certificate(&model, "0.0.0.0:8443", "git.corp.example"), "/etc/gitlab/ssl/node1.corp.example.crt");
    assert_eq!(report_of(&config(text), "gitlab_rails.gitlab_host").verdict, SettingVerdict::Applied);
    let both = config(&format!("{GITLAB}{text}"));
    assert_eq!(report_of(&both, "gitlab_rails.gitlab_host").verdict, SettingVerdict::NoEffect);
}

#[test]
fn unknown_keys_of_fully_known_hashes_are_reported() {
    let problems = problems(&format!(
        "{GITLAB}letsencrypt['enabled'] = false\nletsencrypt['key_size'] = 4096\nweb_server['user_name'] = 'x'\n"
    ));
    assert!(problems.contains("unknown setting `letsencrypt['enabled']`"), "{problems}");
    assert!(problems.contains("did you mean `enable`?"), "{problems}");
    assert!(problems.contains("unknown setting `web_server['user_name']`"), "{problems}");
    assert!(!problems.contains("key_size"), "{problems}");
}

#[test]
fn enabled_openbao_is_reported_as_unsupported() {
    let problems = problems(&format!("{GITLAB}oak['enable'] = true\n"));
    assert!(problems.contains("OpenBao"), "{problems}");
}

#[test]
fn lets_encrypt_keeps_an_existing_certificate() {
    let wild = "mattermost_nginx['ssl_certificate'] = '/etc/pki/wild.crt'\n\
                mattermost_nginx['ssl_certificate_key'] = '/etc/pki/wild.key'\n";
    let text = format!("{TWO_HOSTS}letsencrypt['enable'] = true\n{wild}");
    let there = TestEnvironment { files: HashMap::from([("/etc/pki/wild.crt", "")]), ..TestEnvironment::default() };
    let model = model_in(&text, &there);
    assert_eq!(certificate(&model, "0.0.0.0:443", "chat.example.com"), "/etc/pki/wild.crt");
    let on_80 = model.listeners.iter().find(|it| it.address.port() == 80).unwrap();
    assert!(
        on_80
            .hosts
            .find("chat.example.com")
            .is_none_or(|id| model.host(*id).names[0].to_string() != "chat.example.com")
    );
    let missing = config(&text);
    let report = report_of(&missing, "mattermost_nginx.ssl_certificate");
    assert_eq!(
        (report.verdict, report.reason.contains("GitLab's")),
        (SettingVerdict::NoEffect, true),
        "{}",
        report.reason
    );
}

#[test]
fn lets_encrypt_without_gitlab_has_no_effect() {
    let text = "gitlab_rails['enable'] = false\nmattermost_external_url 'https://chat.example.com'\n\
                letsencrypt['enable'] = true\n";
    assert_eq!(report_of(&config(text), "letsencrypt.enable").verdict, SettingVerdict::NoEffect);
}

#[test]
fn mattermost_service_address_may_be_ipv6() {
    for (address, expected) in [("::1", "[::1]:9065"), ("[::1]", "[::1]:9065"), ("", "127.0.0.1:9065")] {
        let model = model(&format!(
            "{TWO_HOSTS}mattermost['service_address'] = '{address}'\nmattermost['service_port'] = 9065\n"
        ));
        let chat = host(&model, "0.0.0.0:443", "chat.example.com");
        let RouteAction::Forward(forward) = &chat.routes.select("/").unwrap().action else { panic!("no upstream") };
        assert_eq!(model.upstream(forward.upstream).to_string(), expected);
    }
}

#[test]
fn registry_redirect_leads_to_the_port_of_its_url() {
    let model = model(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com:5001'\n\
         registry_nginx['listen_port'] = 5002\nregistry_nginx['redirect_http_to_https'] = true\n"
    ));
    assert_eq!(redirect_from_80(&model, "registry.example.com"), "https://registry.example.com:5001");
}

#[test]
fn lets_encrypt_with_disabled_bundled_nginx_is_a_warning() {
    let on = format!("{GITLAB}letsencrypt['enable'] = true\n");
    let warnings = problems(&format!("{on}nginx['enable'] = false\n"));
    assert!(warnings.contains("starts the bundled nginx again"), "{warnings}");
    assert!(!problems(&on).contains("starts the bundled nginx again"));
}

/// Returns the ACME settings with these lines, on a machine where only `files` exist.
fn acme_settings(lines: &str, files: &[&'static str]) -> Option<AcmeSettings> {
    let files = files.iter().map(|file| (*file, "")).collect();
    model_in(
        &format!("{TWO_HOSTS}{lines}"),
        &TestEnvironment { files, only_files: true, ..TestEnvironment::default() },
    )
    .acme
}

#[test]
fn one_certificate_is_issued_for_all_hosts_without_one() {
    let names = |acme: AcmeSettings| acme.certificates[0].names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let on = "letsencrypt['enable'] = true\n";
    assert_eq!(names(acme_settings(on, &[]).unwrap()), ["gitlab.example.com", "chat.example.com"]);
    // A password file does not split the certificate: all names stay on one key pair.
    let phrases = format!("{on}nginx['ssl_password_file'] = '/etc/gitlab/ssl/passwords'\n");
    assert_eq!(names(acme_settings(&phrases, &[]).unwrap()), ["gitlab.example.com", "chat.example.com"]);
    let own = ["/etc/gitlab/ssl/chat.example.com.crt"];
    assert_eq!(names(acme_settings(on, &own).unwrap()), ["gitlab.example.com"]);
    let more = format!("{on}letsencrypt['alt_names'] = ['www.example.com', 'chat.example.com']\n");
    assert_eq!(
        names(acme_settings(&more, &[]).unwrap()),
        ["gitlab.example.com", "chat.example.com", "www.example.com"],
    );
}

#[test]
fn acme_is_enabled_automatically_without_a_certificate() {
    assert!(acme_settings("", &[]).is_some());
    assert!(acme_settings("nginx['enable'] = false\n", &[]).is_some());
    // The ACME account of the proxy exists, so the certificate is one that it obtained earlier.
    let earlier = ["/etc/gitlab/ssl/gitlab.example.com.crt", "/etc/gitlab/ssl/acme"];
    assert!(acme_settings("", &earlier).is_some());
    for there in ["/etc/gitlab/ssl/gitlab.example.com.crt", "/etc/gitlab/ssl/gitlab.example.com.key"] {
        assert_eq!(acme_settings("", &[there]), None, "{there}");
    }
    for off in [
        "letsencrypt['enable'] = false\n",
        "nginx['listen_https'] = mattermost_nginx['listen_https'] = false\n",
        "package['generate_secrets_json_file'] = false\n",
    ] {
        assert_eq!(acme_settings(off, &[]), None, "{off}");
    }
}

#[test]
fn certificate_managed_by_acme_is_not_reported_missing() {
    let environment = TestEnvironment { only_files: true, ..TestEnvironment::default() };
    let config = config_in(TWO_HOSTS, &environment);
    assert!(!config.missing_certificates(&environment).has_errors());
    // No setting enables ACME explicitly, hence the warning.
    let warnings = config.problems.to_string();
    assert!(
        warnings.contains("warning: `/etc/gitlab/ssl/gitlab.example.com.crt` and its key do not exist"),
        "{warnings}"
    );
}

#[test]
fn acme_keys_are_ecdsa_unless_rsa_is_set() {
    let key = |lines: &str| acme_settings(&format!("letsencrypt['enable'] = true\n{lines}\n"), &[]).unwrap().key;
    assert_eq!(key(""), CertificateKeyType::EcdsaP256);
    assert_eq!(key("letsencrypt['key_size'] = 4096"), CertificateKeyType::Rsa4096);
    assert_eq!(key("letsencrypt['key_type'] = 'rsa'"), CertificateKeyType::Rsa2048);
    assert_eq!(
        key("letsencrypt['key_type'] = 'ecdsa'\nletsencrypt['ec_curve'] = 'secp384r1'"),
        CertificateKeyType::EcdsaP384
    );
    let invalid = config(&format!("{TWO_HOSTS}letsencrypt['enable'] = true\nletsencrypt['key_size'] = 1024\n"));
    assert!(invalid.problems.to_string().contains("unsupported RSA key size `1024`"), "{}", invalid.problems);
}

#[test]
fn settings_of_disabled_lets_encrypt_have_no_effect() {
    let text =
        format!("{TWO_HOSTS}letsencrypt['enable'] = false\nletsencrypt['contact_emails'] = ['ops@example.com']\n");
    assert_eq!(report_of(&config(&text), "letsencrypt.contact_emails").verdict, SettingVerdict::NoEffect);
    let on = text.replace("false", "true");
    assert_eq!(report_of(&config(&on), "letsencrypt.contact_emails").verdict, SettingVerdict::Applied);
}

#[test]
fn the_host_that_responds_for_a_service_with_nginx_off_is_named() {
    for (lines, name, key) in [
        ("mattermost_external_url 'https://x.example.com'", "x.example.com", "mattermost_nginx"),
        ("registry_external_url 'https://x.example.com'", "x.example.com", "registry_nginx"),
        ("pages_external_url 'https://x.example.com'", "*.x.example.com", "pages_nginx"),
        ("gitlab_kas_external_url 'wss://x.example.com'", "x.example.com", "gitlab_kas_nginx"),
        (
            "mattermost_external_url 'https://x.example.com:9000'\nmattermost_nginx['listen_port'] = 443",
            "x.example.com",
            "mattermost_nginx",
        ),
    ] {
        let text = format!("{GITLAB}{lines}\n{key}['enable'] = false\n");
        let config = config(&text);
        assert!(!config.problems.has_errors(), "{text}\n{}", config.problems);
        let problems = config.problems.to_string();
        let message = format!(
            "warning: the host of `gitlab.example.com` responds to requests for `{name}`: `{key}['enable']` is false"
        );
        let line = text.lines().count();
        assert!(problems.contains(&message), "{text}\n{problems}");
        assert!(problems.contains(&format!("gitlab.rb:{line}:1")), "{text}\n{problems}");
        assert_eq!(names(&text), ["gitlab.example.com"], "{text}");
    }
    for lines in [
        // No host listens on the port.
        "mattermost_external_url 'https://x.example.com:9000'\nmattermost_nginx['enable'] = false",
        "registry_external_url 'https://x.example.com:5050'\nregistry_nginx['enable'] = false",
        // The paths of the agent server are on GitLab's host.
        "gitlab_kas_external_url 'wss://gitlab.example.com/-/kubernetes-agent/'\ngitlab_kas_nginx['enable'] = false",
        "mattermost_nginx['enable'] = false",
        "mattermost_external_url 'https://x.example.com'\nmattermost_nginx['enable'] = true",
    ] {
        let problems = problems(&format!("{GITLAB}{lines}\n"));
        assert!(!problems.contains("responds to requests"), "{lines}\n{problems}");
    }
}
