//! Client certificate verification: accepted and rejected clients, host isolation.

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

/// A proxy whose host requests client certificates.
struct VerifyingProxy {
    gatepost: Gatepost,
    origin: Origin,
}

impl VerifyingProxy {
    /// Starts the proxy. `more_keys` may write files beside that of the CA and returns additional keys of
    /// `client_certificates`.
    fn start(client_ca: &ClientCa, verify: &str, more_keys: impl Fn(&Configuration) -> String) -> VerifyingProxy {
        let origin = greeting();
        let configuration = Configuration::new();
        let more_keys = more_keys(&configuration);
        let line = client_certificates_line(verify, &client_ca.write(configuration.directory()), &more_keys);
        let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line)));
        VerifyingProxy { gatepost, origin }
    }

    /// Returns status and body of the response to a client.
    fn response(&self, tls: &Tls) -> (u16, String) {
        let response = Client::tls(self.gatepost.https(), tls, GITLAB).get("/");
        (response.status(), response.text())
    }

    /// Returns the alert sent to a client. With TLS 1.3 the client has completed its handshake by then.
    fn alert(&self, tls: &Tls) -> String {
        let error = match tls.connect(self.gatepost.https()) {
            Err(error) => error,
            Ok(stream) => Client::new(Arc::new(stream), GITLAB).try_response().unwrap_err(),
        };
        error.to_string()
    }

    fn expect_alert(&self, identity: &Identity, expected: &str) {
        for version in [&TLS12, &TLS13] {
            let alert = self.alert(&Tls::to(GITLAB).with_client_certificate(identity).only(version));
            assert!(alert.contains(expected), "{version:?}: {alert}");
        }
        assert!(self.origin.heads().is_empty());
    }
}

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn client_certificates_line(verify: &str, ca: &PathBuf, more_keys: &str) -> String {
    format!("client_certificates = {{ verify = {verify:?}, ca = {ca:?}{more_keys} }}")
}

fn no_more_keys(_: &Configuration) -> String {
    String::new()
}

#[test]
fn a_client_with_a_valid_certificate_is_served() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "required", no_more_keys);
    let jane = client_ca.client("jane");
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).with_client_certificate(&jane).only(version);
        assert_eq!(proxy.response(&tls), (200, "hello".to_owned()), "{version:?}");
    }
}

#[test]
fn a_client_without_certificate_gets_400_and_is_not_forwarded() {
    let proxy = VerifyingProxy::start(&ClientCa::new("Clients"), "required", no_more_keys);
    for version in [&TLS12, &TLS13] {
        let (status, text) = proxy.response(&Tls::to(GITLAB).only(version));
        assert_eq!(status, 400, "{version:?}");
        assert!(text.contains("No required SSL certificate was sent"), "{text}");
    }
    assert!(proxy.origin.heads().is_empty());
}

#[test]
fn optional_mode_accepts_clients_with_and_without_certificate() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "optional", no_more_keys);
    assert_eq!(proxy.response(&Tls::to(GITLAB)).0, 200);
    assert_eq!(proxy.response(&Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane"))).0, 200);
}

#[test]
fn optional_mode_rejects_a_certificate_of_an_unknown_ca() {
    // The name of the CA is the same, so the client selects this certificate for the server's
    // `certificate_authorities`.
    let other_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&ClientCa::new("Clients"), "optional", no_more_keys);
    let alert = proxy.alert(&Tls::to(GITLAB).with_client_certificate(&other_ca.client("mallory")).only(&TLS12));
    assert!(alert.contains("fatal alert"), "{alert}");
    assert!(proxy.origin.heads().is_empty());
}

#[test]
fn an_expired_certificate_is_rejected_and_logged() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "required", no_more_keys);
    proxy.expect_alert(&client_ca.expired_client("jane"), "CertificateExpired");
    proxy.gatepost.wait_stderr(|log| log.contains("client certificate") && log.contains("expired"));
}

