//! What is checked in `tls_target`: the program under test, or whatever listens at an address that is given.

use std::env;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certs;
use super::client::Client;
use super::configuration::GITLAB;
use super::gatepost::Gatepost;
use super::origin::{Origin, ok, responds};
use super::tls::Tls;

/// A server of HTTPS.
pub struct Target {
    pub address: SocketAddr,
    name: String,
    trust: Arc<RootCertStore>,
    /// The longest that a handshake may take there.
    pub handshake_timeout: Duration,
    /// What was started for this target, and ends with it: first the proxy, then its application.
    _local: Option<(Gatepost, Origin)>,
}

impl Target {
    /// The address in `GATEPOST_TARGET`, else a program of our own.
    #[track_caller]
    pub fn new() -> Target {
        match env::var(TARGET) {
            Ok(target) => Target::remote(&target),
            Err(_) => Target::local(),
        }
    }

    fn local() -> Target {
        let origin = Origin::tcp(responds(|_| ok("hello")));
        let gatepost = Gatepost::serving(&origin);
        Target {
            address: gatepost.https(),
            name: GITLAB.to_owned(),
            trust: Arc::new(certs::trust()),
            handshake_timeout: LOCAL_HANDSHAKE_TIMEOUT,
            _local: Some((gatepost, origin)),
        }
    }

    #[track_caller]
    fn remote(target: &str) -> Target {
        let address = target.to_socket_addrs().ok().and_then(|mut found| found.next());
        let host = target.rsplit_once(':').map_or(target, |(host, _)| host).trim_matches(['[', ']']);
        Target {
            address: address.unwrap_or_else(|| panic!("{TARGET}={target}: write host:port")),
            name: env::var(NAME).unwrap_or_else(|_| host.to_owned()),
            trust: Arc::new(env::var(CA).map_or_else(|_| system_roots(), |file| roots_from_file(&file))),
            handshake_timeout: env::var(HANDSHAKE_LIMIT).map_or(REMOTE_HANDSHAKE_TIMEOUT, |text| seconds(&text)),
            _local: None,
        }
    }

    /// The name of its host.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client that names the host in the handshake, and offers HTTP/1.1.
    pub fn tls(&self) -> Tls {
        Tls::to(&self.name).trusting(&self.trust)
    }

    /// The host and the port, as a request names them.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }

    /// Connects over TLS, to ask for the host.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::tls(self.address, &self.tls(), &self.authority())
    }

    /// Connects without TLS.
    #[track_caller]
    pub fn plain_client(&self) -> Client {
        Client::plain(self.address, &self.authority())
    }
}

#[track_caller]
fn roots_from_file(file: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).unwrap_or_else(|error| panic!("{CA}={file}: {error}"));
    for certificate in certificates {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[track_caller]
fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap_or_else(|_| panic!("{HANDSHAKE_LIMIT}={text}: write seconds")))
}

/// Variables of the environment; `tests/README.md` explains them.
const TARGET: &str = "GATEPOST_TARGET";
const NAME: &str = "GATEPOST_TARGET_NAME";
const CA: &str = "GATEPOST_TARGET_CA";
const HANDSHAKE_LIMIT: &str = "GATEPOST_TARGET_HANDSHAKE_LIMIT";

const LOCAL_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What nginx allows where nothing is said (`client_header_timeout`).
const REMOTE_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
