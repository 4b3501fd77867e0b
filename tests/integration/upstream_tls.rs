//! TLS to applications: which certificates are believed, and what is shown.

use std::path::Path;

use tempfile::TempDir;

use crate::support::TIMEOUT;
use crate::support::certs::{self, Files, Leaf};
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::pattern::pattern;
use crate::support::upstream_server::UpstreamServer;

/// An application for HTTP/1.1 over TLS.
fn speaking_https(leaf: &Leaf) -> UpstreamServer {
    UpstreamServer::tls(leaf.server_config(&["http/1.1"]))
}

/// A host before an application at `localhost`, on these terms.
fn host(scheme: &str, upstream: &UpstreamServer, terms: &str) -> Host {
    let host = Host::to(GITLAB, &format!("{scheme}://localhost:{}", upstream.port()));
    if terms.is_empty() { host } else { host.with(&format!("upstream_tls = {{ {terms} }}")) }
}

fn believing(file: &Path) -> String {
    format!("ca = {file:?}")
}

/// What is shown to an application that demands a certificate, and the authority that is believed.
fn showing(own: &Files, directory: &Path) -> String {
    let Files { certificate, key, .. } = own;
    format!("{}, certificate = {certificate:?}, certificate_key = {key:?}", believing(&certs::write_ca(directory)))
}

/// What a client gets, and that the log gives a reason for a failure.
#[track_caller]
fn expect_refusal(gatepost: &Gatepost, reason: &str) {
    assert_eq!(gatepost.client().get("/").status(), 502);
    gatepost.wait_stderr(|text| text.contains("TLS with it failed") && text.contains(reason));
}

#[test]
fn an_application_with_a_certificate_of_a_named_authority_is_believed() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    assert_eq!(gatepost.client().get("/a%2Fb").text(), "/a%2Fb");
    assert_eq!(upstream.record().requests[0].headers["x-forwarded-for"], "127.0.0.1");
}

#[test]
fn the_name_in_the_certificate_can_be_another_one() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["kas.test"]));
    let terms = believing(&certs::write_ca(directory.path())) + ", name = \"kas.test\"";
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["other.test"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    expect_refusal(&gatepost, "not valid for name");
    assert!(upstream.record().requests.is_empty());
}

#[test]
fn an_expired_certificate_is_refused() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::expired(&["localhost"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    expect_refusal(&gatepost, "expired");
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let directory = TempDir::new().unwrap();
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let terms = believing(&unrelated.certificate);
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    expect_refusal(&gatepost, "UnknownIssuer");
}

#[test]
fn the_authorities_of_the_system_are_believed_by_default_and_no_others() {
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let directory = TempDir::new().unwrap();
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let start = |trusted: &Path| {
        let configuration = Configuration::new().host(host("https", &upstream, ""));
        Gatepost::start_with(configuration, &[("SSL_CERT_FILE", trusted)])
    };
    let gatepost = start(&certs::write_ca(directory.path()));
    assert_eq!(gatepost.client().get("/").status(), 200);
    expect_refusal(&start(&unrelated.certificate), "UnknownIssuer");
}

#[test]
fn a_pinned_certificate_is_believed_whatever_it_says_of_itself() {
    let directory = TempDir::new().unwrap();
    let leaf = certs::self_signed(&["other.test"]);
    let upstream = speaking_https(&leaf);
    let files = leaf.write(directory.path(), "kas");
    let gatepost = Gatepost::with_host(host("https", &upstream, &format!("pin = {:?}", files.certificate)));
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let files = certs::leaf(&["localhost"]).write(directory.path(), "kas");
    let gatepost = Gatepost::with_host(host("https", &upstream, &format!("pin = {:?}", files.certificate)));
    expect_refusal(&gatepost, "ApplicationVerificationFailure");
}

#[test]
fn without_verification_any_certificate_is_believed_and_check_warns() {
    let upstream = speaking_https(&certs::expired(&["other.test"]));
    let configuration = Configuration::new().host(host("https", &upstream, "verify = false"));
    let checked = configuration.check();
    assert!(checked.stderr.contains("certificate is not verified"), "{}", checked.stderr);
    let gatepost = Gatepost::start(configuration);
    assert_eq!(gatepost.client().get("/").status(), 200);
}

#[test]
fn an_application_that_demands_a_certificate_is_shown_one() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let own = certs::leaf(&["proxy.test"]).write(directory.path(), "proxy");
    let gatepost = Gatepost::with_host(host("https", &upstream, &showing(&own, directory.path())));
    assert_eq!(gatepost.client().get("/").status(), 200);
    assert_eq!(upstream.record().with_certificate, 1);
}