#[test]
fn a_server_certificate_is_rejected() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "required", no_more_keys);
    proxy.expect_alert(&client_ca.server_certificate("jane"), "fatal alert");
}

#[test]
fn a_chain_longer_than_the_depth_is_rejected() {
    let client_ca = ClientCa::new("Clients");
    let depth_2 = VerifyingProxy::start(&client_ca, "required", |_| ", depth = 2".to_owned());
    for intermediates in 0..=2 {
        let tls =
            Tls::to(GITLAB).with_client_certificate(&client_ca.client_with_intermediates(intermediates, "jane"));
        assert_eq!(depth_2.response(&tls).0, 200, "{intermediates}");
    }
    let default_depth = VerifyingProxy::start(&client_ca, "required", no_more_keys);
    assert_eq!(
        default_depth
            .response(&Tls::to(GITLAB).with_client_certificate(&client_ca.client_with_intermediates(1, "jane")))
            .0,
        200
    );
    let request_count = default_depth.origin.heads().len();
    let alert = default_depth
        .alert(&Tls::to(GITLAB).with_client_certificate(&client_ca.client_with_intermediates(2, "jane")));
    assert!(alert.contains("UnknownCA"), "{alert}");
    assert_eq!(default_depth.origin.heads().len(), request_count);
}

#[test]
fn a_revoked_certificate_is_rejected_and_others_are_accepted() {
    let client_ca = ClientCa::new("Clients");
    let (jane, joe) = (client_ca.client("jane"), client_ca.client("joe"));
    let proxy = VerifyingProxy::start(&client_ca, "required", |configuration| {
        format!(", crl = {:?}", client_ca.write_crl(&[&joe], 2090, configuration.directory()))
    });
    assert_eq!(proxy.response(&Tls::to(GITLAB).with_client_certificate(&jane)).0, 200);
    let alert = proxy.alert(&Tls::to(GITLAB).with_client_certificate(&joe));
    assert!(alert.contains("CertificateRevoked"), "{alert}");
}

#[test]
fn an_outdated_revocation_list_rejects_every_client() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "required", |configuration| {
        format!(", crl = {:?}", client_ca.write_crl(&[], 2020, configuration.directory()))
    });
    proxy.expect_alert(&client_ca.client("jane"), "fatal alert");
}

#[test]
fn sessions_with_client_certificates_are_not_resumed() {
    let client_ca = ClientCa::new("Clients");
    let proxy = VerifyingProxy::start(&client_ca, "required", no_more_keys);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane")).only(version);
        let config = Arc::new(tls.config());
        for _ in 0..3 {
            let stream = Arc::new(tls.connect_with(&config, proxy.gatepost.https()).unwrap());
            assert_eq!(Client::new(stream.clone(), GITLAB).get("/").status(), 200);
            assert!(!stream.is_resumed(), "{version:?}");
        }
    }
}

/// [`GITLAB`] requires client certificates, [`MATTERMOST`] does not; both share a listen address and a server
/// certificate.
fn verifying_host_beside_open_host(client_ca: &ClientCa, gitlab: &Origin, mattermost: &Origin) -> Gatepost {
    let configuration = Configuration::new();
    let line = client_certificates_line("required", &client_ca.write(configuration.directory()), "");
    let files = certs::leaf(&[GITLAB, MATTERMOST]).write(configuration.directory(), "both");
    Gatepost::start(
        configuration
            .host(Host::new(MATTERMOST, mattermost).certificate(&files))
            .host(Host::new(GITLAB, gitlab).certificate(&files).with(&line)),
    )
}

#[test]
fn hosts_on_one_address_verify_clients_independently() {
    let client_ca = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = verifying_host_beside_open_host(&client_ca, &gitlab, &mattermost);
    assert_eq!(gatepost.client_of(MATTERMOST).get("/").status(), 200);
    assert_eq!(gatepost.client_of(GITLAB).get("/").status(), 400);
    let tls = Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane"));
    assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").status(), 200);
}

