//! `gatepost doctor`: problems and warnings, and none on a healthy machine.

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

fn healthy_configuration(origin: &Origin) -> Configuration {
    private_configuration().host(Host::new(GITLAB, origin))
}

/// Creates a configuration in a directory that only the account of the tests can read, as recommended for
/// keys.
fn private_configuration() -> Configuration {
    let configuration = Configuration::new();
    fs::set_permissions(configuration.directory(), Permissions::from_mode(0o700)).unwrap();
    configuration
}

/// Serves as an account without access to the files of the test.
const OTHER_ACCOUNT: &str = "user = \"nobody\"";

#[track_caller]
fn expect_no_problem(output: &CommandOutput) {
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stdout.contains("problem:"), "{output:?}");
}

#[track_caller]
fn expect_problem(output: &CommandOutput, what: &str) {
    assert_eq!(output.code, Some(1), "{output:?}");
    let problems: Vec<&str> = output.stdout.lines().filter(|line| line.starts_with("problem: ")).collect();
    assert!(problems.iter().any(|line| line.contains(what)), "{what} is not in {problems:#?}");
}

#[test]
fn a_healthy_machine_passes_all_checks() {
    let output = healthy_configuration(&greeting()).doctor();
    expect_no_problem(&output);
    for subject in
        ["files of the configuration", "upstreams", "listening addresses", "bundled nginx", "account and logs"]
    {
        assert!(output.stdout.contains(&format!("fine: {subject}\n")), "{output:?}");
    }
}

#[test]
fn addresses_bound_by_gatepost_itself_are_accepted() {
    let origin = greeting();
    let configuration = healthy_configuration(&origin);
    let file = configuration.write();
    let gatepost = Gatepost::start(configuration);
    expect_no_problem(&run(&["doctor", "--config", file.to_str().unwrap()]));
    assert_eq!(gatepost.client().get("/").text(), "hello");
}

#[test]
fn an_address_in_use_is_reported_with_the_program() {
    let origin = greeting();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let configuration = healthy_configuration(&origin).process(&format!("[status]\nlisten = [\"{address}\"]"));
    let program = fs::read_to_string("/proc/self/comm").unwrap();
    expect_problem(&configuration.doctor(), &format!("{} listens on {address}", program.trim_end()));
}

#[test]
fn an_unreachable_upstream_is_reported() {
    let port = ReservedPort::new();
    let unused_address = port.address().to_string();
    let output = private_configuration().host(Host::to(GITLAB, &unused_address)).doctor();
    expect_problem(&output, &format!("cannot connect to the upstream {unused_address}: "));
    let configuration = private_configuration();
    let socket = format!("unix:{}", configuration.directory().join("socket").display());
    let output = configuration.host(Host::to(GITLAB, &socket)).doctor();
    expect_problem(&output, "the socket does not exist: start the service");
}

