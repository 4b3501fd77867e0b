//! Which of a host's certificates a client is shown.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of a host, in the order in which they are offered.
#[derive(Debug)]
pub struct CertResolver(Vec<Arc<CertifiedKey>>);

impl CertResolver {
    /// An ECDSA signature costs a fraction of an RSA one, so RSA is for those who know nothing else.
    pub fn new(mut keys: Vec<Arc<CertifiedKey>>) -> CertResolver {
        keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        CertResolver(keys)
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls has left the schemes out that none of the client's suites can use.
        let schemes = hello.signature_schemes();
        let usable = self.0.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        usable.or(self.0.first()).cloned()
    }
}
