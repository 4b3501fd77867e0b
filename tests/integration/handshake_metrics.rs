//! Metrics of TLS handshakes: negotiated parameters and failures.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1};
use rustls::version::{TLS12, TLS13};

use crate::support::TIMEOUT;
use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::ports::ReservedPort;
use crate::support::tls::Tls;

struct MetricsProxy {
    gatepost: Gatepost,
    port: ReservedPort,
    _origin: Origin,
}

impl MetricsProxy {
    fn new(line: &str) -> MetricsProxy {
        let origin = Origin::tcp(responds(|_| ok("hello")));
        let port = ReservedPort::new();
        let configuration = Configuration::new().host(Host::new(GITLAB, &origin).with(line));
        let status = format!("[status]\nlisten = [\"{}\"]", port.address());
        MetricsProxy { gatepost: Gatepost::start(configuration.process(&status)), port, _origin: origin }
    }

    /// Waits for a sample with this value. Samples without events are absent.
    #[track_caller]
    fn expect(&self, sample: &str) {
        eventually(TIMEOUT, || {
            let page = Client::plain(self.port.address(), "localhost").get("/metrics").text();
            page.lines().any(|line| line == sample)
        });
    }

    /// Waits for the number of handshake failures of one kind.
    #[track_caller]
    fn expect_failures(&self, kind: &str, count: usize) {
        self.expect(&format!("gatepost_tls_handshake_failures_total{{kind=\"{kind}\"}} {count}"));
    }
}

#[test]
fn handshakes_are_counted_by_negotiated_parameters() {
    let proxy = MetricsProxy::new("");
    let address = proxy.gatepost.https();
    for _ in 0..3 {
        Tls::to(GITLAB).only(&TLS13).with_groups(&[SECP256R1]).connect(address).unwrap();
    }
    let tls = Tls::to(GITLAB).only(&TLS12).with_groups(&[SECP384R1]);
    let client_config = Arc::new(tls.config());
    for _ in 0..2 {
        let stream = tls.connect_with(&client_config, address).unwrap();
        assert_eq!(Client::new(Arc::new(stream), GITLAB).get("/").text(), "hello");
    }
    let name = "gatepost_tls_handshakes_total";
    proxy.expect(&format!(
        "{name}{{version=\"TLSv1.3\",suite=\"TLS_AES_256_GCM_SHA384\",group=\"P-256\",resumed=\"no\"}} 3"
    ));
    let suite = "version=\"TLSv1.2\",suite=\"ECDHE-ECDSA-AES256-GCM-SHA384\"";
    proxy.expect(&format!("{name}{{{suite},group=\"P-384\",resumed=\"no\"}} 1"));
    proxy.expect(&format!("{name}{{{suite},group=\"\",resumed=\"yes\"}} 1"));
}

#[test]
fn a_resumed_tls_1_3_session_negotiates_a_new_key() {
    let proxy = MetricsProxy::new("");
    let tls = Tls::to(GITLAB).only(&TLS13).with_groups(&[SECP256R1]);
    let client_config = Arc::new(tls.config());
    for _ in 0..2 {
        let stream = tls.connect_with(&client_config, proxy.gatepost.https()).unwrap();
        assert_eq!(Client::new(Arc::new(stream), GITLAB).get("/").text(), "hello");
    }
    proxy.expect(
        "gatepost_tls_handshakes_total{version=\"TLSv1.3\",suite=\"TLS_AES_256_GCM_SHA384\",group=\"P-256\",resumed=\"yes\"} 1",
    );
}

#[test]
fn failed_handshakes_are_counted_by_reason() {
    let proxy = MetricsProxy::new("tls_versions = [\"1.3\"]");
    let address = proxy.gatepost.https();
    proxy.expect_failures("client_disconnected", 0);
    assert!(Tls::to(GITLAB).only(&TLS12).connect(address).is_err());
    proxy.expect_failures("no_common_parameters", 1);
    // Without ACME certificates, `acme-tls/1` is an unknown ALPN protocol.
    assert!(Tls::to(GITLAB).with_alpn(&["acme-tls/1"]).connect(address).is_err());
    proxy.expect_failures("no_common_parameters", 2);
    assert_eq!(Client::plain(address, GITLAB).get("/").status(), 400);
    proxy.expect_failures("plain_http", 1);
    // The client requests a name that the certificate does not contain, and sends an alert.
    assert!(Tls::to("other.test").connect(address).is_err());
    proxy.expect_failures("alert_received", 1);
    drop(TcpStream::connect(address).unwrap());
    proxy.expect_failures("client_disconnected", 1);
    TcpStream::connect(address).unwrap().write_all(&[0x16, 3, 1, 0, 4, 99, 0, 0, 0]).unwrap();
    proxy.expect_failures("error", 1);
}

#[test]
fn a_rejected_client_certificate_is_counted() {
    let client_ca = certs::clients::ClientCa::new("Staff");
    let unknown_client = certs::clients::ClientCa::new("Others").client("joe");
    let directory = tempfile::TempDir::new().unwrap();
    let ca = client_ca.write(directory.path());
    let proxy = MetricsProxy::new(&format!(r#"client_certificates = {{ verify = "optional", ca = {ca:?} }}"#));
    assert!(
        Tls::to(GITLAB)
            .only(&TLS12)
            .with_client_certificate(&unknown_client)
            .connect(proxy.gatepost.https())
            .is_err()
    );
    proxy.expect_failures("client_certificate", 1);
}
