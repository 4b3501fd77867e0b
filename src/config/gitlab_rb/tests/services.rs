//! Which services have a host: roles, switches, and the settings that only hold for some.

use std::collections::HashMap;

use super::{
    BOTH, Given, certificate, host, judgement, model, model_in, problems, reading, reading_in, redirect_from_80,
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
fn a_role_without_gitlab_itself_leaves_its_host_out() {
    for (roles, gitlab_is_served) in [
        ("roles ['application_role']", true),
        ("roles 'geo-primary-role'", true),
        ("roles 'redis_master_role', 'application_role'", true),
        ("roles ['redis_master_role']", false),
        ("roles 'pages-role'", false),
        ("roles ['sidekiq_role']\ngitlab_rails['enable'] = true", true),
        ("roles []", true),
    ] {
        let names = names(&format!("{BOTH}{roles}"));
        let wanted = if gitlab_is_served {
            vec!["chat.example.com", "gitlab.example.com"]
        } else {
            vec!["chat.example.com"]
        };
        assert_eq!(names, wanted, "{roles}");
    }
    let reading = reading(&format!("{GITLAB}roles ['postgres_role']\n"));
    assert!(reading.model.is_none());
    let problems = reading.problems.to_string();
    assert!(problems.contains("no host is configured"), "{problems}");
    assert!(problems.contains("`roles` does not include GitLab"), "{problems}");
    assert!(judgement(&reading, "external_url").reason.contains("roles"), "{problems}");
    assert_eq!(judgement(&reading, "external_url").verdict, SettingVerdict::NoEffect);
}

#[test]
fn a_role_that_nobody_knows_is_an_error_as_in_the_package() {
    let problems = problems(&format!("{GITLAB}roles ['aplication_role', 'web-role']\n"));
    assert!(problems.contains("unknown role `aplication_role`"), "{problems}");
    assert!(problems.contains("did you mean `application_role`?"), "{problems}");
    assert!(problems.contains("unknown role `web-role`"), "{problems}");
}

#[test]
fn the_url_of_a_service_that_is_switched_off_has_no_effect() {
    let reading = reading(&format!("{BOTH}mattermost['enable'] = false\n"));
    let url = judgement(&reading, "mattermost_external_url");
    assert_eq!((url.verdict, url.reason.contains("disabled")), (SettingVerdict::NoEffect, true));
    assert_eq!(judgement(&reading, "external_url").verdict, SettingVerdict::Applied);
}

#[test]
fn the_registrys_https_stands_in_for_the_scheme_of_its_url() {
    let model = model(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com:5005'\nregistry_nginx['https'] = false\n"
    ));
    assert_eq!(host(&model, "0.0.0.0:5005", "registry.example.com").security, HostSecurity::Plain);
}

#[test]
fn gitlabs_newer_spelling_has_a_log_directory_too() {
    let model =
        model(&format!("{GITLAB}nginx['log_directory'] = '/a'\ngitlab_rails['nginx']['log_directory'] = '/b'\n"));
    let gitlab = host(&model, "0.0.0.0:443", "gitlab.example.com");
    assert_eq!(*model.access_log(gitlab.access_log), LogTarget::File("/b/gitlab_access.log".into()));
}

#[test]
fn without_external_url_the_older_settings_say_where_gitlab_is() {
    let text = "gitlab_rails['gitlab_host'] = 'git.corp.example'\ngitlab_rails['gitlab_port'] = 8443\n\
                gitlab_rails['gitlab_https'] = true\n";
    let model = model(text);
    assert_eq!(certificate(&model, "0.0.0.0:8443", "git.corp.example"), "/etc/gitlab/ssl/node1.corp.example.crt");
    assert_eq!(judgement(&reading(text), "gitlab_rails.gitlab_host").verdict, SettingVerdict::Applied);
    let both = reading(&format!("{GITLAB}{text}"));
    assert_eq!(judgement(&both, "gitlab_rails.gitlab_host").verdict, SettingVerdict::NoEffect);
}

