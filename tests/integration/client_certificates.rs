//! Certificates of clients: who is let in, who is not and how that is told, and what cannot be gone around.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};

use crate::support::certs;
use crate::support::certs::clients::{ClientCa, Identity};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::tls::Tls;

/// A program that asks clients of its one host for certificates.
struct Guarded {
    gatepost: Gatepost,
    origin: Origin,
}

impl Guarded {
    /// `lists` writes the files beside the authority's, and names more keys.
    fn by(authority: &ClientCa, verify: &str, more: impl Fn(&Configuration) -> String) -> Guarded {
        let origin = greeting();
        let configuration = Configuration::new();
        let more = more(&configuration);
        let line = demand(verify, &authority.write(configuration.directory()), &more);
        let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line)));
        Guarded { gatepost, origin }
    }

    /// The answer to a client.
    fn answer(&self, tls: &Tls) -> (u16, String) {
        let answer = Client::tls(self.gatepost.https(), tls, GITLAB).get("/");
        (answer.status(), answer.text())
    }

    /// The alert that a client gets. With TLS 1.3 it has finished its handshake by then.
    fn alert(&self, tls: &Tls) -> String {
        let error = match tls.connect(self.gatepost.https()) {
            Err(error) => error,
            Ok(stream) => Client::new(Arc::new(stream), GITLAB).try_answer().unwrap_err(),
        };
        error.to_string()
    }

    fn expect_alert(&self, identity: &Identity, expected: &str) {
        for version in [&TLS12, &TLS13] {
            let alert = self.alert(&Tls::to(GITLAB).showing(identity).only(version));
            assert!(alert.contains(expected), "{version:?}: {alert}");
        }
        assert!(self.origin.heads().is_empty());
    }
}

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn demand(verify: &str, ca: &PathBuf, more: &str) -> String {
    format!("client_certificates = {{ verify = {verify:?}, ca = {ca:?}{more} }}")
}

fn nothing_more(_: &Configuration) -> String {
    String::new()
}

#[test]
fn a_client_with_a_certificate_is_served() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "required", nothing_more);
    let jane = authority.client("jane");
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).showing(&jane).only(version);
        assert_eq!(guarded.answer(&tls), (200, "hello".to_owned()), "{version:?}");
    }
}

#[test]
fn a_client_without_one_is_told_so_in_http_and_reaches_nothing() {
    let guarded = Guarded::by(&ClientCa::new("Clients"), "required", nothing_more);
    for version in [&TLS12, &TLS13] {
        let (status, text) = guarded.answer(&Tls::to(GITLAB).only(version));
        assert_eq!(status, 400, "{version:?}");
        assert!(text.contains("No required SSL certificate was sent"), "{text}");
    }
    assert!(guarded.origin.heads().is_empty());
}

#[test]
fn an_optional_certificate_can_be_left_out_or_shown() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "optional", nothing_more);
    assert_eq!(guarded.answer(&Tls::to(GITLAB)).0, 200);
    assert_eq!(guarded.answer(&Tls::to(GITLAB).showing(&authority.client("jane"))).0, 200);
}

#[test]
fn a_wrong_certificate_is_refused_even_where_it_is_optional() {
    // The same name, so that the client believes that it is asked for this one.
    let strangers = ClientCa::new("Clients");
    let guarded = Guarded::by(&ClientCa::new("Clients"), "optional", nothing_more);
    let alert = guarded.alert(&Tls::to(GITLAB).showing(&strangers.client("mallory")).only(&TLS12));
    assert!(alert.contains("fatal alert"), "{alert}");
    assert!(guarded.origin.heads().is_empty());
}

#[test]
fn a_certificate_that_is_over_is_refused_and_the_log_says_so() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "required", nothing_more);
    guarded.expect_alert(&authority.expired_client("jane"), "CertificateExpired");
    guarded.gatepost.wait_stderr(|log| log.contains("client certificate") && log.contains("expired"));
}