#[test]
fn an_application_that_demands_a_certificate_refuses_a_proxy_without() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    assert_eq!(gatepost.client().get("/").status(), 502);
}

#[test]
fn sessions_with_an_application_are_resumed() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let host = host("https", &upstream, &terms).with("keepalive_connections = 0");
    let gatepost = Gatepost::with_host(host);
    for _ in 0..3 {
        assert_eq!(gatepost.client().get("/").status(), 200);
    }
    let record = upstream.record();
    assert_eq!(record.connections, 3);
    assert!(record.resumed >= 1, "no session was resumed");
}

#[test]
fn a_tunnel_passes_through_tls_on_both_sides() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("https", &upstream, &terms));
    let mut client = gatepost.client();
    assert_eq!(client.upgrade("/", "websocket").status(), 101);
    let bytes = pattern(300_000);
    let sender = client.sender();
    let sent = bytes.clone();
    let sending = std::thread::spawn(move || sender.send(&sent).unwrap());
    assert!(client.exactly(bytes.len()) == bytes, "the bytes differ");
    sending.join().unwrap();
    client.finish();
    assert!(client.rest().0.is_empty());
}

#[test]
fn grpc_over_tls_agrees_on_http_2() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config(&["h2", "http/1.1"]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("grpcs", &upstream, &terms));
    let mut client = gatepost.http2();
    let answer = client.send(client.request("POST", "/counts")).unwrap();
    assert_eq!(answer.body, b"onetwothree");
    assert_eq!(answer.trailers["grpc-status"], "0");
    assert_eq!(upstream.record().requests[0].uri.scheme_str(), Some("https"));
}

#[test]
fn grpc_over_tls_needs_an_application_that_speaks_http_2() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config(&[]));
    let terms = believing(&certs::write_ca(directory.path()));
    let gatepost = Gatepost::with_host(host("grpcs", &upstream, &terms));
    expect_refusal(&gatepost, "does not offer HTTP/2");
}

#[test]
fn files_that_cannot_be_read_are_told_before_anything_is_served() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let missing = directory.path().join("missing.pem");
    let checked = Configuration::new().host(host("https", &upstream, &believing(&missing))).check();
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("missing.pem: cannot read it"), "{}", checked.stderr);
}

#[test]
fn an_authority_that_is_exchanged_counts_for_new_connections_and_a_bad_file_does_not() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let unrelated = certs::self_signed(&["unrelated.test"]).write(directory.path(), "unrelated");
    let file = directory.path().join("trusted.pem");
    std::fs::copy(&unrelated.certificate, &file).unwrap();
    let host = host("https", &upstream, &believing(&file)).with("keepalive_connections = 0");
    let gatepost = Gatepost::with_host(host);
    expect_refusal(&gatepost, "UnknownIssuer");
    std::fs::copy(certs::write_ca(directory.path()), &file).unwrap();
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 200);
    gatepost.wait_stderr(|log| log.contains("new connections to it go by what its files say now"));
    std::fs::write(&file, "no certificate at all").unwrap();
    gatepost
        .wait_stderr(|log| log.contains("trusted.pem: there is no certificate") && log.contains("stays in use"));
    assert_eq!(gatepost.client().get("/").status(), 200);
    std::fs::copy(&unrelated.certificate, &file).unwrap();
    // No session that began under the earlier authority is resumed.
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 502);
}

#[test]
fn a_certificate_that_is_shown_to_an_application_is_renewed_without_a_restart() {
    let directory = TempDir::new().unwrap();
    let upstream = UpstreamServer::tls(certs::leaf(&["localhost"]).server_config_requiring_client_certificate());
    let own = certs::self_signed(&["proxy.test"]).write(directory.path(), "proxy");
    let gatepost = Gatepost::with_host(host("https", &upstream, &showing(&own, directory.path())));
    assert_eq!(gatepost.client().get("/").status(), 502);
    certs::leaf(&["proxy.test"]).write(directory.path(), "proxy");
    gatepost.hang_up();
    eventually(TIMEOUT, || gatepost.client().get("/").status() == 200);
    assert_eq!(upstream.record().with_certificate, 1);
}

#[test]
fn a_certificate_that_is_shown_to_an_application_and_ends_soon_is_warned_of() {
    let directory = TempDir::new().unwrap();
    let upstream = speaking_https(&certs::leaf(&["localhost"]));
    let own = certs::expiring_in(10, &["proxy.test"]).write(directory.path(), "proxy");
    let terms = format!("certificate = {:?}, certificate_key = {:?}, verify = false", own.certificate, own.key);
    let checked = Configuration::new().host(host("https", &upstream, &terms)).check();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stderr.contains("proxy.crt: the certificate expires in 10 days"), "{checked:?}");
}
