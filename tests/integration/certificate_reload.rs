//! Certificate reload: accepted files, rejected files, open connections.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustls::version::TLS12;

use crate::support::TIMEOUT;
use crate::support::certs::clients::ClientCa;
use crate::support::certs::{self, Files, Leaf};
use crate::support::client::Client;
use crate::support::configuration::{Configuration, GITLAB, Host, MATTERMOST};
use crate::support::eventually::eventually;
use crate::support::gatepost::Gatepost;
use crate::support::origin::{Origin, ok, responds, upgrades_and_echoes};
use crate::support::tls::Tls;

/// A proxy with one host and the files of its certificate.
struct ReloadProxy {
    gatepost: Gatepost,
    files: Files,
    first: Leaf,
    _origin: Origin,
}

impl ReloadProxy {
    fn new() -> ReloadProxy {
        let origin = greeting();
        let configuration = Configuration::new();
        let first = certs::leaf(&[GITLAB]);
        let files = first.write(configuration.directory(), "live");
        let host = Host::new(GITLAB, &origin).certificate(&files);
        ReloadProxy { gatepost: Gatepost::start(configuration.host(host)), files, first, _origin: origin }
    }

    fn directory(&self) -> &Path {
        self.files.certificate.parent().unwrap()
    }

    fn uses_certificate(&self, leaf: &Leaf) -> bool {
        uses_certificate(&self.gatepost, &Tls::to(GITLAB), leaf)
    }

    /// Writes a new pair beside the current one, then renames it over the current one, the key first.
    fn replace_with(&self, leaf: &Leaf) {
        let new = leaf.write(self.directory(), "new");
        fs::rename(new.key, &self.files.key).unwrap();
        fs::rename(new.certificate, &self.files.certificate).unwrap();
    }

    /// Replaces the pair and sends SIGHUP.
    fn replace_and_reload(&self, leaf: &Leaf) {
        self.replace_with(leaf);
        self.gatepost.send_sighup();
    }

    #[track_caller]
    fn expect(&self, leaf: &Leaf) {
        eventually(TIMEOUT, || self.uses_certificate(leaf));
    }

    /// Waits until the log contains `what`; fails unless the first certificate is still in use.
    #[track_caller]
    fn expect_rejection(&self, what: &str) {
        self.gatepost.wait_stderr(|log| log.contains(what) && log.contains("The previous version stays in use"));
        assert!(self.uses_certificate(&self.first));
    }
}

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn uses_certificate(gatepost: &Gatepost, tls: &Tls, leaf: &Leaf) -> bool {
    tls.connect(gatepost.https()).unwrap().certificates() == leaf.certificates()
}

/// Points `link` to `target` atomically, as certbot does: the link exists at any time.
fn switch_symlink(link: &Path, target: &Path) {
    let new = link.with_extension("switched");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn a_pair_replaced_by_rename_is_reloaded() {
    let proxy = ReloadProxy::new();
    let renewed = certs::leaf(&[GITLAB]);
    assert!(proxy.uses_certificate(&proxy.first));
    proxy.replace_with(&renewed);
    proxy.expect(&renewed);
    proxy.gatepost.wait_stderr(|log| log.contains("live.crt: certificate reloaded; it expires in"));
}

#[test]
fn symlinks_switched_to_a_new_pair_are_reloaded() {
    let origin = greeting();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let (first, second, third) = (certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB]));
    let archive = |name: &str, leaf: &Leaf| {
        fs::create_dir(directory.join(name)).unwrap();
        leaf.write(&directory.join(name), "pair")
    };
    let first_files = archive("archive-1", &first);
    let renewed = archive("archive-2", &second);
    archive("archive-3", &third);
    // certbot links the files; Kubernetes and others link the directory.
    let live = directory.join("live");
    fs::create_dir(directory.join("links")).unwrap();
    symlink(directory.join("links"), &live).unwrap();
    let files = Files { certificate: live.join("pair.crt"), key: live.join("pair.key") };
    switch_symlink(&files.certificate, &first_files.certificate);
    switch_symlink(&files.key, &first_files.key);
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
    assert!(uses_certificate(&gatepost, &Tls::to(GITLAB), &first));
    switch_symlink(&files.certificate, &renewed.certificate);
    switch_symlink(&files.key, &renewed.key);
    eventually(TIMEOUT, || uses_certificate(&gatepost, &Tls::to(GITLAB), &second));
    switch_symlink(&live, &directory.join("archive-3"));
    eventually(TIMEOUT, || uses_certificate(&gatepost, &Tls::to(GITLAB), &third));
}

