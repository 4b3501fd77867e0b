//! Configured TLS settings: cipher suites, groups, resumption, certificates, keys.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS13_AES_128_GCM_SHA256,
    TLS13_AES_256_GCM_SHA384,
};
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup};

use crate::support::certs::{self, KeyEncoding, KeyKind};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

#[test]
fn only_listed_cipher_suites_are_accepted() {
    let origin = greeting();
    let suites = r#"cipher_suites = ["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"]"#;
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(suites));
    let suite = |tls: Tls| tls.connect(gatepost.https()).map(|stream| stream.suite().unwrap());
    assert_eq!(suite(Tls::to(GITLAB)).unwrap(), CipherSuite::TLS13_AES_128_GCM_SHA256);
    let tls12 = Tls::to(GITLAB).only(&TLS12);
    assert_eq!(suite(tls12.clone()).unwrap(), CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    assert!(suite(tls12.with_suites(&[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256])).is_err());
    assert!(suite(Tls::to(GITLAB).only(&TLS13).with_suites(&[TLS13_AES_256_GCM_SHA384])).is_err());
}

#[test]
fn prefer_server_ciphers_selects_client_or_server_preference() {
    let origin = greeting();
    let offered_suites = [
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384,
    ];
    for (prefer_server, expected) in [
        (
            false,
            [CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, CipherSuite::TLS13_AES_128_GCM_SHA256],
        ),
        (true, [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, CipherSuite::TLS13_AES_256_GCM_SHA384]),
    ] {
        let gatepost = Gatepost::with_host(
            Host::new(GITLAB, &origin).with(&format!("prefer_server_ciphers = {prefer_server}")),
        );
        for (version, expected) in [&TLS12, &TLS13].into_iter().zip(expected) {
            let tls = Tls::to(GITLAB).with_suites(&offered_suites).only(version);
            assert_eq!(tls.connect(gatepost.https()).unwrap().suite(), Some(expected), "{prefer_server}");
        }
    }
}

#[test]
fn only_listed_groups_are_accepted() {
    let origin = greeting();
    let groups = r#"key_exchange_groups = ["P-384"]"#;
    let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(groups));
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).only(version);
        assert_eq!(tls.connect(gatepost.https()).unwrap().group(), Some(NamedGroup::secp384r1));
        assert!(tls.with_groups(&[X25519, SECP256R1]).connect(gatepost.https()).is_err());
    }
}

#[test]
fn all_groups_are_accepted_by_default() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let both = [&TLS12, &TLS13];
    for group in [X25519, SECP256R1, SECP384R1] {
        for version in both {
            let tls = Tls::to(GITLAB).only(version).with_groups(&[group]);
            assert_eq!(tls.connect(gatepost.https()).unwrap().group(), Some(group.name()));
        }
    }
    let hybrid = Tls::to(GITLAB).with_groups(&[X25519MLKEM768]);
    assert_eq!(hybrid.connect(gatepost.https()).unwrap().group(), Some(NamedGroup::X25519MLKEM768));
}

/// Opens four connections with one client configuration and returns which of them were resumed.
fn resumed(gatepost: &Gatepost, tls: &Tls) -> Vec<bool> {
    let config = Arc::new(tls.config());
    let connect = || {
        let stream = Arc::new(tls.connect_with(&config, gatepost.https()).unwrap());
        assert_eq!(Client::new(stream.clone(), GITLAB).get("/").text(), "hello");
        stream.is_resumed()
    };
    (0..4).map(|_| connect()).collect()
}

#[test]
fn sessions_are_resumed_by_tickets_or_cache_or_not_at_all() {
    let origin = greeting();
    for (line, expected) in [
        ("session_resumption = \"tickets\"", [false, true, true, true]),
        ("session_resumption = 100", [false, true, true, true]),
        ("session_resumption = \"off\"", [false; 4]),
    ] {
        let gatepost = Gatepost::with_host(Host::new(GITLAB, &origin).with(line));
        for version in [&TLS12, &TLS13] {
            assert_eq!(resumed(&gatepost, &Tls::to(GITLAB).only(version)), expected, "{line}");
        }
    }
}