#[test]
fn a_socket_without_connect_permission_is_reported() {
    let configuration = private_configuration();
    let path = configuration.directory().join("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let host = Host::to(GITLAB, &format!("unix:{}", path.display()));
    let output = configuration.host(host).process(OTHER_ACCOUNT).doctor();
    expect_problem(&output, "nobody may not connect to the upstream unix:");
}

#[test]
fn an_unwritable_log_is_reported() {
    let origin = greeting();
    expect_problem(
        &healthy_configuration(&origin).process(OTHER_ACCOUNT).doctor(),
        ": requests are not logged after a log rotation",
    );
}

#[test]
fn a_world_readable_key_is_a_problem() {
    let origin = greeting();
    let configuration = private_configuration();
    let directory = configuration.directory().to_owned();
    let files = certs::leaf(&[GITLAB]).write(&directory, "live");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    let configuration = configuration.host(Host::new(GITLAB, &origin).certificate(&files));
    expect_no_problem(&configuration.doctor());
    fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
    expect_problem(
        &configuration.doctor(),
        "live.key is secret, but every account of this machine may read it; run `chmod o= ",
    );
    fs::set_permissions(&files.key, Permissions::from_mode(0o640)).unwrap();
    let tickets = directory.join("ticket.keys");
    fs::write(&tickets, [7; 80]).unwrap();
    fs::set_permissions(&tickets, Permissions::from_mode(0o644)).unwrap();
    let configuration = configuration.process(&format!("ticket_keys = {tickets:?}"));
    expect_problem(
        &configuration.doctor(),
        "ticket.keys is secret, but every account of this machine may read it; run `chmod o= ",
    );
}

#[test]
fn ticket_keys_that_are_not_rotated_cause_a_warning() {
    let origin = greeting();
    let configuration = private_configuration();
    let tickets = configuration.directory().join("ticket.keys");
    fs::write(&tickets, [7; 80]).unwrap();
    let configuration = configuration.process(&format!("ticket_keys = {tickets:?}"));
    let configuration = configuration.host(Host::new(GITLAB, &origin));
    assert!(!configuration.doctor().stdout.contains("ticket.keys"));
    let long_ago = SystemTime::now() - Duration::from_secs(20 * 86_400);
    File::options().write(true).open(&tickets).unwrap().set_modified(long_ago).unwrap();
    let output = configuration.doctor();
    expect_no_problem(&output);
    assert!(output.stdout.contains("ticket.keys: the ticket keys were last rotated 20 days ago"), "{output:?}");
}

#[test]
fn a_missing_intermediate_certificate_causes_a_warning() {
    let origin = greeting();
    let configuration = private_configuration();
    let files = certs::with_intermediate(&[GITLAB]).write(configuration.directory(), "live");
    let text = fs::read_to_string(&files.certificate).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let leaf = text.split_inclusive(end).next().unwrap();
    fs::write(&files.certificate, leaf).unwrap();
    let output = configuration.host(Host::new(GITLAB, &origin).certificate(&files)).doctor();
    expect_no_problem(&output);
    assert!(
        output.stdout.contains("the chain ends with a certificate issued by CN=Test intermediate"),
        "{output:?}"
    );
}

#[test]
fn doctor_reports_the_problems_of_check() {
    let origin = greeting();
    let configuration = private_configuration();
    let directory = configuration.directory().to_owned();
    let missing = Files { certificate: directory.join("missing.crt"), key: directory.join("missing.key") };
    let output = configuration.host(Host::new(GITLAB, &origin).certificate(&missing)).doctor();
    expect_problem(&output, "missing.crt: cannot read the file");
}

#[test]
fn an_enabled_bundled_nginx_is_a_problem() {
    let origin = greeting();
    let doctor = |lines: &str| {
        let configuration = private_configuration();
        let path = configuration.write_gitlab_rb(&origin, &format!("gitlab_kas['enable'] = false\n{lines}"));
        run(&["doctor", "--gitlab-rb", path.to_str().unwrap()])
    };
    for lines in ["", "nginx['enable'] = true", "nginx['enable'] = false\nnginx['enable'] = true"] {
        expect_problem(&doctor(lines), "does not disable the bundled nginx");
    }
    expect_no_problem(&doctor("nginx['enable'] = false"));
}

#[test]
fn an_invalid_configuration_exits_with_2() {
    let configuration = private_configuration();
    let path = configuration.directory().join("gatepost.toml");
    fs::write(&path, "[[host]]\nnam = \"gitlab.test\"\n").unwrap();
    let output = run(&["doctor", "--config", path.to_str().unwrap()]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    assert!(output.stderr.contains("gatepost.toml:2:"), "{output:?}");
}

#[test]
fn the_account_of_the_tests_has_access_to_its_files() {
    let origin = greeting();
    let account = User::from_uid(Uid::effective()).unwrap().unwrap().name;
    expect_no_problem(&healthy_configuration(&origin).process(&format!("user = {account:?}")).doctor());
}
