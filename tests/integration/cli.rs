//! Command line: checks before serving, error reports, exit codes.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use nix::sys::signal::Signal;
use regex::Regex;

use crate::support::certs::{self, Files};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::origin::{Origin, ok, responds};
use crate::support::process::{Process, run};
use crate::support::{TIMEOUT, process};

fn empty_origin() -> Origin {
    Origin::tcp(responds(|_| ok("")))
}

#[test]
fn check_of_a_valid_configuration_succeeds() {
    let origin = empty_origin();
    let output = Configuration::new().host(Host::new(GITLAB, &origin)).check();
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn check_reports_all_problems_with_their_files() {
    let origin = empty_origin();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let missing = Files { certificate: directory.join("missing.crt"), key: directory.join("missing.key") };
    let mismatch = Files {
        certificate: certs::leaf(&["mismatch.test"]).write(&directory, "mismatch").certificate,
        key: certs::leaf(&["mismatch.test"]).write(&directory, "another").key,
    };
    let expired = certs::expired(&["expired.test"]).write(&directory, "expired");
    let wrong_name = certs::leaf(&["other.test"]).write(&directory, "wrong-name");
    let configuration = configuration
        .host(Host::new("missing.test", &origin).certificate(&missing))
        .host(Host::new("mismatch.test", &origin).certificate(&mismatch))
        .host(Host::new("expired.test", &origin).certificate(&expired))
        .host(Host::new("wrong.test", &origin).certificate(&wrong_name));
    let output = configuration.check();
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = output.stdout + &output.stderr;
    for file in ["missing.crt", "missing.key", "another.key", "expired.crt", "wrong-name.crt"] {
        assert!(report.contains(&*directory.join(file).to_string_lossy()), "{file} is not named:\n{report}");
    }
    assert!(report.contains("expired"), "{report}");
    assert!(report.contains("wrong.test") && report.contains("other.test"), "{report}");
}

#[test]
fn check_names_files_without_key_or_certificate() {
    let origin = empty_origin();
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB]).write(configuration.directory(), "garbage");
    std::fs::write(&files.key, "this is no key\n").unwrap();
    std::fs::write(&files.certificate, "this is no certificate\n").unwrap();
    let output = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).check();
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = output.stdout + &output.stderr;
    assert!(report.contains("garbage.key") && report.contains("garbage.crt"), "{report}");
}

#[test]
fn check_reports_an_encrypted_key_as_encrypted() {
    let origin = empty_origin();
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB]).write(configuration.directory(), "locked");
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&files.key, text).unwrap();
    let output = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).check();
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = output.stdout + &output.stderr;
    assert!(report.contains("locked.key") && report.contains("encrypted"), "{report}");
}

/// Runs `command --config FILE` with this document.
fn with_document(command: &str, document: &str) -> process::CommandOutput {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("gatepost.toml");
    std::fs::write(&path, document).unwrap();
    run(&[command, "--config", path.to_str().unwrap()])
}

#[test]
fn an_unknown_key_is_reported_with_its_line_and_the_closest_known_key() {
    let document = "[[host]]\nname = \"gitlab.test\"\ntls = false\nupstrem = \"127.0.0.1:8065\"\n";
    for command in ["check", "serve"] {
        let output = with_document(command, document);
        assert_eq!(output.code, Some(1), "{output:?}");
        let report = output.stdout + &output.stderr;
        assert!(report.contains("upstrem") && report.contains("`upstream`"), "{report}");
        assert!(report.contains("gatepost.toml:4:"), "{report}");
    }
}

#[test]
fn several_errors_are_reported_together() {
    let document = "[process]\nworkers = \"many\"\n[[host]]\nname = \"git lab\"\ntls = false\nupstream = 8065\n";
    let output = with_document("check", document);
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = output.stdout + &output.stderr;
    for position in ["gatepost.toml:2:", "gatepost.toml:4:", "gatepost.toml:6:"] {
        assert!(report.contains(position), "{position} is missing:\n{report}");
    }
}

#[test]
fn serve_rejects_what_check_rejects() {
    let origin = empty_origin();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let missing = Files { certificate: directory.join("missing.crt"), key: directory.join("missing.key") };
    let path = configuration.host(Host::new(GITLAB, &origin).certificate(&missing));
    let document = path.write();
    let output = run(&["serve", "--config", document.to_str().unwrap()]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("missing.crt"), "{}", output.stderr);
}

