//! Certificates that change while they are served: what goes live, what does not, and that nobody notices.

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

/// A program that serves one host with a certificate of the test's.
struct Served {
    gatepost: Gatepost,
    files: Files,
    first: Leaf,
    _origin: Origin,
}

impl Served {
    fn new() -> Served {
        let origin = greeting();
        let configuration = Configuration::new();
        let first = certs::leaf(&[GITLAB]);
        let files = first.write(configuration.directory(), "live");
        let host = Host::new(GITLAB, &origin).certificate(&files);
        Served { gatepost: Gatepost::start(configuration.host(host)), files, first, _origin: origin }
    }

    fn directory(&self) -> &Path {
        self.files.certificate.parent().unwrap()
    }

    fn shows(&self, leaf: &Leaf) -> bool {
        shows(&self.gatepost, &Tls::to(GITLAB), leaf)
    }

    /// Writes the pair beside the one in use, and renames it over that, the key first.
    fn replace_with(&self, leaf: &Leaf) {
        let new = leaf.write(self.directory(), "new");
        fs::rename(new.key, &self.files.key).unwrap();
        fs::rename(new.certificate, &self.files.certificate).unwrap();
    }

    /// The same, and asks for it to be read at once.
    fn replace_at_once_with(&self, leaf: &Leaf) {
        self.replace_with(leaf);
        self.gatepost.hang_up();
    }

    #[track_caller]
    fn expect(&self, leaf: &Leaf) {
        eventually(TIMEOUT, || self.shows(leaf));
    }

    /// Waits until the log has said `what`, and makes sure that the first certificate is still in use.
    #[track_caller]
    fn expect_refusal(&self, what: &str) {
        self.gatepost.wait_stderr(|log| log.contains(what) && log.contains("What was read before stays in use"));
        assert!(self.shows(&self.first));
    }
}

fn greeting() -> Origin {
    Origin::tcp(responds(|_| ok("hello")))
}

fn shows(gatepost: &Gatepost, tls: &Tls, leaf: &Leaf) -> bool {
    tls.connect(gatepost.https()).unwrap().certificates() == leaf.certificates()
}

/// Makes `link` lead to `target`, as certbot does it: there is always a link.
fn switch(link: &Path, target: &Path) {
    let new = link.with_extension("switched");
    symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

#[test]
fn a_pair_that_is_replaced_by_rename_goes_live() {
    let served = Served::new();
    let renewed = certs::leaf(&[GITLAB]);
    assert!(served.shows(&served.first));
    served.replace_with(&renewed);
    served.expect(&renewed);
    served
        .gatepost
        .wait_stderr(|log| log.contains("live.crt: this certificate is in use from now on; it expires in"));
}

#[test]
fn links_that_lead_to_a_new_pair_put_it_live() {
    let origin = greeting();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let (first, second, third) = (certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB]));
    let archive = |name: &str, leaf: &Leaf| {
        fs::create_dir(directory.join(name)).unwrap();
        leaf.write(&directory.join(name), "pair")
    };
    let archived = archive("archive-1", &first);
    let renewed = archive("archive-2", &second);
    archive("archive-3", &third);
    // The files of certbot are links; Kubernetes and others make a link of the directory.
    let live = directory.join("live");
    fs::create_dir(directory.join("links")).unwrap();
    symlink(directory.join("links"), &live).unwrap();
    let files = Files { certificate: live.join("pair.crt"), key: live.join("pair.key") };
    switch(&files.certificate, &archived.certificate);
    switch(&files.key, &archived.key);
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).certificate(&files)));
    assert!(shows(&gatepost, &Tls::to(GITLAB), &first));
    switch(&files.certificate, &renewed.certificate);
    switch(&files.key, &renewed.key);
    eventually(TIMEOUT, || shows(&gatepost, &Tls::to(GITLAB), &second));
    switch(&live, &directory.join("archive-3"));
    eventually(TIMEOUT, || shows(&gatepost, &Tls::to(GITLAB), &third));
}

#[test]
fn a_pair_that_is_written_in_two_steps_goes_live_when_it_is_whole() {
    let served = Served::new();
    let renewed = certs::leaf(&[GITLAB]);
    let new = renewed.write(served.directory(), "new");
    // Into the files themselves, as `cp` does it.
    fs::copy(new.key, &served.files.key).unwrap();
    served.expect_refusal("this key does not belong to the certificate");
    fs::copy(new.certificate, &served.files.certificate).unwrap();
    served.expect(&renewed);
}

