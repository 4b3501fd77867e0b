//! Files that the proxy opens as root: no link, FIFO or device of another account is followed.
//!
//! The tests need root, because they start the proxy as root with an account to change to. As another user they
//! are skipped.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::{Uid, User, mkfifo};

use crate::support::TIMEOUT;
use crate::support::certs::{self, Files};
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::process::{CommandOutput, Process};

const ACCOUNT: &str = "nobody";

/// A configuration that serves as [`ACCOUNT`], with a directory of that account and a file of root.
struct Setup {
    configuration: Configuration,
    owned: PathBuf,
    secret: PathBuf,
    origin: Origin,
}

impl Setup {
    /// `None` without root.
    fn new() -> Option<Setup> {
        if !Uid::effective().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let configuration = Configuration::new().process(&format!("user = {ACCOUNT:?}"));
        let directory = configuration.directory();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        let (owned, secret) = (directory.join("owned"), directory.join("secret"));
        fs::write(&secret, "secret").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(&owned).unwrap();
        chown(&owned, Some(account().uid.as_raw()), Some(account().gid.as_raw())).unwrap();
        Some(Setup { configuration, owned, secret, origin: Origin::tcp(responds(|_| ok("hello"))) })
    }
}

fn account() -> User {
    User::from_name(ACCOUNT).unwrap().unwrap()
}

#[track_caller]
fn assert_untouched(secret: &Path) {
    let found = fs::metadata(secret).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (0, 0o600));
    assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
}

/// Starts the proxy, which must end with an error, and returns what it printed.
#[track_caller]
fn refused(configuration: &Configuration) -> CommandOutput {
    let path = configuration.write();
    let output = Process::spawn(&["serve", "--config", path.to_str().unwrap()]).finish(TIMEOUT);
    assert_eq!(output.code, Some(1), "{output:?}");
    output
}

fn log_to(path: &Path) -> String {
    format!("access_log = {path:?}")
}

#[test]
fn a_log_link_of_the_account_is_opened_with_the_rights_of_the_account() {
    let Some(Setup { configuration, owned, secret, origin }) = Setup::new() else { return };
    let log = owned.join("access.log");
    symlink(&secret, &log).unwrap();
    let configuration = configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log)));
    let output = refused(&configuration);
    assert!(output.stderr.contains("access.log") && output.stderr.contains("ermission denied"), "{output:?}");
    assert_untouched(&secret);
}

#[test]
fn a_log_in_a_directory_of_the_account_is_created_by_the_account() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    let log = owned.join("access.log");
    let gatepost = Gatepost::start(configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert_eq!(fs::metadata(&log).unwrap().uid(), account().uid.as_raw());
    drop(gatepost);
}

#[test]
fn a_log_in_a_directory_that_the_group_may_write_is_created_by_the_account() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    chown(&owned, Some(0), Some(account().gid.as_raw())).unwrap();
    fs::set_permissions(&owned, fs::Permissions::from_mode(0o770)).unwrap();
    let log = owned.join("access.log");
    let gatepost = Gatepost::start(configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert_eq!(fs::metadata(&log).unwrap().uid(), account().uid.as_raw());
    drop(gatepost);
}

#[test]
fn a_log_in_a_directory_of_root_belongs_to_the_account() {
    let Some(Setup { configuration, origin, .. }) = Setup::new() else { return };
    let log = configuration.access_log();
    fs::write(&log, "").unwrap();
    let gatepost = Gatepost::start(configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert_eq!(fs::metadata(&log).unwrap().uid(), account().uid.as_raw());
    drop(gatepost);
}

#[test]
fn a_fifo_is_no_log() {
    let Some(Setup { configuration, origin, .. }) = Setup::new() else { return };
    let log = configuration.access_log();
    mkfifo(&log, Mode::S_IRWXU).unwrap();
    let output = refused(&configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert!(output.stderr.contains("access.log"), "{output:?}");
}

#[test]
fn a_key_link_of_the_account_is_not_followed_as_root() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    let real = certs::leaf(&[GITLAB]).write(configuration.directory(), "real");
    let linked = Files { key: owned.join("linked.key"), ..real.clone() };
    symlink(&real.key, &linked.key).unwrap();
    let output = refused(&configuration.host(Host::new(GITLAB, &origin).certificate(&linked)));
    assert!(output.stderr.contains("linked.key") && output.stderr.contains("symbolic link"), "{output:?}");
}

#[test]
fn a_fifo_and_a_device_are_no_keys() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    let real = certs::leaf(&[GITLAB]).write(configuration.directory(), "real");
    let fifo = owned.join("fifo.key");
    mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    for key in [fifo, "/dev/zero".into()] {
        let files = Files { key, ..real.clone() };
        let host = Host::new(GITLAB, &origin).certificate(&files);
        let output = refused(&Configuration::new().process(&format!("user = {ACCOUNT:?}")).host(host));
        assert!(output.stderr.contains("not a regular file"), "{output:?}");
    }
}