#[test]
fn an_address_in_use_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let document = format!(
        "[defaults]\naccess_log = \"off\"\n[[host]]\nname = \"{MATTERMOST}\"\ntls = false\nlisten = [\"{address}\"]\n\
         upstream = \"127.0.0.1:1\"\n"
    );
    let output = with_document("serve", &document);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains(&address.to_string()), "{}", output.stderr);
}

#[test]
fn a_missing_configuration_file_is_named() {
    let output = run(&["check", "--config", "/nonexistent/gatepost.toml"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("/nonexistent/gatepost.toml"), "{}", output.stderr);
}

#[test]
fn missing_configuration_error_names_the_default_path_and_the_demo() {
    let default = "/etc/gatepost/gatepost.toml";
    assert!(!Path::new(default).exists(), "this test requires a machine without {default}");
    let output = run(&["serve"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    for expected in [default, "gatepost demo"] {
        assert!(output.stderr.contains(expected), "{expected} is not named:\n{}", output.stderr);
    }
}

#[test]
fn usage_errors_and_configuration_errors_have_different_exit_codes() {
    for arguments in [&["frobnicate"][..], &["serve", "--no-such-option"], &["check", "--config"]] {
        let output = run(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn help_and_version_are_printed() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["serve", "check", "explain", "demo"] {
        assert!(help.stdout.contains(command), "{command} is not in the help:\n{}", help.stdout);
    }
    let version = run(&["--version"]);
    assert_eq!((version.code, version.stdout.trim()), (Some(0), concat!("gatepost ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn explain_prints_the_effective_configuration_and_its_toml_round_trips() {
    let origin = empty_origin();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin));
    let path = configuration.write();
    let explain = |format: &str| run(&["explain", "--config", path.to_str().unwrap(), "--format", format]);
    let table = explain("table");
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.stdout.contains(GITLAB) && table.stdout.contains(&origin.upstream().to_string()));
    let toml = explain("toml");
    let copy = configuration.directory().join("copy.toml");
    std::fs::write(&copy, &toml.stdout).unwrap();
    let round_trip = run(&["explain", "--config", copy.to_str().unwrap(), "--format", "toml"]);
    assert_eq!((round_trip.code, round_trip.stdout), (Some(0), toml.stdout));
    let json: serde_json::Value = serde_json::from_str(&explain("json").stdout).unwrap();
    assert!(json["hosts"].is_array(), "{json}");
}

#[test]
fn demo_prints_its_address_and_stops_on_sigterm() {
    let mut demo = Process::spawn(&["demo"]);
    let port = printed_port(&demo, "https://gitlab.localhost:");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    eventually(TIMEOUT, || TcpStream::connect(address).is_ok());
    // The 400 for plain HTTP on a TLS port requires no trust anchor.
    assert_eq!(Client::plain(address, "gitlab.localhost").get("/").status(), 400);
    demo.signal(Signal::SIGTERM);
    assert_eq!(demo.wait_exit(TIMEOUT).code(), Some(0), "{}", demo.stderr());
}

/// Waits until the process prints a port after `prefix` and returns the port.
fn printed_port(process: &Process, prefix: &str) -> u16 {
    let port = Regex::new(&format!(r"{}(\d+)", regex::escape(prefix))).unwrap();
    eventually(TIMEOUT, || port.is_match(&process.stdout()));
    port.captures(&process.stdout()).unwrap()[1].parse().unwrap()
}

#[test]
fn a_second_instance_cannot_bind_the_addresses_of_the_first() {
    let origin = empty_origin();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin));
    let file = configuration.write();
    let first = Process::spawn(&["serve", "--config", file.to_str().unwrap()]);
    first.wait_stderr(|text| text.contains("ready"));
    let second = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("another `gatepost serve`"), "{second:?}");
}

#[test]
fn check_reports_an_unknown_account() {
    let origin = empty_origin();
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &origin)).process("user = \"nobody-of-that-name\"");
    let output = configuration.check();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("nobody-of-that-name"), "{output:?}");
}
