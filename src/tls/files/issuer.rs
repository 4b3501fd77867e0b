//! Whether a chain of certificates leads to an authority that this machine knows.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{distinguished_name, pem};

/// Who has issued the last certificate of the chain in a file, if that is nobody that the file or the operating
/// system knows. `None` also for a file that cannot be read.
pub fn missing_issuer(file: &Path) -> Option<String> {
    let chain = pem::certificates(file).ok()?;
    let known = rustls_native_certs::load_native_certs().certs;
    let subjects: Vec<Vec<u8>> = chain.iter().chain(&known).filter_map(subject).collect();
    let unknown = |der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let issuer = certificate.issuer();
        let is_known = subjects.iter().any(|subject| subject == issuer.as_raw());
        (!is_known).then(|| distinguished_name::text(issuer))
    };
    chain.iter().find_map(|der| unknown(der))
}

fn subject(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.subject().as_raw().to_vec())
}