#[test]
fn an_error_page_link_of_the_account_is_not_served() {
    let Some(Setup { configuration, owned, secret, origin }) = Setup::new() else { return };
    let page = owned.join("403.html");
    symlink(&secret, &page).unwrap();
    let host = Host::plain(GITLAB, &origin)
        .with(&format!("error_page = [{{ status = 403, file = {page:?} }}]"))
        .route("exact = \"/forbidden\"\nrespond = { status = 403 }");
    let gatepost = Gatepost::start(configuration.host(host));
    let response = gatepost.plain_client_of(GITLAB).get("/forbidden");
    assert_eq!(response.head.status(), 403);
    assert!(!String::from_utf8_lossy(&response.body).contains("secret"));
}

#[test]
fn a_file_of_root_that_the_account_moved_into_a_sticky_directory_stays_root_s() {
    let Some(Setup { configuration, owned, secret, origin }) = Setup::new() else { return };
    fs::set_permissions(&owned, fs::Permissions::from_mode(0o1777)).unwrap();
    chown(&owned, Some(0), Some(0)).unwrap();
    let log = owned.join("access.log");
    fs::rename(&secret, &log).unwrap();
    let configuration = configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log)));
    let output = refused(&configuration);
    assert!(output.stderr.contains("access.log") && output.stderr.contains("ermission denied"), "{output:?}");
    assert_untouched(&log);
}

#[test]
fn without_an_account_a_log_in_a_directory_of_another_is_an_error_at_check_too() {
    let Some(Setup { owned, origin, configuration: _directory, .. }) = Setup::new() else { return };
    let host = Host::plain(GITLAB, &origin).with(&log_to(&owned.join("access.log")));
    let configuration = Configuration::new().process("user = \"root\"").host(host);
    let expected = "set `process.user` to that account";
    let output = refused(&configuration);
    assert!(output.stderr.contains(expected), "{output:?}");
    let path = configuration.write();
    let output = Process::spawn(&["check", "--config", path.to_str().unwrap()]).finish(TIMEOUT);
    assert!(output.code == Some(1) && output.stderr.contains(expected), "{output:?}");
}

#[test]
fn a_log_that_links_to_the_standard_output_is_written_there() {
    let Some(Setup { configuration, origin, .. }) = Setup::new() else { return };
    let log = configuration.access_log();
    symlink("/dev/stdout", &log).unwrap();
    let gatepost = Gatepost::start(configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert_eq!(gatepost.plain_client_of(GITLAB).get("/").text(), "hello");
    assert!(log.symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_log_directory_of_root_below_one_of_a_group_is_used_as_root() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    let group = account().gid.as_raw();
    let directory = owned.join("nginx");
    fs::create_dir(&directory).unwrap();
    for (path, mode) in [(&owned, 0o775), (&directory, 0o750)] {
        chown(path, Some(0), Some(group)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let log = directory.join("access.log");
    let _gatepost = Gatepost::start(configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log))));
    assert_eq!(fs::metadata(&log).unwrap().uid(), account().uid.as_raw());
}

#[test]
fn check_reports_a_log_that_the_account_cannot_write() {
    let Some(Setup { configuration, owned, origin, .. }) = Setup::new() else { return };
    let log = owned.join("access.log");
    fs::write(&log, "").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    let configuration = configuration.host(Host::plain(GITLAB, &origin).with(&log_to(&log)));
    let path = configuration.write();
    let check = Process::spawn(&["check", "--config", path.to_str().unwrap()]).finish(TIMEOUT);
    for output in [check, refused(&configuration)] {
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains("access.log") && output.stderr.contains("process.user"), "{output:?}");
    }
}