#[test]
fn a_pair_written_in_two_steps_is_reloaded_once_complete() {
    let proxy = ReloadProxy::new();
    let renewed = certs::leaf(&[GITLAB]);
    let new = renewed.write(proxy.directory(), "new");
    // Overwrites the files in place, as `cp` does.
    fs::copy(new.key, &proxy.files.key).unwrap();
    proxy.expect_rejection("this key does not belong to the certificate");
    fs::copy(new.certificate, &proxy.files.certificate).unwrap();
    proxy.expect(&renewed);
}

#[test]
fn an_invalid_pair_keeps_the_previous_one_and_is_logged_once() {
    let proxy = ReloadProxy::new();
    fs::write(&proxy.files.certificate, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    proxy.expect_rejection("live.crt: ");
    let rejections = |log: &str| log.matches("stays in use").count();
    // Further polls find the same problem and log nothing.
    for count in 1..=3 {
        proxy.gatepost.send_sighup();
        proxy.gatepost.wait_stderr(|log| log.matches("SIGHUP").count() == count);
    }
    fs::remove_file(&proxy.files.certificate).unwrap();
    proxy.gatepost.wait_stderr(|log| rejections(log) == 2 && log.contains("live.crt: cannot read the file"));
    let renewed = certs::leaf(&[GITLAB]);
    proxy.replace_with(&renewed);
    proxy.expect(&renewed);
    proxy.gatepost.wait_stderr(|log| log.contains("certificate reloaded") && rejections(log) == 2);
}

#[test]
fn a_restored_pair_is_logged_as_reloaded() {
    let proxy = ReloadProxy::new();
    fs::write(&proxy.files.key, "no key at all").unwrap();
    proxy.expect_rejection("the file contains no private key");
    proxy.first.write(proxy.directory(), "live");
    proxy.gatepost.wait_stderr(|log| log.contains("certificate reloaded"));
    assert!(proxy.uses_certificate(&proxy.first));
}

#[test]
fn an_expired_or_misnamed_certificate_does_not_replace_a_valid_one() {
    let proxy = ReloadProxy::new();
    proxy.replace_with(&certs::expired(&[GITLAB]));
    proxy.expect_rejection("the certificate expired");
    proxy.replace_with(&certs::leaf(&[MATTERMOST]));
    proxy.expect_rejection("the certificate does not cover gitlab.test");
}

#[test]
fn a_certificate_that_expires_soon_is_loaded_with_a_warning() {
    let proxy = ReloadProxy::new();
    let short = certs::expiring_in(10, &[GITLAB]);
    proxy.replace_with(&short);
    proxy.expect(&short);
    proxy.gatepost.wait_stderr(|log| log.contains("the certificate expires in 10 days"));
}

#[test]
fn sighup_reloads_certificates_and_logs_that_configuration_needs_a_restart() {
    let proxy = ReloadProxy::new();
    let renewed = certs::leaf(&[GITLAB]);
    proxy.replace_and_reload(&renewed);
    proxy.gatepost.wait_stderr(|log| log.contains("SIGHUP: reloading certificates; configuration changes"));
    proxy.expect(&renewed);
}

#[test]
fn connections_and_tunnels_survive_a_reload() {
    let (greeting, echo) = (greeting(), Origin::tcp(upgrades_and_echoes()));
    let configuration = Configuration::new();
    let first = certs::leaf(&[GITLAB, MATTERMOST]);
    let files = first.write(configuration.directory(), "live");
    let gatepost = Gatepost::start(
        configuration
            .host(Host::new(GITLAB, &greeting).certificate(&files))
            .host(Host::new(MATTERMOST, &echo).certificate(&files)),
    );
    let (mut http1, mut http2) = (gatepost.client(), gatepost.http2());
    let mut tunnel = gatepost.client_of(MATTERMOST);
    assert_eq!((http1.get("/").text(), http2.get("/").body.to_vec()), ("hello".to_owned(), b"hello".to_vec()));
    assert_eq!(tunnel.upgrade("/", "websocket").status(), 101);
    let renewed = certs::leaf(&[GITLAB, MATTERMOST]);
    renewed.write(files.certificate.parent().unwrap(), "live");
    gatepost.send_sighup();
    for host in [GITLAB, MATTERMOST] {
        eventually(TIMEOUT, || uses_certificate(&gatepost, &Tls::to(host), &renewed));
    }
    assert_eq!((http1.get("/").text(), http2.get("/").body.to_vec()), ("hello".to_owned(), b"hello".to_vec()));
    tunnel.send("still here");
    assert_eq!(tunnel.exactly(10), b"still here");
}

/// Counts of requests sent while certificates are replaced.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    succeeded: AtomicUsize,
    failed: AtomicUsize,
}

