//! ACME without a CA: placeholders, failures and checks.
//!
//! The tests against an ACME server are in `tests/interop/acme.py`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::unistd::Uid;

use crate::support::TIMEOUT;
use crate::support::certs::{self, Files};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, response_bytes};
use crate::support::ports::ReservedPort;
use crate::support::tls::Tls;

/// Configures an ACME server that is unreachable.
fn configuration() -> Configuration {
    configuration_for("https://127.0.0.1:1/directory")
}

fn configuration_for(directory: &str) -> Configuration {
    let configuration = Configuration::new();
    let ca = certs::write_ca(configuration.directory());
    configuration
        .top(&format!("acme.directory = {directory:?}"))
        .top(&format!("acme.ca = {ca:?}"))
        .top("acme.state_directory = \"state\"")
}

fn missing(directory: &Path, name: &str) -> Files {
    let file = |ending| directory.join(format!("{name}.{ending}"));
    Files { certificate: file("crt"), key: file("key") }
}

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

#[test]
fn a_host_without_certificate_is_served_with_a_self_signed_placeholder() {
    let origin = greeting();
    let configuration = configuration();
    let files = missing(configuration.directory(), "new");
    let host = Host::new(GITLAB, &origin).certificate(&files).with("acme = true");
    let gatepost = Gatepost::start(configuration.host(host));
    let rejected = Tls::to(GITLAB).connect(gatepost.https()).map(|_| ()).unwrap_err();
    assert!(rejected.to_string().contains("certificate"), "{rejected}");
    assert_eq!(gatepost.plain_client_of(GITLAB).get("/a").status(), 301);
    gatepost.wait_stderr(|log| log.contains("ACME order for gitlab.test at"));
    gatepost.wait_stderr(|log| log.contains("check that this machine can reach the server"));
    assert!(!files.certificate.exists() && !files.key.exists());
}

#[test]
fn a_ca_certificate_replaces_the_placeholder_even_if_it_lacks_a_name() {
    let origin = greeting();
    let port = ReservedPort::new();
    let configuration = configuration().process(&format!("[status]\nlisten = [\"{}\"]", port.address()));
    let files = missing(configuration.directory(), "new");
    let host = Host::new(GITLAB, &origin).certificate(&files).with("aliases = [\"git.test\"]\nacme = true");
    let gatepost = Gatepost::start(configuration.host(host));
    let metrics = || Client::plain(port.address(), "localhost").get("/metrics").text();
    let has_zero_expiry =
        || metrics().lines().find(|line| line.contains("new.crt")).map(|line| line.ends_with(" 0"));
    assert_eq!(has_zero_expiry(), Some(true), "the metric of an untrusted placeholder is 0");
    gatepost.send_sighup();
    gatepost.wait_stderr(|log| log.matches("ACME order for").count() == 2);
    gatepost.wait_stderr(|log| !log.contains("new.crt: "));
    let leaf = certs::leaf(&[GITLAB]);
    leaf.write(files.certificate.parent().unwrap(), "new");
    gatepost.wait_stderr(|log| log.contains("new.crt: the certificate does not cover git.test"));
    assert_eq!(gatepost.client_of(GITLAB).get("/").status(), 200);
    assert_eq!(has_zero_expiry(), Some(false));
}

#[test]
fn failure_histories_of_files_with_the_same_name_are_separate() {
    let origin = greeting();
    let configuration = configuration();
    let directory = configuration.directory().to_owned();
    let host = |name: &str| {
        let home = directory.join(name);
        fs::create_dir(&home).unwrap();
        Host::new(name, &origin).certificate(&missing(&home, "tls")).with("acme = true")
    };
    let gatepost = Gatepost::start(configuration.host(host(GITLAB)).host(host(MATTERMOST)));
    gatepost.wait_stderr(|log| log.matches("ACME order for").count() == 2);
    let failure_files = || fs::read_dir(directory.join("state")).map_or(0, Iterator::count);
    eventually(TIMEOUT, || failure_files() == 2);
}

#[test]
fn a_certificate_that_is_not_due_is_not_renewed() {
    let origin = greeting();
    let configuration = configuration();
    let valid = certs::leaf(&[GITLAB]).write(configuration.directory(), "valid");
    let due = certs::expiring_in(10, &[MATTERMOST]).write(configuration.directory(), "due");
    let before = fs::read(&due.certificate).unwrap();
    let gatepost = Gatepost::start(
        configuration
            .host(Host::new(GITLAB, &origin).certificate(&valid).with("acme = true"))
            .host(Host::new(MATTERMOST, &origin).certificate(&due).with("acme = true")),
    );
    // Certificates are processed in this order, so the first one has been checked by now.
    gatepost.wait_stderr(|log| log.contains("ACME order for mattermost.test at"));
    gatepost.wait_stderr(|log| log.contains("The current certificate stays in use and expires in"));
    gatepost.wait_stderr(|log| !log.contains("ACME order for gitlab.test"));
    assert_eq!(gatepost.client_of(MATTERMOST).get("/").status(), 200);
    assert_eq!(fs::read(&due.certificate).unwrap(), before);
}

#[test]
fn a_mismatched_pair_does_not_prevent_startup_with_acme() {
    let origin = greeting();
    let configuration = configuration();
    let first = certs::leaf(&[GITLAB]).write(configuration.directory(), "one");
    let second = certs::leaf(&[GITLAB]).write(configuration.directory(), "other");
    let mixed = Files { certificate: first.certificate, key: second.key };
    let host = Host::new(GITLAB, &origin).certificate(&mixed).with("acme = true");
    let gatepost = Gatepost::start(configuration.host(host));
    gatepost.wait_stderr(|log| log.contains("does not belong to the certificate"));
    gatepost.wait_stderr(|log| log.contains("ACME order for gitlab.test at"));
}

#[test]
fn retry_after_of_the_acme_server_is_honored() {
    let unavailable = Origin::tcp(responds(|_| {
        response_bytes("503 Service Unavailable", &[("Retry-After", "7200")], "maintenance")
    }));
    // Another proxy terminates TLS for the ACME server.
    let acme_server = Gatepost::with_host(Host::new("localhost", &unavailable));
    let origin = greeting();
    let configuration = configuration_for(&format!("https://localhost:{}/directory", acme_server.https().port()));
    let host =
        Host::new(GITLAB, &origin).certificate(&missing(configuration.directory(), "new")).with("acme = true");
    let gatepost = Gatepost::start(configuration.host(host));
    gatepost.wait_stderr(|log| log.contains("response with status 503"));
    gatepost.wait_stderr(|log| log.contains("Next attempt in 120 min"));
    assert_eq!(unavailable.requests().len(), 1);
}

#[test]
fn check_warns_about_an_unwritable_certificate_directory() {
    let origin = greeting();
    let configuration = configuration();
    let unwritable = configuration.directory().join("closed");
    fs::create_dir(&unwritable).unwrap();
    fs::set_permissions(&unwritable, fs::Permissions::from_mode(0o555)).unwrap();
    let host = Host::new(GITLAB, &origin).certificate(&missing(&unwritable, "new")).with("acme = true");
    // Root can write everywhere; the account that the proxy would change to cannot.
    let configuration =
        if Uid::effective().is_root() { configuration.process("user = \"nobody\"") } else { configuration };
    let output = configuration.host(host).check();
    assert_eq!(output.code, Some(0), "{output:?}");
    let warning = format!("warning: {}: ", unwritable.display());
    assert!(output.stderr.contains(&warning), "{output:?}");
    assert!(output.stderr.contains("certificates cannot be stored; grant write access (chgrp"), "{output:?}");
}
