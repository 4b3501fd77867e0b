//! Verifies the certificates of clients.
//!
//! A certificate that is wrong ends the handshake with an alert that says why. A missing one does not: whether
//! a request may do without is decided when it is known (`model::tls::Demand`), and answered in HTTP.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::model::tls::ClientAuthPolicy;
use crate::tls::files::expiry::{Expiry, ExpiryKind};
use crate::tls::files::file_error::FileError;
use crate::tls::files::validity::date;
use crate::tls::files::{distinguished_name, pem};

/// Who vouches for clients, as read from files.
#[derive(Clone)]
pub struct ClientCertTrust {
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// Of authorities and lists.
    pub expiries: Vec<Expiry>,
}

/// Verifies with rustls' own verifier, but only chains that are short enough.
#[derive(Debug)]
struct DepthLimitedVerifier {
    any_length: Arc<dyn ClientCertVerifier>,
    depth: usize,
}

/// Reads what is needed to verify an authority's clients.
pub fn read(
    authority: &ClientAuthPolicy,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientCertTrust, Vec<FileError>> {
    let roots = pem::certificates(&authority.ca);
    let crls = authority.crl.as_deref().map_or(Ok(Vec::new()), pem::revocation_lists);
    let (roots, crls) = match (roots, crls) {
        (Ok(roots), Ok(crls)) => (roots, crls),
        (roots, crls) => return Err(roots.err().into_iter().chain(crls.err()).collect()),
    };
    let expiries = expiries(authority, &roots, &crls);
    let roots = root_store(&authority.ca, roots).map_err(|problem| vec![problem])?;
    // As OpenSSL does it: a list for every authority, and none that is out of date.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(crls)
        .enforce_revocation_expiration()
        .allow_unauthenticated()
        .build();
    let any_length = verifier.map_err(|error| {
        let file = authority.crl.as_ref().unwrap_or(&authority.ca);
        vec![FileError::new(file, format!("clients cannot be verified with it: {error}"), "write it again")]
    })?;
    let verifier = Arc::new(DepthLimitedVerifier { any_length, depth: authority.depth.into() });
    Ok(ClientCertTrust { verifier, expiries })
}

/// When authorities and lists end. A list need not say.
fn expiries(
    authority: &ClientAuthPolicy,
    roots: &[CertificateDer<'_>],
    crls: &[CertificateRevocationListDer<'_>],
) -> Vec<Expiry> {
    let of_root = |der| {
        let (_, root) = X509Certificate::from_der(der).ok()?;
        let validity = root.validity();
        Some(Expiry {
            kind: ExpiryKind::Authority,
            file: authority.ca.clone(),
            subject: distinguished_name::text(root.subject()),
            begin: date(validity.not_before),
            end: date(validity.not_after),
        })
    };
    let of_list = |der| {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        Some(Expiry {
            kind: ExpiryKind::RevocationList,
            file: authority.crl.clone()?,
            subject: distinguished_name::text(list.issuer()),
            begin: date(list.last_update()),
            end: date(list.next_update()?),
        })
    };
    let roots = roots.iter().filter_map(|der| of_root(der));
    roots.chain(crls.iter().filter_map(|der| of_list(der))).collect()
}

fn root_store(path: &Path, certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            let what = format!("one of these certificates cannot vouch for clients: {error}");
            FileError::new(path, what, "name the certificates of authorities only")
        })?;
    }
    Ok(roots)
}

impl ClientCertVerifier for DepthLimitedVerifier {
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
