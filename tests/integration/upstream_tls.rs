//! TLS to upstreams: certificate verification and client certificates.

use std::path::Path;

use tempfile::TempDir;

use crate::support::TIMEOUT;
use crate::support::certs::{self, Files, Leaf};
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::pattern::pattern;
use crate::support::upstream_server::UpstreamServer;

/// An upstream with HTTP/1.1 over TLS.
fn https_upstream(leaf: &Leaf) -> UpstreamServer {
    UpstreamServer::tls(leaf.server_config(&["http/1.1"]))
}

/// A host with an upstream at `localhost` and these keys in `upstream_tls`.
fn host(scheme: &str, upstream: &UpstreamServer, settings: &str) -> Host {
    let host = Host::to(GITLAB, &format!("{scheme}://localhost:{}", upstream.port()));
    if settings.is_empty() { host } else { host.with(&format!("upstream_tls = {{ {settings} }}")) }
}

fn ca_setting(file: &Path) -> String {
    format!("ca = {file:?}")
}

/// Returns the keys for a client certificate and for the test CA.
fn client_certificate_settings(client_certificate: &Files, directory: &Path) -> String {
    let Files { certificate, key, .. } = client_certificate;
    format!("{}, certificate = {certificate:?}, certificate_key = {key:?}", ca_setting(&certs::write_ca(directory)))
}

/// Fails unless the client receives 502 and the log has the reason.
#[track_caller]
fn expect_tls_failure(gatepost: &Gatepost, reason: &str) {
    assert_eq!(gatepost.client().get("/").status(), 502);
    gatepost.wait_stderr(|text| text.contains("TLS handshake failed") && text.contains(reason));
}

#[test]
fn a_certificate_of_the_configured_ca_is_accepted() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    assert_eq!(gatepost.client().get("/a%2Fb").text(), "/a%2Fb");
    assert_eq!(upstream.record().requests[0].headers["x-forwarded-for"], "127.0.0.1");
}

#[test]
fn the_verified_name_can_be_configured() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["kas.test"]));
    let settings = ca_setting(&certs::write_ca(directory.path())) + ", name = \"kas.test\"";
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn a_certificate_for_another_name_is_rejected() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["other.test"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    expect_tls_failure(&gatepost, "not valid for name");
    assert!(upstream.record().requests.is_empty());
}

#[test]
fn an_expired_certificate_is_rejected() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::expired(&["localhost"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    expect_tls_failure(&gatepost, "expired");
}

#[test]
fn a_certificate_of_another_ca_is_rejected() {
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let directory = TempDir::new().unwrap();
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let settings = ca_setting(&unrelated.certificate);
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    expect_tls_failure(&gatepost, "UnknownIssuer");
}

#[test]
fn system_cas_are_the_default_trust_anchors() {
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let directory = TempDir::new().unwrap();
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let start = |trusted: &Path| {
        let configuration = Configuration::new().host(host("https", &upstream, ""));
        Gatepost::start_with(configuration, &[("SSL_CERT_FILE", trusted)])
    };
    let gatepost = start(&certs::write_ca(directory.path()));
    assert_eq!(gatepost.client().get("/").status(), 200);
    expect_tls_failure(&start(&unrelated.certificate), "UnknownIssuer");
}

#[test]
fn a_pinned_certificate_is_accepted_with_any_name_and_issuer() {
    let directory = TempDir::new().unwrap();
    let leaf = certs::self_signed(&["other.test"]);
    let upstream = https_upstream(&leaf);
    let files = leaf.write(directory.path(), "kas");
    let gatepost = Gatepost::with_host(host("https", &upstream, &format!("pin = {:?}", files.certificate)));
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn a_certificate_other_than_the_pinned_one_is_rejected() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let files = certs::leaf(&["localhost"]).write(directory.path(), "kas");
    let gatepost = Gatepost::with_host(host("https", &upstream, &format!("pin = {:?}", files.certificate)));
    expect_tls_failure(&gatepost, "ApplicationVerificationFailure");
}

#[test]
fn verify_false_accepts_any_certificate_and_check_warns() {
    let upstream = https_upstream(&certs::expired(&["other.test"]));
    let configuration = Configuration::new().host(host("https", &upstream, "verify = false"));
    let output = configuration.check();
    assert!(output.stderr.contains("certificate of the upstream is not verified"), "{}", output.stderr);
    let gatepost = Gatepost::start(configuration);
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn the_client_certificate_is_sent_to_an_upstream_that_requires_one() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let client_certificate = certs::leaf(&["proxy.test"]).write(directory.path(), "proxy");
    let gatepost = Gatepost::with_host(host(
        "https",
        &upstream,
        &client_certificate_settings(&client_certificate, directory.path()),
    ));
    assert_eq!(gatepost.client().get("/").status(), 200);
    assert_eq!(upstream.record().with_certificate, 1);
}

#[test]
fn an_upstream_that_requires_a_client_certificate_is_a_502_without_one() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    assert_eq!(gatepost.client().get("/").status(), 502);
}