impl Load {
    /// Opens a new connection for each request.
    fn reconnect_loop(&self, gatepost: &Gatepost) {
        while !self.stop.load(Ordering::Relaxed) {
            let response = Tls::to(GITLAB).connect(gatepost.https()).and_then(|stream| {
                let mut client = Client::new(Arc::new(stream), GITLAB);
                client.request("GET / HTTP/1.1", &[]);
                client.try_response()
            });
            self.record(response.is_ok_and(|response| response.text() == "hello"));
        }
    }

    /// Sends all requests on one connection.
    fn keep_alive_loop(&self, mut client: Client) {
        while !self.stop.load(Ordering::Relaxed) {
            self.record(client.get("/").text() == "hello");
        }
    }

    fn record(&self, is_success: bool) {
        let count = if is_success { &self.succeeded } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stops the load when dropped, also if the test fails.
struct StopLoad<'a>(&'a Load);

impl Drop for StopLoad<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

fn reload_under_load(count: usize) {
    let proxy = ReloadProxy::new();
    let (load, pairs) = (Load::default(), [certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB])]);
    thread::scope(|scope| {
        let _stop = StopLoad(&load);
        scope.spawn(|| load.reconnect_loop(&proxy.gatepost));
        scope.spawn(|| load.reconnect_loop(&proxy.gatepost));
        scope.spawn(|| load.keep_alive_loop(proxy.gatepost.client()));
        for leaf in pairs.iter().cycle().take(count) {
            proxy.replace_and_reload(leaf);
            proxy.expect(leaf);
        }
    });
    let Load { succeeded, failed, .. } = load;
    assert_eq!(failed.into_inner(), 0);
    assert!(succeeded.into_inner() >= count, "too few requests were sent");
}

#[test]
fn twenty_reloads_under_load_lose_no_request() {
    reload_under_load(20);
}

#[test]
#[ignore = "uses all CPUs for 10 s"]
fn a_thousand_reloads_under_load_lose_no_request() {
    reload_under_load(1000);
}

#[test]
fn client_ca_and_revocation_list_are_reloaded() {
    let origin = greeting();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let (first, second) = (ClientCa::new("Clients"), ClientCa::new("Clients"));
    let ca = first.write(&directory);
    let crl = first.write_crl(&[], 2090, &directory);
    let line = format!(r#"client_certificates = {{ verify = "required", ca = {ca:?}, crl = {crl:?} }}"#);
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line)));
    let (jane, joe) = (first.client("jane"), second.client("joe"));
    let is_accepted = |identity| {
        let stream = Tls::to(GITLAB).with_client_certificate(identity).only(&TLS12).connect(gatepost.https());
        stream.is_ok_and(|stream| Client::new(Arc::new(stream), GITLAB).get("/").status() == 200)
    };
    assert!(is_accepted(&jane) && !is_accepted(&joe));
    let mut connected = Client::tls(gatepost.https(), &Tls::to(GITLAB).with_client_certificate(&jane), GITLAB);
    first.write_crl(&[&jane], 2090, &directory);
    eventually(TIMEOUT, || !is_accepted(&jane));
    second.write(&directory);
    second.write_crl(&[], 2090, &directory);
    eventually(TIMEOUT, || is_accepted(&joe));
    assert_eq!(connected.get("/").status(), 200);
    gatepost.wait_stderr(|log| log.contains("clients.pem: client CA files reloaded"));
}