#[test]
fn a_certificate_for_servers_is_refused() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "required", nothing_more);
    guarded.expect_alert(&authority.server("jane"), "fatal alert");
}

#[test]
fn a_chain_may_be_as_long_as_the_depth_and_no_longer() {
    let authority = ClientCa::new("Clients");
    let two = Guarded::by(&authority, "required", |_| ", depth = 2".to_owned());
    for intermediates in 0..=2 {
        let tls = Tls::to(GITLAB).showing(&authority.client_with_intermediates(intermediates, "jane"));
        assert_eq!(two.answer(&tls).0, 200, "{intermediates}");
    }
    let usual = Guarded::by(&authority, "required", nothing_more);
    assert_eq!(usual.answer(&Tls::to(GITLAB).showing(&authority.client_with_intermediates(1, "jane"))).0, 200);
    let request_count = usual.origin.heads().len();
    let alert = usual.alert(&Tls::to(GITLAB).showing(&authority.client_with_intermediates(2, "jane")));
    assert!(alert.contains("UnknownCA"), "{alert}");
    assert_eq!(usual.origin.heads().len(), request_count);
}

#[test]
fn a_revoked_certificate_is_refused_and_others_are_not() {
    let authority = ClientCa::new("Clients");
    let (jane, joe) = (authority.client("jane"), authority.client("joe"));
    let guarded = Guarded::by(&authority, "required", |configuration| {
        format!(", crl = {:?}", authority.write_crl(&[&joe], 2090, configuration.directory()))
    });
    assert_eq!(guarded.answer(&Tls::to(GITLAB).showing(&jane)).0, 200);
    let alert = guarded.alert(&Tls::to(GITLAB).showing(&joe));
    assert!(alert.contains("CertificateRevoked"), "{alert}");
}

#[test]
fn a_list_that_is_out_of_date_lets_nobody_in() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "required", |configuration| {
        format!(", crl = {:?}", authority.write_crl(&[], 2020, configuration.directory()))
    });
    guarded.expect_alert(&authority.client("jane"), "fatal alert");
}

#[test]
fn each_connection_shows_its_certificate_anew() {
    let authority = ClientCa::new("Clients");
    let guarded = Guarded::by(&authority, "required", nothing_more);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).showing(&authority.client("jane")).only(version);
        let config = Arc::new(tls.config());
        for _ in 0..3 {
            let stream = Arc::new(tls.connect_with(&config, guarded.gatepost.https()).unwrap());
            assert_eq!(Client::new(stream.clone(), GITLAB).get("/").status(), 200);
            assert!(!stream.is_resumed(), "{version:?}");
        }
    }
}

/// GITLAB asks for certificates, MATTERMOST does not; both share an address and a certificate of their own.
fn guarded_beside_open(authority: &ClientCa, gitlab: &Origin, mattermost: &Origin) -> Gatepost {
    let configuration = Configuration::new();
    let line = demand("required", &authority.write(configuration.directory()), "");
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    Gatepost::start(
        configuration
            .host(Host::new(MATTERMOST, mattermost).certificate(&files))
            .host(Host::new(GITLAB, gitlab).certificate(&files).with(&line)),
    )
}

#[test]
fn hosts_on_one_address_ask_each_for_itself() {
    let authority = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = guarded_beside_open(&authority, &gitlab, &mattermost);
    assert_eq!(gatepost.client_of(MATTERMOST).get("/").status(), 200);
    assert_eq!(gatepost.client_of(GITLAB).get("/").status(), 400);
    let tls = Tls::to(GITLAB).showing(&authority.client("jane"));
    assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").status(), 200);
}

