//! Selects the certificate by signature algorithm.

use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Selects an ECDSA or RSA certificate by the client's signature schemes ([`ResolvesServerCert`]).
#[derive(Debug)]
pub struct CertResolver(Vec<Arc<CertifiedKey>>);

impl CertResolver {
    /// Creates a resolver that prefers ECDSA. An ECDSA signature costs a fraction of an RSA one, so RSA is for
    /// clients that support nothing else.
    pub fn new(mut keys: Vec<Arc<CertifiedKey>>) -> CertResolver {
        keys.sort_by_key(|key| key.key.algorithm() == SignatureAlgorithm::RSA);
        CertResolver(keys)
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls has removed the schemes that no cipher suite of the client can use.
        let schemes = hello.signature_schemes();
        let usable = self.0.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        usable.or(self.0.first()).cloned()
    }
}
