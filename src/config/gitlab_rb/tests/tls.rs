//! Tests of `ssl_*`: the resulting TLS policy, and the reports of differences from nginx.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::{config, host, problems, tls_settings};
use crate::model::route::RouteAction;
use crate::model::setting_report::SettingVerdict;
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, ClientAuthPolicy, NamedGroup, SessionResumption,
    TlsPolicy, TlsVersions,
};

/// Returns the TLS policy of GitLab's host with these lines.
fn policy(lines: &str) -> TlsPolicy {
    let config = config(&file(lines));
    let model = config.model.unwrap_or_else(|| panic!("{}", config.problems));
    let (_, settings) = model.all_tls_settings().next().unwrap();
    settings.policy.clone()
}

/// Returns verdict and reason of the last line.
fn verdict(lines: &str) -> (SettingVerdict, String) {
    let report = config(&file(lines)).reports.pop().unwrap();
    (report.verdict, report.reason)
}

fn file(lines: &str) -> String {
    format!("external_url 'https://gitlab.example.com'\n{lines}\n")
}

fn tls12_suites(policy: &TlsPolicy) -> Vec<&'static str> {
    policy.suites.iter().filter(|suite| !suite.is_tls13()).map(|suite| suite.name()).collect()
}

#[test]
fn defaults_are_all_suites_and_groups() {
    let policy = policy("");
    assert_eq!(policy.suites, CipherSuite::ALL);
    assert_eq!(policy.groups, NamedGroup::ALL);
    assert_eq!((policy.order, policy.resumption), (CipherPreference::Client, SessionResumption::Tickets));
    assert_eq!(policy.clients, ClientAuth::Off);
}

#[test]
fn cipher_string_selects_tls_1_2_suites() {
    let lines = "nginx['ssl_ciphers'] = 'ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:AES128+aRSA'";
    let policy = policy(lines);
    assert_eq!(tls12_suites(&policy), ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]);
    assert_eq!(policy.suites.len(), 5);
    let note = "not supported: DHE-RSA-AES256-GCM-SHA384".to_owned();
    assert_eq!(verdict(lines), (SettingVerdict::Applied, note));
}

#[test]
fn cipher_string_without_a_known_suite_disables_tls_1_2() {
    let nothing = "nginx['ssl_ciphers'] = 'AES256-SHA'";
    assert_eq!(policy(nothing).versions, TlsVersions::Tls13Only);
    assert!(problems(&file(nothing)).contains("only TLS 1.3 is offered"));
    let without = format!("{nothing}; nginx['ssl_protocols'] = 'TLSv1.2'");
    assert!(config(&file(&without)).model.is_none());
    let only_tls13 = format!("{nothing}; nginx['ssl_protocols'] = 'TLSv1.3'");
    assert_eq!(policy(&only_tls13).versions, TlsVersions::Tls13Only);
}

#[test]
fn cipher_preference_and_groups_are_applied() {
    assert_eq!(policy("nginx['ssl_prefer_server_ciphers'] = 'on'").order, CipherPreference::Server);
    let lines = "nginx['ssl_ecdh_curve'] = 'secp521r1:prime256v1:X25519'";
    assert_eq!(policy(lines).groups, [NamedGroup::X25519, NamedGroup::P256]);
    assert_eq!(verdict(lines), (SettingVerdict::Applied, "not supported: secp521r1".to_owned()));
    assert_eq!(policy("nginx['ssl_ecdh_curve'] = 'auto'").groups, NamedGroup::ALL);
    assert!(config(&file("nginx['ssl_ecdh_curve'] = 'secp521r1'")).model.is_none());
}

#[test]
fn session_settings_select_tickets_a_cache_or_none() {
    let resumption = |lines: &str| policy(lines).resumption;
    let sessions = |count| SessionResumption::Sessions(NonZeroUsize::new(count).unwrap());
    assert_eq!(resumption("nginx['ssl_session_tickets'] = 'on'"), SessionResumption::Tickets);
    assert_eq!(resumption("nginx['ssl_session_cache'] = 'shared:SSL:1m'"), SessionResumption::Tickets);
    assert_eq!(resumption("nginx['ssl_session_cache'] = 'off'"), SessionResumption::Off);
    let off = "nginx['ssl_session_tickets'] = 'off'; nginx['ssl_session_cache'] =";
    assert_eq!(resumption("nginx['ssl_session_tickets'] = 'off'"), sessions(40_000));
    assert_eq!(resumption(&format!("{off} 'builtin:1000 shared:SSL:1m'")), sessions(4000));
    assert_eq!(resumption(&format!("{off} 'none'")), SessionResumption::Off);
}