#[test]
fn slips_in_hashes_that_are_known_completely_are_told() {
    let problems = problems(&format!(
        "{GITLAB}letsencrypt['enabled'] = false\nletsencrypt['key_size'] = 4096\nweb_server['user_name'] = 'x'\n"
    ));
    assert!(problems.contains("there is no setting `letsencrypt['enabled']`"), "{problems}");
    assert!(problems.contains("enable is near"), "{problems}");
    assert!(problems.contains("there is no setting `web_server['user_name']`"), "{problems}");
    assert!(!problems.contains("key_size"), "{problems}");
}

#[test]
fn openbao_is_not_served_and_that_is_told() {
    let problems = problems(&format!("{GITLAB}oak['enable'] = true\n"));
    assert!(problems.contains("OpenBao"), "{problems}");
}

#[test]
fn with_lets_encrypt_a_certificate_that_is_there_is_left_alone() {
    let wild = "mattermost_nginx['ssl_certificate'] = '/etc/pki/wild.crt'\n\
                mattermost_nginx['ssl_certificate_key'] = '/etc/pki/wild.key'\n";
    let text = format!("{BOTH}letsencrypt['enable'] = true\n{wild}");
    let there = Given { files: HashMap::from([("/etc/pki/wild.crt", "")]), ..Given::default() };
    let model = model_in(&text, &there);
    assert_eq!(certificate(&model, "0.0.0.0:443", "chat.example.com"), "/etc/pki/wild.crt");
    let on_80 = model.listeners.iter().find(|it| it.address.port() == 80).unwrap();
    assert!(
        on_80
            .hosts
            .find("chat.example.com")
            .is_none_or(|id| model.host(*id).names[0].to_string() != "chat.example.com")
    );
    let missing = reading(&text);
    let judged = judgement(&missing, "mattermost_nginx.ssl_certificate");
    assert_eq!(
        (judged.verdict, judged.reason.contains("GitLab's")),
        (SettingVerdict::NoEffect, true),
        "{}",
        judged.reason
    );
}

#[test]
fn lets_encrypt_without_gitlab_has_no_effect() {
    let text = "gitlab_rails['enable'] = false\nmattermost_external_url 'https://chat.example.com'\n\
                letsencrypt['enable'] = true\n";
    assert_eq!(judgement(&reading(text), "letsencrypt.enable").verdict, SettingVerdict::NoEffect);
}

#[test]
fn mattermost_may_listen_on_an_ipv6_address() {
    for (address, expected) in [("::1", "[::1]:9065"), ("[::1]", "[::1]:9065"), ("", "127.0.0.1:9065")] {
        let model = model(&format!(
            "{BOTH}mattermost['service_address'] = '{address}'\nmattermost['service_port'] = 9065\n"
        ));
        let chat = host(&model, "0.0.0.0:443", "chat.example.com");
        let RouteAction::Forward(forward) = &chat.routes.select("/").unwrap().action else { panic!("no upstream") };
        assert_eq!(model.upstream(forward.upstream).to_string(), expected);
    }
}

#[test]
fn the_registrys_own_port_is_where_its_redirect_leads() {
    let model = model(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com:5001'\n\
         registry_nginx['listen_port'] = 5002\nregistry_nginx['redirect_http_to_https'] = true\n"
    ));
    assert_eq!(redirect_from_80(&model, "registry.example.com"), "https://registry.example.com:5001");
}

#[test]
fn lets_encrypt_beside_an_nginx_that_is_off_is_warned_of() {
    let on = format!("{GITLAB}letsencrypt['enable'] = true\n");
    let told = problems(&format!("{on}nginx['enable'] = false\n"));
    assert!(told.contains("starts the bundled nginx again"), "{told}");
    assert!(!problems(&on).contains("starts the bundled nginx again"));
}