#[test]
fn a_connection_for_an_open_host_does_not_reach_a_guarded_one() {
    let authority = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = guarded_beside_open(&authority, &gitlab, &mattermost);
    for tls in [Tls::to(MATTERMOST), Tls::to(MATTERMOST).without_sending_the_name()] {
        assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").status(), 421);
    }
    let old = Client::tls(gatepost.https(), &Tls::to(MATTERMOST).showing(&authority.client("jane")), GITLAB);
    old.send("GET / HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    let mut old = old;
    assert_eq!(old.answer().status(), 421);
    assert!(gitlab.heads().is_empty());
}

#[test]
fn a_session_of_an_open_host_cannot_be_resumed_on_a_guarded_one() {
    let authority = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = guarded_beside_open(&authority, &gitlab, &mattermost);
    for version in [&TLS12, &TLS13] {
        let open = Tls::to(MATTERMOST).only(version);
        let config = Arc::new(open.config());
        let stream = Arc::new(open.connect_with(&config, gatepost.https()).unwrap());
        assert_eq!(Client::new(stream, MATTERMOST).get("/").status(), 200);
        let guarded = Tls::to(GITLAB).only(version);
        let stream = Arc::new(guarded.connect_with(&config, gatepost.https()).unwrap());
        assert!(!stream.is_resumed());
        assert_eq!(Client::new(stream, GITLAB).get("/").status(), 400);
    }
    assert!(gitlab.heads().is_empty());
}

#[test]
fn a_client_cannot_speak_of_a_certificate_itself() {
    let origin = greeting();
    let gatepost = Gatepost::serving(&origin);
    let forged = [
        "X-SSL-Client-Certificate: forged",
        "X-SSL-Client-S-DN: CN=admin",
        "X-SSL-Client-Verify: SUCCESS",
        "SSL-Client-Cert: forged",
        "Client-Cert: :Zm9yZ2Vk:",
        "Client-Cert-Chain: :Zm9yZ2Vk:",
        "X-Forwarded-Client-Cert: forged",
    ];
    gatepost.client().get_with("/", &forged);
    let head = origin.only_request().head;
    for field in forged {
        let name = field.split(':').next().unwrap().to_ascii_lowercase();
        assert_eq!(head.value(&name), None, "{name}");
    }
}

#[test]
fn a_header_about_the_certificate_is_the_proxys_own_word() {
    let authority = ClientCa::new("Clients");
    let asking = r#"request_headers = { "X-User" = "$ssl_client_s_dn" }"#;
    let origin = greeting();
    let configuration = Configuration::new();
    let line = demand("optional", &authority.write(configuration.directory()), "");
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line).with(asking)));
    for tls in [Tls::to(GITLAB), Tls::to(GITLAB).showing(&authority.client("jane"))] {
        Client::tls(gatepost.https(), &tls, GITLAB).get_with("/", &["X-User: CN=admin"]);
    }
    let told: Vec<_> = origin.requests().iter().map(|it| it.head.value("x-user").map(str::to_owned)).collect();
    assert_eq!(told, [None, Some("CN=jane".to_owned())]);
}

#[test]
fn check_warns_of_a_list_that_is_out_of_date_and_of_an_authority_whose_time_is_over() {
    let origin = greeting();
    let configuration = Configuration::new();
    let authority = ClientCa::expired("Clients");
    let crl = authority.write_crl(&[], 2020, configuration.directory());
    let line = demand("required", &authority.write(configuration.directory()), &format!(", crl = {crl:?}"));
    let finished = configuration.host(Host::new(GITLAB, &origin).with(&line)).check();
    let report = finished.stdout + &finished.stderr;
    assert!(report.contains("clients.crl") && report.contains("clients.pem"), "{report}");
    assert!(report.contains("out of date") && report.contains("expired"), "{report}");
}

#[test]
fn check_names_files_that_cannot_vouch_for_anybody() {
    let origin = greeting();
    let configuration = Configuration::new();
    let missing = configuration.directory().join("missing.pem");
    let line = demand("required", &missing, &format!(", crl = {:?}", configuration.directory().join("no.crl")));
    let finished = configuration.host(Host::new(GITLAB, &origin).with(&line)).check();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let report = finished.stdout + &finished.stderr;
    assert!(report.contains("missing.pem") && report.contains("no.crl"), "{report}");
}
