//! The `ssl_*` settings: what each means, and what is said where it means something else than in nginx.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::{host, problems, reading, terms};
use crate::model::route::RouteAction;
use crate::model::setting_report::SettingVerdict;
use crate::model::tls::{
    CipherPreference, CipherSuite, ClientAuth, ClientAuthMode, ClientAuthPolicy, NamedGroup, SessionResumption,
    TlsPolicy, TlsVersions,
};

/// The policy of GitLab's host with these lines.
fn policy(lines: &str) -> TlsPolicy {
    let reading = reading(&file(lines));
    let model = reading.model.unwrap_or_else(|| panic!("{}", reading.problems));
    let (_, terms) = model.all_tls_settings().next().unwrap();
    terms.policy.clone()
}

/// Verdict and reason of the last line.
fn verdict(lines: &str) -> (SettingVerdict, String) {
    let judgement = reading(&file(lines)).reports.pop().unwrap();
    (judgement.verdict, judgement.reason)
}

fn file(lines: &str) -> String {
    format!("external_url 'https://gitlab.example.com'\n{lines}\n")
}

fn of_tls12(policy: &TlsPolicy) -> Vec<&'static str> {
    policy.suites.iter().filter(|suite| !suite.is_of_tls13()).map(|suite| suite.name()).collect()
}

#[test]
fn without_a_word_everything_that_exists_is_offered() {
    let policy = policy("");
    assert_eq!(policy.suites, CipherSuite::ALL);
    assert_eq!(policy.groups, NamedGroup::ALL);
    assert_eq!((policy.order, policy.resumption), (CipherPreference::Client, SessionResumption::Tickets));
    assert_eq!(policy.clients, ClientAuth::Off);
}

#[test]
fn a_cipher_string_chooses_suites_of_tls_1_2() {
    let lines = "nginx['ssl_ciphers'] = 'ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:AES128+aRSA'";
    let policy = policy(lines);
    assert_eq!(of_tls12(&policy), ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]);
    assert_eq!(policy.suites.len(), 5);
    let note = "there is nothing here of DHE-RSA-AES256-GCM-SHA384".to_owned();
    assert_eq!(verdict(lines), (SettingVerdict::Applied, note));
}

#[test]
fn a_cipher_string_that_leaves_nothing_leaves_tls_1_3_or_is_an_error() {
    let nothing = "nginx['ssl_ciphers'] = 'AES256-SHA'";
    assert_eq!(policy(nothing).versions, TlsVersions::Tls13Only);
    assert!(problems(&file(nothing)).contains("only TLS 1.3 is offered"));
    let without = format!("{nothing}; nginx['ssl_protocols'] = 'TLSv1.2'");
    assert!(reading(&file(&without)).model.is_none());
    let only_tls13 = format!("{nothing}; nginx['ssl_protocols'] = 'TLSv1.3'");
    assert_eq!(policy(&only_tls13).versions, TlsVersions::Tls13Only);
}

#[test]
fn the_order_of_suites_and_the_groups_can_be_chosen() {
    assert_eq!(policy("nginx['ssl_prefer_server_ciphers'] = 'on'").order, CipherPreference::Server);
    let lines = "nginx['ssl_ecdh_curve'] = 'secp521r1:prime256v1:X25519'";
    assert_eq!(policy(lines).groups, [NamedGroup::X25519, NamedGroup::P256]);
    assert_eq!(verdict(lines), (SettingVerdict::Applied, "not supported: secp521r1".to_owned()));
    assert_eq!(policy("nginx['ssl_ecdh_curve'] = 'auto'").groups, NamedGroup::ALL);
    assert!(reading(&file("nginx['ssl_ecdh_curve'] = 'secp521r1'")).model.is_none());
}

#[test]
fn sessions_are_resumed_as_far_as_the_file_allows() {
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
fn commands_for_openssl_are_obeyed_where_there_is_something_alike() {
    let policy = policy(
        "nginx['ssl_conf_command'] = ['Ciphersuites TLS_CHACHA20_POLY1305_SHA256', 'Options ServerPreference',
            'Groups X25519:P-384', 'CipherString AES256+aRSA', 'MinProtocol TLSv1.2']",
    );
    assert_eq!(policy.suites[0].name(), "TLS_CHACHA20_POLY1305_SHA256");
    assert_eq!(of_tls12(&policy), ["ECDHE-RSA-AES256-GCM-SHA384"]);
    assert_eq!(policy.suites.len(), 2);
    assert_eq!(policy.order, CipherPreference::Server);
    assert_eq!(policy.groups, [NamedGroup::X25519, NamedGroup::P384]);
    let (verdict, reason) = verdict("nginx['ssl_conf_command'] = ['Options KTLS', 'MinProtocol TLSv1.3']");
    assert_eq!(verdict, SettingVerdict::Refused);
    assert!(reason.ends_with("Options KTLS"), "{reason}");
}