#[test]
fn ssl_conf_command_is_applied_where_supported() {
    let policy = policy(
        "nginx['ssl_conf_command'] = ['Ciphersuites TLS_CHACHA20_POLY1305_SHA256', 'Options ServerPreference',
            'Groups X25519:P-384', 'CipherString AES256+aRSA', 'MinProtocol TLSv1.2']",
    );
    assert_eq!(policy.suites[0].name(), "TLS_CHACHA20_POLY1305_SHA256");
    assert_eq!(tls12_suites(&policy), ["ECDHE-RSA-AES256-GCM-SHA384"]);
    assert_eq!(policy.suites.len(), 2);
    assert_eq!(policy.order, CipherPreference::Server);
    assert_eq!(policy.groups, [NamedGroup::X25519, NamedGroup::P384]);
    let (verdict, reason) = verdict("nginx['ssl_conf_command'] = ['Options KTLS', 'MinProtocol TLSv1.3']");
    assert_eq!(verdict, SettingVerdict::Refused);
    assert!(reason.ends_with("Options KTLS"), "{reason}");
}

#[test]
fn ssl_verify_client_selects_the_client_certificate_mode() {
    let lines = "nginx['ssl_client_certificate'] = '/etc/ca.pem'\nnginx['ssl_verify_client'] =";
    let verify = |demand, depth| {
        ClientAuth::Verify(ClientAuthPolicy { mode: demand, ca: PathBuf::from("/etc/ca.pem"), depth, crl: None })
    };
    assert_eq!(policy(&format!("{lines} 'on'")).clients, verify(ClientAuthMode::Required, 1));
    let deep = format!("{lines} 'optional'; nginx['ssl_verify_depth'] = '2'");
    assert_eq!(policy(&deep).clients, verify(ClientAuthMode::Optional, 2));
    assert_eq!(policy(&deep).resumption, SessionResumption::Off);
    assert_eq!(policy(&format!("{lines} 'off'")).clients, ClientAuth::Off);
}

#[test]
fn invalid_client_certificate_settings_are_errors() {
    for lines in [
        "nginx['ssl_verify_client'] = 'on'",
        "nginx['ssl_verify_client'] = 'optional_no_ca'; nginx['ssl_client_certificate'] = '/etc/ca.pem'",
        "nginx['ssl_verify_client'] = 'yes'; nginx['ssl_client_certificate'] = '/etc/ca.pem'",
        "nginx['ssl_verify_client'] = 'on'; nginx['ssl_client_certificate'] = '/etc/ca.pem'
            nginx['ssl_verify_depth'] = 'deep'",
    ] {
        assert!(config(&file(lines)).model.is_none(), "{lines}");
    }
}

#[test]
fn smartcard_port_requires_client_certificates() {
    let config = config(&file("nginx['ssl_session_tickets'] = 'off'; gitlab_rails['smartcard_enabled'] = true"));
    let model = config.model.unwrap_or_else(|| panic!("{}", config.problems));
    let name = "gitlab.example.com";
    assert_eq!(tls_settings(&model, "0.0.0.0:443", name).policy.clients, ClientAuth::Off);
    let verify = ClientAuthPolicy {
        mode: ClientAuthMode::Required,
        ca: PathBuf::from("/etc/gitlab/ssl/CA.pem"),
        depth: 2,
        crl: None,
    };
    let smartcards = &tls_settings(&model, "0.0.0.0:3444", name).policy;
    assert_eq!(smartcards.clients, ClientAuth::Verify(verify));
    assert_eq!(smartcards.resumption, SessionResumption::Off);
    let headers = |address| match &host(&model, address, name).routes.select("/").unwrap().action {
        RouteAction::Forward(forward) => format!("{:?}", forward.request_headers),
        other => panic!("{other:?}"),
    };
    assert!(headers("0.0.0.0:3444").contains("x-ssl-client-certificate"));
    assert!(!headers("0.0.0.0:443").contains("x-ssl-client-certificate"));
}

#[test]
fn smartcard_port_and_name_are_applied() {
    let lines = "gitlab_rails['smartcard_enabled'] = true
        gitlab_rails['smartcard_client_certificate_required_host'] = 'cards.example.com'
        gitlab_rails['smartcard_client_certificate_required_port'] = 4444";
    let model = config(&file(lines)).model.unwrap();
    assert!(tls_settings(&model, "0.0.0.0:4444", "cards.example.com").requires_client_certificate());
    let plain = "external_url 'http://gitlab.example.com'; gitlab_rails['smartcard_enabled'] = true";
    assert!(problems(plain).contains("`smartcard_enabled` requires HTTPS"));
}

#[test]
fn tls_settings_of_a_plain_host_have_no_effect() {
    let text = "external_url 'http://gitlab.example.com'\nnginx['ssl_verify_client'] = 'on'\n";
    let report = config(text).reports.pop().unwrap();
    assert_eq!((report.verdict, report.line), (SettingVerdict::NoEffect, Some(2)));
}
