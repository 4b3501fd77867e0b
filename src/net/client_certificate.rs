//! The certificate that a client has shown, verified by the handshake.

use rustls::pki_types::CertificateDer;

/// What is known of a client that has proven who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    der: CertificateDer<'static>,
}

impl ClientCertificate {
    /// Takes the certificate of the client itself, without those of its authorities.
    pub(super) fn new(chain: &[CertificateDer<'static>]) -> Option<ClientCertificate> {
        chain.first().map(|der| ClientCertificate { der: der.clone() })
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }
}
