//! Sessions that are resumed: over a renewal of certificates, over a restart, and at another process.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::support::TIMEOUT;
use crate::support::certs;
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds};
use crate::support::socket::Duplex;
use crate::support::tls::Tls;

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

/// Whether a client that may remember a session resumed it.
fn resumes(gatepost: &Gatepost, tls: &Tls, memory: &Arc<ClientConfig>) -> bool {
    let stream = Arc::new(tls.connect_with(memory, gatepost.https()).unwrap());
    // The tickets of TLS 1.3 come after the handshake.
    assert_eq!(Client::new(stream.clone(), GITLAB).get("/").text(), "hello");
    stream.is_resumed()
}

#[test]
fn sessions_are_resumed_over_a_renewal() {
    let origin = greeting();
    for line in [r#"session_resumption = "tickets""#, "session_resumption = 1000"] {
        let configuration = Configuration::new();
        let directory = configuration.directory().to_owned();
        let files = certs::leaf(&[GITLAB]).write(&directory, "live");
        let host = Host::new(GITLAB, &origin).certificate(&files).with(line);
        let gatepost = Gatepost::start(configuration.host(host));
        let mut returning = Vec::new();
        for tls in [&TLS12, &TLS13].map(|version| Tls::to(GITLAB).only(version)) {
            for _ in 0..20 {
                let memory = Arc::new(tls.config());
                assert!(!resumes(&gatepost, &tls, &memory));
                returning.push((tls.clone(), memory));
            }
        }
        let renewed = certs::leaf(&[GITLAB]);
        renewed.write(&directory, "live");
        gatepost.hang_up();
        let shown = || Tls::to(GITLAB).connect(gatepost.https()).unwrap().certificates();
        eventually(TIMEOUT, || shown() == renewed.certificates());
        let resumed = returning.iter().filter(|(tls, memory)| resumes(&gatepost, tls, memory)).count();
        assert!(resumed * 100 >= returning.len() * 95, "{line}: {resumed} of {}", returning.len());
    }
}

#[test]
fn a_client_that_asks_for_nothing_yet_gets_its_tickets() {
    let gatepost = Gatepost::start(Configuration::new().host(Host::new(GITLAB, &greeting())));
    let silent = Tls::to(GITLAB).only(&TLS13).connect(gatepost.https()).unwrap();
    silent.set_patience(Duration::from_millis(50)).unwrap();
    eventually(TIMEOUT, || {
        // No answer comes, but what does come is looked at.
        let _ = silent.receive(&mut [0; 1]);
        silent.tickets() == 2
    });
}

/// A program on the keys of a file, with its own address and directory.
fn on_keys(keys: &Path, origin: &Origin) -> Gatepost {
    let line = format!("ticket_keys = {keys:?}");
    Gatepost::start(Configuration::new().process(&line).host(Host::new(GITLAB, origin)))
}

/// Keys that are told apart by a byte each.
fn write_keys(path: &Path, keys: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, keys.iter().flat_map(|byte| [*byte; 80]).collect::<Vec<u8>>()).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn programs_that_share_ticket_keys_resume_the_sessions_of_each_other() {
    let (origin, directory) = (greeting(), TempDir::new().unwrap());
    let [shared, other] = ["shared", "other"].map(|name| directory.path().join(name));
    write_keys(&shared, &[1]);
    write_keys(&other, &[2]);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).only(version);
        let memory = Arc::new(tls.config());
        let first = on_keys(&shared, &origin);
        assert!(!resumes(&first, &tls, &memory));
        assert!(resumes(&on_keys(&shared, &origin), &tls, &memory), "{version:?}");
        drop(first);
        assert!(resumes(&on_keys(&shared, &origin), &tls, &memory), "{version:?} after a restart");
        assert!(!resumes(&on_keys(&other, &origin), &tls, &memory), "{version:?}");
    }
}

#[test]
fn ticket_keys_are_exchanged_by_whoever_writes_their_file() {
    let (origin, directory) = (greeting(), TempDir::new().unwrap());
    let keys = directory.path().join("keys");
    write_keys(&keys, &[1]);
    let gatepost = on_keys(&keys, &origin);
    let tls = Tls::to(GITLAB).only(&TLS13);
    let [early, late] = [(); 2].map(|()| Arc::new(tls.config()));
    assert!(!resumes(&gatepost, &tls, &early) && !resumes(&gatepost, &tls, &late));
    let renewals = |count| gatepost.wait_stderr(|log| log.matches("sealed with its first key").count() == count);
    write_keys(&keys, &[2, 1]);
    renewals(1);
    assert!(resumes(&gatepost, &tls, &early));
    write_keys(&keys, &[3]);
    renewals(2);
    eventually(TIMEOUT, || !resumes(&gatepost, &tls, &late));
    fs::write(&keys, "too short").unwrap();
    gatepost.wait_stderr(|log| log.contains("keys: it has 9 bytes") && log.contains("stays in use"));
    assert!(resumes(&gatepost, &tls, &late));
}