#[test]
fn hosts_on_one_address_have_separate_versions_and_protocols() {
    let origin = greeting();
    let configuration = Configuration::new()
        .host(Host::new(GITLAB, &origin).with(r#"tls_versions = ["1.3"]"#))
        .host(Host::new(MATTERMOST, &origin).with("http2 = false"));
    let gatepost = Gatepost::start(configuration);
    assert!(Tls::to(GITLAB).only(&TLS12).connect(gatepost.https()).is_err());
    assert!(Tls::to(MATTERMOST).only(&TLS12).connect(gatepost.https()).is_ok());
    let negotiated =
        |host| Tls::to(host).with_alpn(&["h2", "http/1.1"]).connect(gatepost.https()).unwrap().protocol();
    assert_eq!(negotiated(GITLAB).as_deref(), Some("h2"));
    assert_eq!(negotiated(MATTERMOST).as_deref(), Some("http/1.1"));
}

#[test]
fn a_connection_with_weaker_tls_settings_cannot_reach_a_stricter_host() {
    let origin = greeting();
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    let gatepost = Gatepost::start(
        configuration
            .host(Host::new(MATTERMOST, &origin).certificate(&files))
            .host(Host::new(GITLAB, &origin).certificate(&files).with(r#"tls_versions = ["1.3"]"#)),
    );
    for tls in [Tls::to(MATTERMOST), Tls::to(MATTERMOST).without_sni()] {
        assert_eq!(Client::tls(gatepost.https(), &tls.only(&TLS12), GITLAB).get("/").status(), 421);
    }
    assert!(origin.heads().is_empty());
}

#[test]
fn a_certificate_with_a_supported_key_type_is_selected() {
    let origin = greeting();
    let configuration = Configuration::new();
    let rsa = certs::leaf_with_key(KeyKind::Rsa, &[GITLAB]).write(configuration.directory(), "rsa");
    let ecdsa = certs::leaf_with_key(KeyKind::Ecdsa, &[GITLAB]).write(configuration.directory(), "ecdsa");
    let host = Host::new(GITLAB, &origin).certificates(&[&rsa, &ecdsa]);
    let gatepost = Gatepost::start(configuration.host(host));
    let suite = |tls: Tls| tls.connect(gatepost.https()).unwrap().suite().unwrap();
    let tls12 = Tls::to(GITLAB).only(&TLS12);
    let only_rsa = tls12.clone().with_suites(&[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]);
    assert_eq!(suite(only_rsa), CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
    assert_eq!(suite(tls12), CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    assert!(Tls::to(GITLAB).only(&TLS13).connect(gatepost.https()).is_ok());
}

#[test]
fn an_encrypted_key_is_decrypted_with_any_line_of_the_password_file() {
    let origin = greeting();
    for kind in [KeyKind::Ecdsa, KeyKind::Rsa] {
        let configuration = Configuration::new();
        let leaf = certs::leaf_with_key(kind, &[GITLAB]);
        let files = leaf.write_key_as(KeyEncoding::Encrypted("open sesame"), configuration.directory(), "pair");
        let phrases = configuration.directory().join("phrases");
        std::fs::write(&phrases, "old phrase\nopen sesame\nnext phrase\n").unwrap();
        let line = format!("key_password_file = {phrases:?}");
        let gatepost =
            Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files).with(&line)));
        assert!(Tls::to(GITLAB).connect(gatepost.https()).is_ok(), "{kind:?}");
    }
}

#[test]
fn check_reports_why_a_key_cannot_be_decrypted() {
    let origin = greeting();
    for (line, expected) in [("", "key_password_file"), ("key_password_file = \"phrases\"", "no line of")] {
        let configuration = Configuration::new();
        let leaf = certs::leaf(&[GITLAB]);
        let files = leaf.write_key_as(KeyEncoding::Encrypted("open sesame"), configuration.directory(), "pair");
        std::fs::write(configuration.directory().join("phrases"), "open\nsesame\n").unwrap();
        let output = configuration.host(Host::new(GITLAB, &origin).certificate(&files).with(line)).check();
        assert_eq!(output.code, Some(1), "{output:?}");
        let report = output.stdout + &output.stderr;
        assert!(report.contains("pair.key") && report.contains(expected), "{report}");
    }
}

#[test]
fn an_unsupported_key_encryption_is_reported_with_the_conversion_command() {
    let origin = greeting();
    let legacy = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
               -----END EC PRIVATE KEY-----\n";
    // A sequence without an encryption scheme.
    let unknown = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for text in [legacy, unknown] {
        let configuration = Configuration::new();
        let files = certs::leaf(&[GITLAB]).write(configuration.directory(), "pair");
        std::fs::write(&files.key, text).unwrap();
        std::fs::write(configuration.directory().join("phrases"), "open sesame\n").unwrap();
        let host = Host::new(GITLAB, &origin).certificate(&files).with("key_password_file = \"phrases\"");
        let output = configuration.host(host).check();
        let key = files.key.display();
        let command = format!("`openssl pkcs8 -topk8 -v2 aes-256-cbc -in '{key}' -out '{key}.new'");
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains(&command), "{output:?}");
    }
}

#[test]
fn a_chain_in_the_wrong_order_is_reordered() {
    let origin = greeting();
    let configuration = Configuration::new();
    let files =
        certs::with_intermediate(&[GITLAB]).reversed_chain().write(configuration.directory(), "upside-down");
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
    assert_eq!(Tls::to(GITLAB).connect(gatepost.https()).unwrap().certificates().len(), 2);
}

#[test]
fn a_certificate_that_expires_soon_is_reported_by_check_and_at_startup() {
    let origin = greeting();
    for (days, is_reported) in [(40, false), (29, true), (1, true)] {
        let configuration = Configuration::new();
        let files = certs::expiring_in(days, &[GITLAB]).write(configuration.directory(), "soon");
        let configuration = configuration.host(Host::new(GITLAB, &origin).certificate(&files));
        let output = configuration.check();
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(output.stderr.contains("expires in"), is_reported, "{days}: {}", output.stderr);
        let gatepost = Gatepost::start(configuration);
        gatepost.wait_stderr(|log| log.contains("expires in") == is_reported);
    }
}