#[test]
fn upstream_sessions_are_resumed() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let host = host("https", &upstream, &settings).with("upstream_keepalive_connections = 0");
    let gatepost = Gatepost::with_host(host);
    for _ in 0..3 {
        assert_eq!(gatepost.client().get("/").status(), 200);
    }
    let record = upstream.record();
    assert_eq!(record.connections, 3);
    assert!(record.resumed >= 1, "no session was resumed");
}

#[test]
fn a_tunnel_is_forwarded_over_tls_on_both_sides() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &settings));
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/", "websocket").status(), 101);
    let bytes = pattern(300_000);
    let sender = client.sender();
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || sender.send(&sent).unwrap());
    assert!(client.exactly(bytes.len()) == bytes, "the bytes differ");
    sending.join().unwrap();
    client.finish();
    assert!(client.read_until_close().0.is_empty());
}

#[test]
fn grpc_over_tls_negotiates_http2() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config(&["h2", "http/1.1"]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("grpcs", &upstream, &settings));
    let mut client = gatepost.http2();
    let response = client.send(client.request("POST", "/counts")).unwrap();
    assert_eq!(response.body, b"onetwothree");
    assert_eq!(response.trailers["grpc-status"], "0");
    assert_eq!(upstream.record().requests[0].uri.scheme_str(), Some("https"));
}

#[test]
fn grpc_over_tls_requires_http2_in_alpn() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config(&[]));
    let settings = ca_setting(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("grpcs", &upstream, &settings));
    expect_tls_failure(&gatepost, "does not offer HTTP/2");
}

#[test]
fn check_reports_an_unreadable_ca_file() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let missing = directory.path().join("missing.pem");
    let output = Configuration::new().host(host("https", &upstream, &ca_setting(&missing))).check();
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("missing.pem: cannot read the file"), "{}", output.stderr);
}

#[test]
fn a_replaced_ca_applies_to_new_connections_and_an_invalid_file_does_not() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let file = directory.path().join("trusted.pem");
    std::fs::copy(&unrelated.certificate, &file).unwrap();
    let host = host("https", &upstream, &ca_setting(&file)).with("upstream_keepalive_connections = 0");
    let gatepost = Gatepost::with_host(host);
    expect_tls_failure(&gatepost, "UnknownIssuer");
    std::fs::copy(certs::write_ca(directory.path()), &file).unwrap();
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 200);
    gatepost.wait_stderr(|log| log.contains("TLS files reloaded; new connections use them"));
    std::fs::write(&file, "no certificate at all").unwrap();
    gatepost.wait_stderr(|log| {
        log.contains("trusted.pem: the file contains no certificate") && log.contains("stays in use")
    });
    assert_eq!(gatepost.client().get("/").status(), 200);
    std::fs::copy(&unrelated.certificate, &file).unwrap();
    // No session established with the earlier CA is resumed.
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 502);
}

#[test]
fn the_client_certificate_is_reloaded_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let client_certificate = certs::self_signed(&["proxy.test"]).write(directory.path(), "proxy");
    let gatepost = Gatepost::with_host(host(
        "https",
        &upstream,
        &client_certificate_settings(&client_certificate, directory.path()),
    ));
    assert_eq!(gatepost.client().get("/").status(), 502);
    certs::leaf(&["proxy.test"]).write(directory.path(), "proxy");
    gatepost.send_sighup();
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 200);
    assert_eq!(upstream.record().with_certificate, 1);
}

#[test]
fn check_warns_about_a_client_certificate_that_expires_soon() {
    let directory = TempDir::new().unwrap();
    let upstream = https_upstream(&certs::leaf(&["localhost"]));
    let client_certificate = certs::expiring_in(10, &["proxy.test"]).write(directory.path(), "proxy");
    let settings = format!(
        "certificate = {:?}, certificate_key = {:?}, verify = false",
        client_certificate.certificate, client_certificate.key
    );
    let output = Configuration::new().host(host("https", &upstream, &settings)).check();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("proxy.crt: the certificate expires in 10 days"), "{output:?}");
}