#[test]
fn clients_are_asked_for_certificates() {
    let lines = "nginx['ssl_client_certificate'] = '/etc/ca.pem'\nnginx['ssl_verify_client'] =";
    let asked = |demand, depth| {
        ClientAuth::Verify(ClientAuthPolicy { demand, ca: PathBuf::from("/etc/ca.pem"), depth, crl: None })
    };
    assert_eq!(policy(&format!("{lines} 'on'")).clients, asked(ClientAuthMode::Required, 1));
    let deep = format!("{lines} 'optional'; nginx['ssl_verify_depth'] = '2'");
    assert_eq!(policy(&deep).clients, asked(ClientAuthMode::Optional, 2));
    assert_eq!(policy(&deep).resumption, SessionResumption::Off);
    assert_eq!(policy(&format!("{lines} 'off'")).clients, ClientAuth::Off);
}

#[test]
fn what_cannot_be_verified_is_not_served() {
    for lines in [
        "nginx['ssl_verify_client'] = 'on'",
        "nginx['ssl_verify_client'] = 'optional_no_ca'; nginx['ssl_client_certificate'] = '/etc/ca.pem'",
        "nginx['ssl_verify_client'] = 'yes'; nginx['ssl_client_certificate'] = '/etc/ca.pem'",
        "nginx['ssl_verify_client'] = 'on'; nginx['ssl_client_certificate'] = '/etc/ca.pem'
            nginx['ssl_verify_depth'] = 'deep'",
    ] {
        assert!(reading(&file(lines)).model.is_none(), "{lines}");
    }
}

#[test]
fn smartcards_have_a_port_of_their_own_that_asks_for_certificates() {
    let reading = reading(&file("nginx['ssl_session_tickets'] = 'off'; gitlab_rails['smartcard_enabled'] = true"));
    let model = reading.model.unwrap_or_else(|| panic!("{}", reading.problems));
    let name = "gitlab.example.com";
    assert_eq!(terms(&model, "0.0.0.0:443", name).policy.clients, ClientAuth::Off);
    let asked = ClientAuthPolicy {
        demand: ClientAuthMode::Required,
        ca: PathBuf::from("/etc/gitlab/ssl/CA.pem"),
        depth: 2,
        crl: None,
    };
    let smartcards = &terms(&model, "0.0.0.0:3444", name).policy;
    assert_eq!(smartcards.clients, ClientAuth::Verify(asked));
    assert_eq!(smartcards.resumption, SessionResumption::Off);
    let headers = |address| match &host(&model, address, name).routes.select("/").unwrap().action {
        RouteAction::Forward(forward) => format!("{:?}", forward.request_headers),
        other => panic!("{other:?}"),
    };
    assert!(headers("0.0.0.0:3444").contains("x-ssl-client-certificate"));
    assert!(!headers("0.0.0.0:443").contains("x-ssl-client-certificate"));
}

#[test]
fn the_port_and_the_name_for_smartcards_can_be_chosen() {
    let lines = "gitlab_rails['smartcard_enabled'] = true
        gitlab_rails['smartcard_client_certificate_required_host'] = 'cards.example.com'
        gitlab_rails['smartcard_client_certificate_required_port'] = 4444";
    let model = reading(&file(lines)).model.unwrap();
    assert!(terms(&model, "0.0.0.0:4444", "cards.example.com").requires_client_certificate());
    let plain = "external_url 'http://gitlab.example.com'; gitlab_rails['smartcard_enabled'] = true";
    assert!(problems(plain).contains("`smartcard_enabled` requires HTTPS"));
}

#[test]
fn on_a_plain_host_they_have_no_effect() {
    let text = "external_url 'http://gitlab.example.com'\nnginx['ssl_verify_client'] = 'on'\n";
    let judgement = reading(text).reports.pop().unwrap();
    assert_eq!((judgement.verdict, judgement.line), (SettingVerdict::NoEffect, Some(2)));
}
