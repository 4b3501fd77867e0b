//! TLS session resumption after a reload, a restart, and at another process.

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

/// Connects and returns whether the session was resumed.
fn resumes(gatepost: &Gatepost, tls: &Tls, client_config: &Arc<ClientConfig>) -> bool {
    let stream = Arc::new(tls.connect_with(client_config, gatepost.https()).unwrap());
    // The client reads a response, because TLS 1.3 tickets follow the handshake.
    assert_eq!(Client::new(stream.clone(), GITLAB).get("/").text(), "hello");
    stream.is_resumed()
}

#[test]
fn sessions_are_resumed_after_a_certificate_reload() {
    let origin = greeting();
    for line in [r#"session_resumption = "tickets""#, "session_resumption = 1000"] {
        let configuration = Configuration::new();
        let directory = configuration.directory().to_owned();
        let files = certs::leaf(&[GITLAB]).write(&directory, "live");
        let host = Host::new(GITLAB, &origin).certificate(&files).with(line);
        let gatepost = Gatepost::start(configuration.host(host));
        let mut clients = Vec::new();
        for tls in [&TLS12, &TLS13].map(|version| Tls::to(GITLAB).only(version)) {
            for _ in 0..20 {
                let client_config = Arc::new(tls.config());
                assert!(!resumes(&gatepost, &tls, &client_config));
                clients.push((tls.clone(), client_config));
            }
        }
        let renewed = certs::leaf(&[GITLAB]);
        renewed.write(&directory, "live");
        gatepost.send_sighup();
        let certificates = || Tls::to(GITLAB).connect(gatepost.https()).unwrap().certificates();
        eventually(TIMEOUT, || certificates() == renewed.certificates());
        let resumed = clients.iter().filter(|(tls, client_config)| resumes(&gatepost, tls, client_config)).count();
        assert!(resumed * 100 >= clients.len() * 95, "{line}: {resumed} of {}", clients.len());
    }
}

#[test]
fn tickets_are_sent_before_the_first_request() {
    let gatepost = Gatepost::start(Configuration::new().host(Host::new(GITLAB, &greeting())));
    let stream = Tls::to(GITLAB).only(&TLS13).connect(gatepost.https()).unwrap();
    stream.set_receive_timeout(Duration::from_millis(50)).unwrap();
    eventually(TIMEOUT, || {
        // No response arrives; the read processes the tickets.
        let _ = stream.receive(&mut [0; 1]);
        stream.tickets() == 2
    });
}

/// Starts a proxy with a ticket key file, its own address and its own directory.
fn gatepost_with_ticket_keys(keys: &Path, origin: &Origin) -> Gatepost {
    let line = format!("ticket_keys = {keys:?}");
    Gatepost::start(Configuration::new().process(&line).host(Host::new(GITLAB, origin)))
}

/// Writes ticket keys; each byte is repeated 80 times to make one key.
fn write_keys(path: &Path, keys: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, keys.iter().flat_map(|byte| [*byte; 80]).collect::<Vec<u8>>()).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn processes_with_shared_ticket_keys_resume_each_others_sessions() {
    let (origin, directory) = (greeting(), TempDir::new().unwrap());
    let [shared, other] = ["shared", "other"].map(|name| directory.path().join(name));
    write_keys(&shared, &[1]);
    write_keys(&other, &[2]);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::to(GITLAB).only(version);
        let client_config = Arc::new(tls.config());
        let first = gatepost_with_ticket_keys(&shared, &origin);
        assert!(!resumes(&first, &tls, &client_config));
        assert!(resumes(&gatepost_with_ticket_keys(&shared, &origin), &tls, &client_config), "{version:?}");
        drop(first);
        assert!(
            resumes(&gatepost_with_ticket_keys(&shared, &origin), &tls, &client_config),
            "{version:?} after a restart"
        );
        assert!(!resumes(&gatepost_with_ticket_keys(&other, &origin), &tls, &client_config), "{version:?}");
    }
}

#[test]
fn ticket_keys_are_reloaded_from_their_file() {
    let (origin, directory) = (greeting(), TempDir::new().unwrap());
    let keys = directory.path().join("keys");
    write_keys(&keys, &[1]);
    let gatepost = gatepost_with_ticket_keys(&keys, &origin);
    let tls = Tls::to(GITLAB).only(&TLS13);
    let [first_client, second_client] = [(); 2].map(|()| Arc::new(tls.config()));
    assert!(!resumes(&gatepost, &tls, &first_client) && !resumes(&gatepost, &tls, &second_client));
    let wait_for_reloads =
        |count| gatepost.wait_stderr(|log| log.matches("session ticket keys reloaded").count() == count);
    write_keys(&keys, &[2, 1]);
    wait_for_reloads(1);
    assert!(resumes(&gatepost, &tls, &first_client));
    write_keys(&keys, &[3]);
    wait_for_reloads(2);
    eventually(TIMEOUT, || !resumes(&gatepost, &tls, &second_client));
    fs::write(&keys, "too short").unwrap();
    gatepost.wait_stderr(|log| log.contains("keys: the file has 9 bytes") && log.contains("stays in use"));
    assert!(resumes(&gatepost, &tls, &second_client));
}
