//! Certificate expiry in `check`, in the log and in metrics.

use crate::support::TIMEOUT;
use crate::support::certs::clients::ClientCa;
use crate::support::certs::{self, Files, Leaf};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::ports::ReservedPort;
use crate::support::process::CommandOutput;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Configures one host with this certificate.
fn with_certificate(leaf: &Leaf, origin: &Origin) -> (Configuration, Files) {
    let configuration = Configuration::new();
    let files = leaf.write(configuration.directory(), "live");
    (configuration.host(Host::new(GITLAB, origin).certificate(&files)), files)
}

fn check_expiring_in(days: i64) -> CommandOutput {
    with_certificate(&certs::expiring_in(days, &[GITLAB]), &greeting()).0.check()
}

/// Returns the days until the expiry that the metrics contain for a file.
fn days_left(port: &ReservedPort, kind: &str, file: &str) -> u64 {
    let page = Client::plain(port.address(), "localhost").get("/metrics").text();
    let name = format!("gatepost_tls_expiry_timestamp_seconds{{host=\"gitlab.test\",kind=\"{kind}\",file=\"");
    let sample = page.lines().find(|line| line.starts_with(&name) && line.contains(file));
    let sample = sample.unwrap_or_else(|| panic!("{file} is not in\n{page}"));
    let at: u64 = sample.rsplit_once(' ').unwrap().1.parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (at - now) / 86_400
}

#[test]
fn check_warns_about_expiry_within_30_days_and_succeeds() {
    let output = check_expiring_in(20);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("warning: ") && output.stderr.contains("expires in 20 days"), "{output:?}");
    assert_eq!(check_expiring_in(31).stderr, "");
}

#[test]
fn check_warns_about_an_intermediate_that_expires_before_the_leaf() {
    let leaf = certs::with_intermediate_expiring_in(5, &[GITLAB]);
    let output = with_certificate(&leaf, &greeting()).0.check();
    assert_eq!(output.code, Some(0), "{output:?}");
    let warning = "live.crt: the intermediate certificate CN=Test intermediate expires in 5 days";
    assert!(output.stderr.contains(warning), "{output:?}");
    let leaf = certs::with_intermediate_expiring_in(-3, &[GITLAB]);
    let output = with_certificate(&leaf, &greeting()).0.check();
    assert_eq!(output.code, Some(0), "clients may know another chain: {output:?}");
    assert!(output.stderr.contains("intermediate certificate CN=Test intermediate expired 2 days ago"));
}

#[test]
fn check_warns_about_a_client_ca_that_expires_soon() {
    let origin = greeting();
    let configuration = Configuration::new();
    let ca = ClientCa::expiring_in(10, "Staff").write(configuration.directory());
    let line = format!(r#"client_certificates = {{ verify = "required", ca = {ca:?} }}"#);
    let output = configuration.host(Host::new(GITLAB, &origin).with(&line)).check();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("clients.pem: the client CA CN=Staff expires in 10 days"), "{output:?}");
}

#[test]
fn expiry_is_logged_at_startup_and_on_sighup() {
    let origin = greeting();
    let (configuration, _) = with_certificate(&certs::expiring_in(5, &[GITLAB]), &origin);
    let gatepost = Gatepost::start(configuration);
    let warning = |log: &str| log.matches("live.crt: the certificate expires in 5 days").count();
    gatepost.wait_stderr(|log| warning(log) == 1);
    gatepost.send_sighup();
    gatepost.wait_stderr(|log| warning(log) == 2);
}

#[test]
fn metrics_have_the_expiry_and_follow_a_reload() {
    let origin = greeting();
    let port = ReservedPort::new();
    let (configuration, files) = with_certificate(&certs::expiring_in(10, &[GITLAB]), &origin);
    let status = format!("[status]\nlisten = [\"{}\"]", port.address());
    let _gatepost = Gatepost::start(configuration.process(&status));
    assert_eq!(days_left(&port, "certificate", "live.crt"), 10);
    certs::expiring_in(80, &[GITLAB]).write(files.certificate.parent().unwrap(), "live");
    eventually(TIMEOUT, || days_left(&port, "certificate", "live.crt") == 80);
}

#[test]
fn metrics_have_the_expiry_of_cas_and_revocation_lists() {
    let origin = greeting();
    let port = ReservedPort::new();
    let configuration = Configuration::new();
    let client_ca = ClientCa::expiring_in(200, "Staff");
    let ca = client_ca.write(configuration.directory());
    let crl = client_ca.write_crl(&[], 2090, configuration.directory());
    let line = format!(r#"client_certificates = {{ verify = "required", ca = {ca:?}, crl = {crl:?} }}"#);
    let status = format!("[status]\nlisten = [\"{}\"]", port.address());
    let _gatepost = Gatepost::start(configuration.process(&status).host(Host::new(GITLAB, &origin).with(&line)));
    assert_eq!(days_left(&port, "client_authority", "clients.pem"), 200);
    assert!(days_left(&port, "revocation_list", "clients.crl") > 20_000);
}
