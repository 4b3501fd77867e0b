//! Checks that a chain ends at a trusted root.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{distinguished_name, pem};

/// Returns the issuer of the first certificate in a file whose issuer is neither in the file nor among the roots of
/// the operating system. `None` if there is no such certificate, or if the file cannot be read.
pub fn missing_issuer(file: &Path) -> Option<String> {
    let chain = pem::certificates(file).ok()?;
    let roots = rustls_native_certs::load_native_certs().certs;
    let subjects: Vec<Vec<u8>> = chain.iter().chain(&roots).filter_map(subject).collect();
    let unknown_issuer = |der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let issuer = certificate.issuer();
        let is_present = subjects.iter().any(|subject| subject == issuer.as_raw());
        (!is_present).then(|| distinguished_name::text(issuer))
    };
    chain.iter().find_map(|der| unknown_issuer(der))
}

/// Returns the subject in DER.
fn subject(der: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.subject().as_raw().to_vec())
}
