//! Verifies the certificates of clients.
//!
//! A certificate that is wrong ends the handshake with an alert that says why. A missing one does not: whether
//! a request may do without is decided when it is known (`model::tls::Demand`), and answered in HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::distinguished_name;
use super::file_problem::FileProblem;
use super::pem;
use super::validity::{date, days};
use crate::model::tls::ClientAuthority;

/// Verifies with rustls' own verifier, but only chains that are short enough.
#[derive(Debug)]
struct Verifier {
    any_length: Arc<dyn ClientCertVerifier>,
    depth: usize,
}

/// The verifier of an authority's clients.
pub fn read(
    authority: &ClientAuthority,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Vec<FileProblem>> {
    let roots = roots(&authority.ca);
    let crls = authority.crl.as_deref().map_or(Ok(Vec::new()), pem::revocation_lists);
    let (roots, crls) = match (roots, crls) {
        (Ok(roots), Ok(crls)) => (roots, crls),
        (roots, crls) => return Err(roots.err().into_iter().chain(crls.err()).collect()),
    };
    // As OpenSSL does it: a list for every authority, and none that is out of date.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(crls)
        .enforce_revocation_expiration()
        .allow_unauthenticated()
        .build();
    let any_length = verifier.map_err(|error| {
        let file = authority.crl.as_ref().unwrap_or(&authority.ca);
        vec![FileProblem::new(file, format!("clients cannot be verified with it: {error}"), "write it again")]
    })?;
    Ok(Arc::new(Verifier { any_length, depth: authority.depth.into() }))
}

/// What keeps clients out at time `now`, or should: lists that are out of date, authorities whose time is over.
pub fn objections(authority: &ClientAuthority, now: SystemTime) -> Vec<FileProblem> {
    let mut found = Vec::new();
    for der in pem::certificates(&authority.ca).unwrap_or_default() {
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else { continue };
        let end = date(certificate.validity().not_after);
        if now > end {
            let name = distinguished_name::text(certificate.subject());
            let what = format!("the authority {name} expired {} ago", days(now, end));
            found.push(FileProblem::new(&authority.ca, what, "remove it; until then its clients are believed"));
        }
    }
    let lists = authority.crl.as_deref().map(pem::revocation_lists);
    for der in lists.and_then(Result::ok).unwrap_or_default() {
        let Ok((_, list)) = CertificateRevocationList::from_der(&der) else { continue };
        let Some(end) = list.next_update().map(date).filter(|end| now > *end) else { continue };
        let name = distinguished_name::text(list.issuer());
        let what = format!("the list of {name} has been out of date for {}", days(now, end));
        let advice = "get the current one; until then no client of that authority is let in";
        found.push(FileProblem::new(authority.crl.as_ref().unwrap_or(&authority.ca), what, advice));
    }
    found
}

fn roots(path: &Path) -> Result<RootCertStore, FileProblem> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(path)? {
        roots.add(certificate).map_err(|error| {
            let what = format!("one of these certificates cannot vouch for clients: {error}");
            FileProblem::new(path, what, "name the certificates of authorities only")
        })?;
    }
    Ok(roots)
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.any_length.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.any_length.root_hint_subjects()
    }

    /// Each certificate follows the one that it certifies (RFC 5246 section 7.4.2). What stands beyond the
    /// depth is not even looked at, so no chain can lead over it.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let within = &intermediates[..intermediates.len().min(self.depth)];
        self.any_length.verify_client_cert(end_entity, within, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any_length.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any_length.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any_length.supported_verify_schemes()
    }
}
