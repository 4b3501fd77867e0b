//! Verifies client certificates.
//!
//! An invalid certificate ends the handshake with an alert. A missing one does not: whether a request requires one
//! depends on its host ([`ClientAuthMode`](crate::model::tls::ClientAuthMode)), and the rejection is an HTTP
//! response.

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
use crate::tls::files::expiry::{Expiry, ExpiryKind, system_time};
use crate::tls::files::file_error::FileError;
use crate::tls::files::{distinguished_name, pem};

/// Client certificate verifier and the expiry dates of its CAs and revocation lists.
#[derive(Clone)]
pub struct ClientCertTrust {
    pub verifier: Arc<dyn ClientCertVerifier>,
    /// Validity periods of CAs and revocation lists.
    pub expiries: Vec<Expiry>,
}

/// Client certificate verifier with a maximum chain depth (nginx `ssl_verify_depth`).
#[derive(Debug)]
struct DepthLimitedVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    /// Intermediate certificates at most.
    depth: usize,
}

/// Loads CAs and revocation lists of a client certificate policy.
///
/// # Errors
///
/// Returns every reason why the files are unusable.
pub fn load(policy: &ClientAuthPolicy, provider: &Arc<CryptoProvider>) -> Result<ClientCertTrust, Vec<FileError>> {
    let roots = pem::certificates(&policy.ca);
    let lists = policy.crl.as_deref().map_or(Ok(Vec::new()), pem::revocation_lists);
    let (roots, lists) = match (roots, lists) {
        (Ok(roots), Ok(lists)) => (roots, lists),
        (roots, lists) => return Err(roots.err().into_iter().chain(lists.err()).collect()),
    };
    let expiries = expiries(policy, &roots, &lists);
    let roots = root_store(&policy.ca, roots).map_err(|error| vec![error])?;
    // As in OpenSSL: with revocation lists every CA requires one, and an expired list rejects its clients.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(lists)
        .enforce_revocation_expiration()
        .allow_unauthenticated()
        .build();
    let inner = verifier.map_err(|error| {
        let file = policy.crl.as_ref().unwrap_or(&policy.ca);
        vec![FileError::new(
            file,
            format!("cannot verify client certificates with it: {error}"),
            "replace it with a valid one",
        )]
    })?;
    let verifier = Arc::new(DepthLimitedVerifier { inner, depth: policy.depth.into() });
    Ok(ClientCertTrust { verifier, expiries })
}

/// Returns the validity periods of CAs and revocation lists. A list without `nextUpdate` has none.
fn expiries(
    policy: &ClientAuthPolicy,
    roots: &[CertificateDer<'_>],
    lists: &[CertificateRevocationListDer<'_>],
) -> Vec<Expiry> {
    let of_root = |der| {
        let (_, root) = X509Certificate::from_der(der).ok()?;
        let validity = root.validity();
        Some(Expiry {
            kind: ExpiryKind::ClientCa,
            file: policy.ca.clone(),
            subject: distinguished_name::text(root.subject()),
            begin: system_time(validity.not_before),
            end: system_time(validity.not_after),
        })
    };
    let of_list = |der| {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        Some(Expiry {
            kind: ExpiryKind::RevocationList,
            file: policy.crl.clone()?,
            subject: distinguished_name::text(list.issuer()),
            begin: system_time(list.last_update()),
            end: system_time(list.next_update()?),
        })
    };
    let roots = roots.iter().filter_map(|der| of_root(der));
    roots.chain(lists.iter().filter_map(|der| of_list(der))).collect()
}

/// Builds the trust anchors.
fn root_store(path: &Path, certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| {
            let what = format!("cannot use a certificate in it as a client CA: {error}");
            FileError::new(path, what, "the file must contain CA certificates only")
        })?;
    }
    Ok(roots)
}

impl ClientCertVerifier for DepthLimitedVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    /// Each certificate follows the one that it certifies (RFC 5246 section 7.4.2). Certificates beyond the depth
    /// are ignored, so no chain can lead through them.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let accepted = &intermediates[..intermediates.len().min(self.depth)];
        self.inner.verify_client_cert(end_entity, accepted, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
