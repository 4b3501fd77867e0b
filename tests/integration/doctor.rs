//! `gatepost doctor`: what is found wrong on a machine, and that a healthy one is left alone.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use nix::unistd::{Uid, User};

use crate::support::certs::{self, Files};
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::ports::ReservedPort;
use crate::support::process::{CommandOutput, run};

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn healthy(origin: &Origin) -> Configuration {
    closed().host(Host::new(GITLAB, origin))
}

/// In a directory that is for the account of the tests alone, as one with keys should be.
fn closed() -> Configuration {
    let configuration = Configuration::new();
    fs::set_permissions(configuration.directory(), Permissions::from_mode(0o700)).unwrap();
    configuration
}

/// An account that has nothing to do with the files of a test.
const STRANGER: &str = "user = \"nobody\"";

#[track_caller]
fn expect_fine(finished: &CommandOutput) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(!finished.stdout.contains("problem:"), "{finished:?}");
}

#[track_caller]
fn expect_problem(finished: &CommandOutput, what: &str) {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let problems: Vec<&str> = finished.stdout.lines().filter(|line| line.starts_with("problem: ")).collect();
    assert!(problems.iter().any(|line| line.contains(what)), "{what} is not in {problems:#?}");
}

#[test]
fn a_healthy_machine_is_fine() {
    let finished = healthy(&greeting()).doctor();
    expect_fine(&finished);
    for subject in ["files of the configuration", "applications", "addresses", "bundled nginx", "account and logs"]
    {
        assert!(finished.stdout.contains(&format!("fine: {subject}\n")), "{finished:?}");
    }
}

#[test]
fn gatepost_itself_may_have_the_addresses() {
    let origin = greeting();
    let configuration = healthy(&origin);
    let file = configuration.write();
    let gatepost = Gatepost::start(configuration);
    expect_fine(&run(&["doctor", "--config", file.to_str().unwrap()]));
    assert_eq!(gatepost.client().get("/").text(), "hello");
}

#[test]
fn an_address_that_another_program_has_is_named_with_that_program() {
    let origin = greeting();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let configuration = healthy(&origin).process(&format!("[status]\nlisten = [\"{address}\"]"));
    let own = fs::read_to_string("/proc/self/comm").unwrap();
    expect_problem(&configuration.doctor(), &format!("{} listens on {address}", own.trim_end()));
}

#[test]
fn an_application_that_does_not_run_is_named() {
    let port = ReservedPort::new();
    let down = port.address().to_string();
    let finished = closed().host(Host::to(GITLAB, &down)).doctor();
    expect_problem(&finished, &format!("the application at {down} cannot be reached"));
    let absent = closed();
    let socket = format!("unix:{}", absent.directory().join("socket").display());
    let finished = absent.host(Host::to(GITLAB, &socket)).doctor();
    expect_problem(&finished, "the socket is not there: start the application");
}

#[test]
fn a_socket_that_the_account_may_not_connect_to_is_named() {
    let configuration = closed();
    let path = configuration.directory().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let host = Host::to(GITLAB, &format!("unix:{}", path.display()));
    let finished = configuration.host(host).process(STRANGER).doctor();
    expect_problem(&finished, "nobody may not connect to the application at unix:");
}

#[test]
fn a_log_that_the_account_may_not_write_is_named() {
    let origin = greeting();
    expect_problem(&healthy(&origin).process(STRANGER).doctor(), "so requests are not logged");
}

#[test]
fn a_key_that_everybody_may_read_is_a_problem() {
    let origin = greeting();
    let configuration = closed();
    let directory = configuration.directory().to_owned();
    let files = certs::leaf(&[GITLAB]).write(&directory, "live");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    let configuration = configuration.host(Host::new(GITLAB, &origin).certificate(&files));
    expect_fine(&configuration.doctor());
    fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    expect_problem(&configuration.doctor(), "live.key, which is secret; `chmod o= ");
    fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    let tickets = directory.join("ticket.keys");
    fs::write(&tickets, [7; 80]).unwrap();
    fs::set_permissions(&tickets, Permissions::from_mode(0o644)).unwrap();
    let configuration = configuration.process(&format!("ticket_keys = {tickets:?}"));
    expect_problem(&configuration.doctor(), "ticket.keys, which is secret; `chmod o= ");
}

#[test]
fn ticket_keys_that_nobody_exchanges_are_warned_of() {
    let origin = greeting();
    let configuration = closed();
    let tickets = configuration.directory().join("ticket.keys");
    fs::write(&tickets, [7; 80]).unwrap();
    let configuration = configuration.process(&format!("ticket_keys = {tickets:?}"));
    let configuration = configuration.host(Host::new(GITLAB, &origin));
    assert!(!configuration.doctor().stdout.contains("ticket.keys"));
    let long_ago = SystemTime::now() - Duration::from_secs(20 * 86_400);
    File::options().write(true).open(&tickets).unwrap().set_modified(long_ago).unwrap();
    let finished = configuration.doctor();
    expect_fine(&finished);
    assert!(
        finished.stdout.contains("ticket.keys: the keys of tickets were exchanged 20 days ago"),
        "{finished:?}"
    );
}

#[test]
fn a_chain_without_its_intermediate_is_warned_of() {
    let origin = greeting();
    let configuration = closed();
    let files = certs::with_intermediate(&[GITLAB]).write(configuration.directory(), "live");
    let text = fs::read_to_string(&files.certificate).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let leaf = text.split_inclusive(end).next().unwrap();
    fs::write(&files.certificate, leaf).unwrap();
    let finished = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).doctor();
    expect_fine(&finished);
    assert!(finished.stdout.contains("the chain ends with a certificate of CN=Test intermediate"), "{finished:?}");
}

#[test]
fn what_check_finds_doctor_finds_too() {
    let origin = greeting();
    let configuration = closed();
    let directory = configuration.directory().to_owned();
    let missing = Files { certificate: directory.join("missing.crt"), key: directory.join("missing.key") };
    let finished = configuration.host(Host::new(GITLAB, &origin).certificate(&missing)).doctor();
    expect_problem(&finished, "missing.crt: cannot read it");
}

#[test]
fn a_bundled_nginx_that_is_not_switched_off_is_a_problem() {
    let origin = greeting();
    let doctor = |lines: &str| {
        let configuration = closed();
        let path = configuration.write_gitlab_rb(&origin, &format!("gitlab_kas['enable'] = false\n{lines}"));
        run(&["doctor", "--gitlab-rb", path.to_str().unwrap()])
    };
    for lines in ["", "nginx['enable'] = true", "nginx['enable'] = false\nnginx['enable'] = true"] {
        expect_problem(&doctor(lines), "does not switch the bundled nginx off");
    }
    expect_fine(&doctor("nginx['enable'] = false"));
}

#[test]
fn a_configuration_that_cannot_be_read_has_an_exit_code_of_its_own() {
    let configuration = closed();
    let path = configuration.directory().join("gatepost.toml");
    fs::write(&path, "[[host]]\nnam = \"gitlab.test\"\n").unwrap();
    let finished = run(&["doctor", "--config", path.to_str().unwrap()]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert!(finished.stderr.contains("gatepost.toml:2:"), "{finished:?}");
}

#[test]
fn the_account_that_runs_the_tests_is_no_stranger_to_its_files() {
    let origin = greeting();
    let account = User::from_uid(Uid::effective()).unwrap().unwrap().name;
    expect_fine(&healthy(&origin).process(&format!("user = {account:?}")).doctor());
}
