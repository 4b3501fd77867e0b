//! The command line: what is checked before traffic, and how mistakes are told.

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

fn anything() -> Origin {
    Origin::tcp(responds(|_| ok("")))
}

#[test]
fn check_of_a_good_configuration_succeeds() {
    let origin = anything();
    let finished = Configuration::new().host(Host::new(GITLAB, &origin)).check();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn check_reports_every_problem_at_once_each_with_its_file() {
    let origin = anything();
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
    let finished = configuration.check();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let report = finished.stdout + &finished.stderr;
    for file in ["missing.crt", "missing.key", "another.key", "expired.crt", "wrong-name.crt"] {
        assert!(report.contains(&*directory.join(file).to_string_lossy()), "{file} is not named:\n{report}");
    }
    assert!(report.contains("expired"), "{report}");
    assert!(report.contains("wrong.test") && report.contains("other.test"), "{report}");
}

#[test]
fn check_names_files_that_hold_no_key_or_certificate() {
    let origin = anything();
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB]).write(configuration.directory(), "garbage");
    std::fs::write(&files.key, "this is no key\n").unwrap();
    std::fs::write(&files.certificate, "this is no certificate\n").unwrap();
    let finished = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).check();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let report = finished.stdout + &finished.stderr;
    assert!(report.contains("garbage.key") && report.contains("garbage.crt"), "{report}");
}

#[test]
fn an_encrypted_key_is_recognised_as_such() {
    let origin = anything();
    let configuration = Configuration::new();
    let files = certs::leaf(&[GITLAB]).write(configuration.directory(), "locked");
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&files.key, text).unwrap();
    let finished = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).check();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let report = finished.stdout + &finished.stderr;
    assert!(report.contains("locked.key") && report.contains("encrypted"), "{report}");
}

/// Runs `command --config FILE` on a document.
fn with_document(command: &str, document: &str) -> process::CommandOutput {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("gatepost.toml");
    std::fs::write(&path, document).unwrap();
    run(&[command, "--config", path.to_str().unwrap()])
}

#[test]
fn an_unknown_key_is_reported_with_its_line_and_the_nearest_known_one() {
    let document = "[[host]]\nname = \"gitlab.test\"\ntls = false\nupstrem = \"127.0.0.1:8065\"\n";
    for command in ["check", "serve"] {
        let finished = with_document(command, document);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let report = finished.stdout + &finished.stderr;
        assert!(report.contains("upstrem") && report.contains("`upstream`"), "{report}");
        assert!(report.contains("gatepost.toml:4:"), "{report}");
    }
}

#[test]
fn several_mistakes_are_reported_together() {
    let document = "[process]\nworkers = \"many\"\n[[host]]\nname = \"git lab\"\ntls = false\nupstream = 8065\n";
    let finished = with_document("check", document);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let report = finished.stdout + &finished.stderr;
    for place in ["gatepost.toml:2:", "gatepost.toml:4:", "gatepost.toml:6:"] {
        assert!(report.contains(place), "{place} is missing:\n{report}");
    }
}

#[test]
fn serve_refuses_what_check_refuses() {
    let origin = anything();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let missing = Files { certificate: directory.join("missing.crt"), key: directory.join("missing.key") };
    let path = configuration.host(Host::new(GITLAB, &origin).certificate(&missing));
    let document = path.write();
    let finished = run(&["serve", "--config", document.to_str().unwrap()]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("missing.crt"), "{}", finished.stderr);
}

#[test]
fn an_address_in_use_is_named() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let document = format!(
        "[defaults]\naccess_log = \"off\"\n[[host]]\nname = \"{MATTERMOST}\"\ntls = false\nlisten = [\"{address}\"]\n\
         upstream = \"127.0.0.1:1\"\n"
    );
    let finished = with_document("serve", &document);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains(&address.to_string()), "{}", finished.stderr);
}

#[test]
fn a_missing_configuration_file_is_named() {
    let finished = run(&["check", "--config", "/nonexistent/gatepost.toml"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("/nonexistent/gatepost.toml"), "{}", finished.stderr);
}

#[test]
fn without_a_configuration_the_default_path_and_the_demo_are_named() {
    let default = "/etc/gatepost/gatepost.toml";
    assert!(!Path::new(default).exists(), "this test needs a machine without {default}");
    let finished = run(&["serve"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    for named in [default, "gatepost demo"] {
        assert!(finished.stderr.contains(named), "{named} is not named:\n{}", finished.stderr);
    }
}

#[test]
fn wrong_usage_is_told_from_wrong_configuration() {
    for arguments in [&["frobnicate"][..], &["serve", "--no-such-option"], &["check", "--config"]] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(!finished.stderr.is_empty());
    }
}

#[test]
fn help_and_version_are_given() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for command in ["serve", "check", "explain", "demo"] {
        assert!(help.stdout.contains(command), "{command} is not in the help:\n{}", help.stdout);
    }
    let version = run(&["--version"]);
    assert_eq!((version.code, version.stdout.trim()), (Some(0), concat!("gatepost ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn explain_shows_what_is_in_force_and_its_toml_means_the_same() {
    let origin = anything();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin));
    let path = configuration.write();
    let explain = |format: &str| run(&["explain", "--config", path.to_str().unwrap(), "--format", format]);
    let table = explain("table");
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.stdout.contains(GITLAB) && table.stdout.contains(&origin.upstream().to_string()));
    let toml = explain("toml");
    let copy = configuration.directory().join("copy.toml");
    std::fs::write(&copy, &toml.stdout).unwrap();
    let again = run(&["explain", "--config", copy.to_str().unwrap(), "--format", "toml"]);
    assert_eq!((again.code, again.stdout), (Some(0), toml.stdout));
    let json: serde_json::Value = serde_json::from_str(&explain("json").stdout).unwrap();
    assert!(json["hosts"].is_array(), "{json}");
}

#[test]
fn demo_shows_where_to_look_and_ends_when_told() {
    let mut demo = Process::spawn(&["demo"]);
    let port = shown_port(&demo, "https://gitlab.localhost:");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    eventually(TIMEOUT, || TcpStream::connect(address).is_ok());
    // No trust is needed to be told that this port wants TLS.
    assert_eq!(Client::plain(address, "gitlab.localhost").get("/").status(), 400);
    demo.signal(Signal::SIGTERM);
    assert_eq!(demo.wait_exit(TIMEOUT).code(), Some(0), "{}", demo.stderr());
}

/// The number that the program shows behind `mark`, once it does.
fn shown_port(process: &Process, mark: &str) -> u16 {
    let port = Regex::new(&format!(r"{}(\d+)", regex::escape(mark))).unwrap();
    eventually(TIMEOUT, || port.is_match(&process.stdout()));
    port.captures(&process.stdout()).unwrap()[1].parse().unwrap()
}

#[test]
fn a_second_instance_does_not_share_the_addresses_of_the_first() {
    let origin = anything();
    let configuration = Configuration::new().host(Host::new(GITLAB, &origin));
    let file = configuration.write();
    let first = Process::spawn(&["serve", "--config", file.to_str().unwrap()]);
    first.wait_stderr(|text| text.contains("ready"));
    let second = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("another `gatepost serve`"), "{second:?}");
}

#[test]
fn an_account_that_does_not_exist_is_found_by_check() {
    let origin = anything();
    let configuration =
        Configuration::new().host(Host::new(GITLAB, &origin)).process("user = \"nobody-of-that-name\"");
    let finished = configuration.check();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("nobody-of-that-name"), "{finished:?}");
}