#[test]
fn a_connection_to_an_open_host_cannot_reach_a_verifying_host() {
    let client_ca = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = verifying_host_beside_open_host(&client_ca, &gitlab, &mattermost);
    for tls in [Tls::to(MATTERMOST), Tls::to(MATTERMOST).without_sni()] {
        assert_eq!(Client::tls(gatepost.https(), &tls, GITLAB).get("/").status(), 421);
    }
    let client = Client::tls(
        gatepost.https(),
        &Tls::to(MATTERMOST).with_client_certificate(&client_ca.client("jane")),
        GITLAB,
    );
    client.send("GET / HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    let mut client = client;
    assert_eq!(client.response().status(), 421);
    assert!(gitlab.heads().is_empty());
}

#[test]
fn a_session_of_an_open_host_cannot_be_resumed_on_a_verifying_host() {
    let client_ca = ClientCa::new("Clients");
    let (gitlab, mattermost) = (greeting(), greeting());
    let gatepost = verifying_host_beside_open_host(&client_ca, &gitlab, &mattermost);
    for version in [&TLS12, &TLS13] {
        let open = Tls::to(MATTERMOST).only(version);
        let config = Arc::new(open.config());
        let stream = Arc::new(open.connect_with(&config, gatepost.https()).unwrap());
        assert_eq!(Client::new(stream, MATTERMOST).get("/").status(), 200);
        let proxy = Tls::to(GITLAB).only(version);
        let stream = Arc::new(proxy.connect_with(&config, gatepost.https()).unwrap());
        assert!(!stream.is_resumed());
        assert_eq!(Client::new(stream, GITLAB).get("/").status(), 400);
    }
    assert!(gitlab.heads().is_empty());
}

#[test]
fn client_supplied_certificate_headers_are_removed() {
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
fn a_certificate_header_contains_the_verified_certificate_only() {
    let client_ca = ClientCa::new("Clients");
    let header_rule = r#"request_headers = { "X-User" = "$ssl_client_s_dn" }"#;
    let origin = greeting();
    let configuration = Configuration::new();
    let line = client_certificates_line("optional", &client_ca.write(configuration.directory()), "");
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line).with(header_rule)));
    for tls in [Tls::to(GITLAB), Tls::to(GITLAB).with_client_certificate(&client_ca.client("jane"))] {
        Client::tls(gatepost.https(), &tls, GITLAB).get_with("/", &["X-User: CN=admin"]);
    }
    let values: Vec<_> = origin.requests().iter().map(|it| it.head.value("x-user").map(str::to_owned)).collect();
    assert_eq!(values, [None, Some("CN=jane".to_owned())]);
}

#[test]
fn check_warns_about_an_outdated_revocation_list_and_an_expired_ca() {
    let origin = greeting();
    let configuration = Configuration::new();
    let client_ca = ClientCa::expired("Clients");
    let crl = client_ca.write_crl(&[], 2020, configuration.directory());
    let line = client_certificates_line(
        "required",
        &client_ca.write(configuration.directory()),
        &format!(", crl = {crl:?}"),
    );
    let output = configuration.host(Host::new(GITLAB, &origin).with(&line)).check();
    let report = output.stdout + &output.stderr;
    assert!(report.contains("clients.crl") && report.contains("clients.pem"), "{report}");
    assert!(report.contains("the revocation list of") && report.contains("the client CA"), "{report}");
}

#[test]
fn check_names_missing_ca_and_revocation_list_files() {
    let origin = greeting();
    let configuration = Configuration::new();
    let missing = configuration.directory().join("missing.pem");
    let line = client_certificates_line(
        "required",
        &missing,
        &format!(", crl = {:?}", configuration.directory().join("no.crl")),
    );
    let output = configuration.host(Host::new(GITLAB, &origin).with(&line)).check();
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = output.stdout + &output.stderr;
    assert!(report.contains("missing.pem") && report.contains("no.crl"), "{report}");
}
