//! Server under test in `tls_target`: a local proxy or a remote address.

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

/// An HTTPS server.
pub struct Target {
    pub address: SocketAddr,
    name: String,
    trust: Arc<RootCertStore>,
    /// The longest time that the server allows for a handshake.
    pub handshake_timeout: Duration,
    /// The local proxy and its upstream, dropped in this order; `None` for a remote server.
    _local: Option<(Gatepost, Origin)>,
}

impl Target {
    /// Returns the server at `GATEPOST_TARGET`, or starts a local proxy if the variable is not set.
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

    /// Returns the host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a TLS client with the host name as SNI and `http/1.1` in ALPN.
    pub fn tls(&self) -> Tls {
        Tls::to(&self.name).trusting(&self.trust)
    }

    /// Returns host and port, as in the `Host` header of a request.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }

    /// Connects over TLS for requests to the host.
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

/// Environment variables, documented in `tests/README.md`.
const TARGET: &str = "GATEPOST_TARGET";
const NAME: &str = "GATEPOST_TARGET_NAME";
const CA: &str = "GATEPOST_TARGET_CA";
const HANDSHAKE_LIMIT: &str = "GATEPOST_TARGET_HANDSHAKE_LIMIT";

const LOCAL_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// nginx default of `client_header_timeout`.
const REMOTE_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