/// The lines are those about Let's Encrypt; nothing is there but what `files` says.
fn obtained(lines: &str, files: &[&'static str]) -> Option<AcmeSettings> {
    let files = files.iter().map(|file| (*file, "")).collect();
    model_in(&format!("{BOTH}{lines}"), &Given { files, bare: true, ..Given::default() }).acme
}

#[test]
fn one_certificate_is_obtained_for_all_hosts_without_one() {
    let names = |acme: AcmeSettings| acme.certificates[0].names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let on = "letsencrypt['enable'] = true\n";
    assert_eq!(names(obtained(on, &[]).unwrap()), ["gitlab.example.com", "chat.example.com"]);
    // It is one pair, whatever is needed to read its key.
    let phrases = format!("{on}nginx['ssl_password_file'] = '/etc/gitlab/ssl/passwords'\n");
    assert_eq!(names(obtained(&phrases, &[]).unwrap()), ["gitlab.example.com", "chat.example.com"]);
    let own = ["/etc/gitlab/ssl/chat.example.com.crt"];
    assert_eq!(names(obtained(on, &own).unwrap()), ["gitlab.example.com"]);
    let more = format!("{on}letsencrypt['alt_names'] = ['www.example.com', 'chat.example.com']\n");
    assert_eq!(names(obtained(&more, &[]).unwrap()), ["gitlab.example.com", "chat.example.com", "www.example.com"],);
}

#[test]
fn obtaining_is_on_by_itself_where_nothing_else_could_be_meant() {
    assert!(obtained("", &[]).is_some());
    assert!(obtained("nginx['enable'] = false\n", &[]).is_some());
    // The proxy has done it before, so there is a certificate now.
    let earlier = ["/etc/gitlab/ssl/gitlab.example.com.crt", "/etc/gitlab/ssl/acme"];
    assert!(obtained("", &earlier).is_some());
    for there in ["/etc/gitlab/ssl/gitlab.example.com.crt", "/etc/gitlab/ssl/gitlab.example.com.key"] {
        assert_eq!(obtained("", &[there]), None, "{there}");
    }
    for off in [
        "letsencrypt['enable'] = false\n",
        "nginx['listen_https'] = mattermost_nginx['listen_https'] = false\n",
        "package['generate_secrets_json_file'] = false\n",
    ] {
        assert_eq!(obtained(off, &[]), None, "{off}");
    }
}

#[test]
fn a_certificate_that_is_obtained_is_not_missed() {
    let given = Given { bare: true, ..Given::default() };
    let reading = reading_in(BOTH, &given);
    assert!(!reading.missing_certificates(&given).has_errors());
    // Nobody has asked for it in so many words.
    let told = reading.problems.to_string();
    assert!(told.contains("warning: `/etc/gitlab/ssl/gitlab.example.com.crt` and its key do not exist"), "{told}");
}

#[test]
fn keys_are_ecdsa_unless_rsa_is_asked_for() {
    let key = |lines: &str| obtained(&format!("letsencrypt['enable'] = true\n{lines}\n"), &[]).unwrap().key;
    assert_eq!(key(""), CertificateKeyType::EcdsaP256);
    assert_eq!(key("letsencrypt['key_size'] = 4096"), CertificateKeyType::Rsa4096);
    assert_eq!(key("letsencrypt['key_type'] = 'rsa'"), CertificateKeyType::Rsa2048);
    assert_eq!(
        key("letsencrypt['key_type'] = 'ecdsa'\nletsencrypt['ec_curve'] = 'secp384r1'"),
        CertificateKeyType::EcdsaP384
    );
    let odd = reading(&format!("{BOTH}letsencrypt['enable'] = true\nletsencrypt['key_size'] = 1024\n"));
    assert!(odd.problems.to_string().contains("unsupported RSA key size `1024`"), "{}", odd.problems);
}

#[test]
fn settings_of_an_integration_that_is_off_have_no_effect() {
    let text =
        format!("{BOTH}letsencrypt['enable'] = false\nletsencrypt['contact_emails'] = ['ops@example.com']\n");
    assert_eq!(judgement(&reading(&text), "letsencrypt.contact_emails").verdict, SettingVerdict::NoEffect);
    let on = text.replace("false", "true");
    assert_eq!(judgement(&reading(&on), "letsencrypt.contact_emails").verdict, SettingVerdict::Applied);
}