#[test]
fn a_broken_pair_keeps_the_one_before_and_is_told_once_until_it_is_mended() {
    let served = Served::new();
    fs::write(&served.files.certificate, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    served.expect_refusal("live.crt: ");
    let told = |log: &str| log.matches("stays in use").count();
    // Any number of looks later it is still the same problem.
    for times in 1..=3 {
        served.gatepost.hang_up();
        served.gatepost.wait_stderr(|log| log.matches("SIGHUP").count() == times);
    }
    fs::remove_file(&served.files.certificate).unwrap();
    served.gatepost.wait_stderr(|log| told(log) == 2 && log.contains("live.crt: cannot read it"));
    let renewed = certs::leaf(&[GITLAB]);
    served.replace_with(&renewed);
    served.expect(&renewed);
    served.gatepost.wait_stderr(|log| log.contains("in use from now on") && told(log) == 2);
}

#[test]
fn a_pair_that_is_put_back_is_said_to_be_mended() {
    let served = Served::new();
    fs::write(&served.files.key, "no key at all").unwrap();
    served.expect_refusal("there is no private key in this file");
    served.first.write(served.directory(), "live");
    served.gatepost.wait_stderr(|log| log.contains("in use from now on"));
    assert!(served.shows(&served.first));
}

#[test]
fn a_certificate_that_clients_would_refuse_does_not_replace_one_that_they_accept() {
    let served = Served::new();
    served.replace_with(&certs::expired(&[GITLAB]));
    served.expect_refusal("the certificate expired");
    served.replace_with(&certs::leaf(&[MATTERMOST]));
    served.expect_refusal("the certificate is not for gitlab.test");
}

#[test]
fn a_certificate_that_ends_soon_is_used_with_a_warning() {
    let served = Served::new();
    let short = certs::expiring_in(10, &[GITLAB]);
    served.replace_with(&short);
    served.expect(&short);
    served.gatepost.wait_stderr(|log| log.contains("the certificate expires in 10 days"));
}

#[test]
fn a_hangup_renews_certificates_and_says_what_it_does_not_renew() {
    let served = Served::new();
    let renewed = certs::leaf(&[GITLAB]);
    served.replace_at_once_with(&renewed);
    served.gatepost.wait_stderr(|log| log.contains("SIGHUP: certificates are read anew; the configuration itself"));
    served.expect(&renewed);
}

#[test]
fn connections_and_tunnels_go_on_over_a_renewal() {
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
    gatepost.hang_up();
    for host in [GITLAB, MATTERMOST] {
        eventually(TIMEOUT, || shows(&gatepost, &Tls::to(host), &renewed));
    }
    assert_eq!((http1.get("/").text(), http2.get("/").body.to_vec()), ("hello".to_owned(), b"hello".to_vec()));
    tunnel.send("still here");
    assert_eq!(tunnel.exactly(10), b"still here");
}

/// What clients that come and go saw, while certificates were replaced.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    served: AtomicUsize,
    lost: AtomicUsize,
}

impl Load {
    /// Connects anew for each request.
    fn come_and_go(&self, gatepost: &Gatepost) {
        while !self.is_over.load(Ordering::Relaxed) {
            let answer = Tls::to(GITLAB).connect(gatepost.https()).and_then(|stream| {
                let mut client = Client::new(Arc::new(stream), GITLAB);
                client.request("GET / HTTP/1.1", &[]);
                client.try_answer()
            });
            self.note(answer.is_ok_and(|answer| answer.text() == "hello"));
        }
    }

    /// Stays connected.
    fn stay(&self, mut client: Client) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.note(client.get("/").text() == "hello");
        }
    }

    fn note(&self, was_served: bool) {
        let count = if was_served { &self.served } else { &self.lost };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ends a load when the test ends, however it does.
struct EndOf<'a>(&'a Load);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn replace_under_load(times: usize) {
    let served = Served::new();
    let (load, pairs) = (Load::default(), [certs::leaf(&[GITLAB]), certs::leaf(&[GITLAB])]);
    thread::scope(|scope| {
        let _end = EndOf(&load);
        scope.spawn(|| load.come_and_go(&served.gatepost));
        scope.spawn(|| load.come_and_go(&served.gatepost));
        scope.spawn(|| load.stay(served.gatepost.client()));
        for leaf in pairs.iter().cycle().take(times) {
            served.replace_at_once_with(leaf);
            served.expect(leaf);
        }
    });
    let Load { served, lost, .. } = load;
    assert_eq!(lost.into_inner(), 0);
    assert!(served.into_inner() >= times, "the load was none");
}

#[test]
fn twenty_replacements_under_load_lose_nothing() {
    replace_under_load(20);
}

#[test]
#[ignore = "takes ten seconds of all the machine has"]
fn a_thousand_replacements_under_load_lose_nothing() {
    replace_under_load(1000);
}

#[test]
fn who_vouches_for_clients_is_renewed_as_well() {
    let origin = greeting();
    let configuration = Configuration::new();
    let directory = configuration.directory().to_owned();
    let (first, second) = (ClientCa::new("Clients"), ClientCa::new("Clients"));
    let ca = first.write(&directory);
    let crl = first.write_crl(&[], 2090, &directory);
    let line = format!(r#"client_certificates = {{ verify = "required", ca = {ca:?}, crl = {crl:?} }}"#);
    let gatepost = Gatepost::start(configuration.host(Host::new(GITLAB, &origin).with(&line)));
    let (jane, joe) = (first.client("jane"), second.client("joe"));
    let is_served = |identity| {
        let stream = Tls::to(GITLAB).showing(identity).only(&TLS12).connect(gatepost.https());
        stream.is_ok_and(|stream| Client::new(Arc::new(stream), GITLAB).get("/").status() == 200)
    };
    assert!(is_served(&jane) && !is_served(&joe));
    let mut connected = Client::tls(gatepost.https(), &Tls::to(GITLAB).showing(&jane), GITLAB);
    first.write_crl(&[&jane], 2090, &directory);
    eventually(TIMEOUT, || !is_served(&jane));
    second.write(&directory);
    second.write_crl(&[], 2090, &directory);
    eventually(TIMEOUT, || is_served(&joe));
    assert_eq!(connected.get("/").status(), 200);
    gatepost.wait_stderr(|log| log.contains("clients.pem: clients are verified with what it says now"));
}
