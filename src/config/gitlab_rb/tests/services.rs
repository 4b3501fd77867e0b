//! Which services have a host: roles, switches, and the settings that only hold for some.

use super::{BOTH, certificate, host, judgement, model, problems, reading};
use crate::model::judgement::Verdict;
use crate::model::{LogTarget, Security};

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
    assert!(problems.contains("asks for no host at all"), "{problems}");
    assert!(judgement(&reading, "external_url").reason.contains("roles"), "{problems}");
    assert_eq!(judgement(&reading, "external_url").verdict, Verdict::NoEffect);
}

#[test]
fn a_role_that_nobody_knows_is_an_error_as_in_the_package() {
    let problems = problems(&format!("{GITLAB}roles ['aplication_role', 'web-role']\n"));
    assert!(problems.contains("there is no role `aplication_role`"), "{problems}");
    assert!(problems.contains("did you mean `application_role`?"), "{problems}");
    assert!(problems.contains("there is no role `web-role`"), "{problems}");
}

#[test]
fn the_url_of_a_service_that_is_switched_off_has_no_effect() {
    let reading = reading(&format!("{BOTH}mattermost['enable'] = false\n"));
    let url = judgement(&reading, "mattermost_external_url");
    assert_eq!((url.verdict, url.reason.contains("switched off")), (Verdict::NoEffect, true));
    assert_eq!(judgement(&reading, "external_url").verdict, Verdict::Applied);
}

#[test]
fn the_registrys_https_stands_in_for_the_scheme_of_its_url() {
    let model = model(&format!(
        "{GITLAB}registry_external_url 'https://registry.example.com:5005'\nregistry_nginx['https'] = false\n"
    ));
    assert_eq!(host(&model, "0.0.0.0:5005", "registry.example.com").security, Security::Plain);
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
    assert_eq!(judgement(&reading(text), "gitlab_rails.gitlab_host").verdict, Verdict::Applied);
    let both = reading(&format!("{GITLAB}{text}"));
    assert_eq!(judgement(&both, "gitlab_rails.gitlab_host").verdict, Verdict::NoEffect);
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
