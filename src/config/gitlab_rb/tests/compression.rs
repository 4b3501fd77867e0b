//! Tests of `gzip_*`.

use super::{TWO_HOSTS, config, host, model, problems, report_of};
use crate::model::compression::{
    CompressibleTypes, CompressionPolicy, GzipLevel, GzipPolicy, GzipProxied, GzipVary, MinHttpVersion,
};
use crate::model::setting_report::SettingVerdict;

fn rules_at(address: &str, name: &str, text: &str) -> Option<GzipPolicy> {
    match &host(&model(text), address, name).compression {
        CompressionPolicy::Gzip(rules) => Some((**rules).clone()),
        CompressionPolicy::Off => None,
    }
}

fn of_gitlab(lines: &str) -> Option<GzipPolicy> {
    let text = format!("external_url 'http://gitlab.example.com'\n{lines}");
    rules_at("0.0.0.0:80", "gitlab.example.com", &text)
}

#[test]
fn gitlab_is_compressed_unless_gzip_is_disabled() {
    let usual = of_gitlab("").unwrap();
    assert_eq!((usual.min_length, usual.vary, usual.level), (250, GzipVary::On, GzipLevel::PACKAGE));
    assert_eq!((usual.oldest_http, &usual.proxied), (MinHttpVersion::Http11, &GzipProxied::of_package()));
    assert!(usual.types.contains(Some(b"text/html")) && usual.types.contains(Some(b"application/json")));
    assert!(!usual.types.contains(Some(b"application/javascript")));
    assert_eq!(of_gitlab("nginx['gzip_enabled'] = nil"), Some(usual));
    assert_eq!(of_gitlab("nginx['gzip_enabled'] = false"), None);
    assert_eq!(of_gitlab("gitlab_rails['nginx']['gzip_enabled'] = false"), None);
}

#[test]
fn gzip_settings_are_applied() {
    let rules = of_gitlab(
        "nginx['gzip_comp_level'] = '7'
        nginx['gzip_http_version'] = 1.0
        nginx['gzip_proxied'] = 'any'
        nginx['gzip_types'] = ['text/x-own']",
    );
    let rules = rules.unwrap();
    assert_eq!((rules.level.get(), rules.oldest_http), (7, MinHttpVersion::Http10));
    assert_eq!(rules.proxied, GzipProxied::Always);
    assert!(rules.types.contains(Some(b"text/x-own")) && rules.types.contains(Some(b"text/html")));
    assert!(!rules.types.contains(Some(b"text/css")));
    assert_eq!(of_gitlab("nginx['gzip_types'] = ['*']").map(|it| it.types), Some(CompressibleTypes::All));
    assert_eq!(of_gitlab("nginx['gzip_comp_level'] = 1").map(|it| it.level.get()), Some(1));
}

#[test]
fn mattermost_is_compressed_only_without_tls() {
    assert_eq!(rules_at("0.0.0.0:443", "chat.example.com", TWO_HOSTS), None);
    let plain = "mattermost_external_url 'http://chat.example.com'\ngitlab_rails['enable'] = false\n";
    let rules = rules_at("0.0.0.0:80", "chat.example.com", plain).unwrap();
    assert_eq!((rules.min_length, rules.vary), (20, GzipVary::Off));
    let off = format!("{plain}nginx['gzip_enabled'] = false\n");
    assert_eq!(rules_at("0.0.0.0:80", "chat.example.com", &off), None);
}

#[test]
fn other_hosts_use_the_settings_of_the_nginx_hash() {
    let text = "external_url 'https://gitlab.example.com'
        registry_external_url 'https://registry.example.com'
        gitlab_rails['nginx']['gzip_comp_level'] = 9
        nginx['gzip_comp_level'] = 3";
    let level = |name| rules_at("0.0.0.0:443", name, text).map(|rules| rules.level.get());
    assert_eq!((level("gitlab.example.com"), level("registry.example.com")), (Some(9), Some(3)));
}

#[test]
fn redirects_are_not_compressed() {
    let text = format!("{TWO_HOSTS}nginx['redirect_http_to_https'] = true\n");
    assert_eq!(rules_at("0.0.0.0:80", "gitlab.example.com", &text), None);
}

#[test]
fn values_that_nginx_rejects_are_errors() {
    for (line, message) in [
        ("nginx['gzip_comp_level'] = 10", "must be a level"),
        ("nginx['gzip_http_version'] = '2.0'", "unsupported HTTP version `2.0`"),
        ("nginx['gzip_proxied'] = 'no_cache'", "did you mean `no-cache`"),
        ("nginx['gzip_types'] = ['html']", "`html` is not a media type"),
        ("nginx['gzip_types'] = 'text/html'", "must be an array"),
    ] {
        let problems = problems(&format!("{TWO_HOSTS}{line}\n"));
        assert!(problems.contains(message), "{line}\n{problems}");
        assert_eq!(problems.matches("error: ").count(), 1, "{problems}");
    }
}

#[test]
fn gzip_enabled_is_reported_as_applied() {
    let config = config(&format!("{TWO_HOSTS}nginx['gzip_enabled'] = false\n"));
    assert_eq!(report_of(&config, "nginx.gzip_enabled").verdict, SettingVerdict::Applied);
}
