//! Creates keys, certificate requests and TLS-ALPN-01 certificates.

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair, RsaKeySize};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::error::AcmeError;
use crate::model::acme::CertificateKeyType;
use crate::model::host::HostName;
use crate::tls::server::challenges::ALPN;

/// A PKCS#10 request and its private key.
pub(super) struct CertificateRequest {
    pub(super) der: Vec<u8>,
    /// PKCS#8 in PEM. Never logged.
    pub(super) key: String,
}

/// Creates a key, and a certificate request for all `names`.
pub(super) fn new_request(kind: CertificateKeyType, names: &[HostName]) -> Result<CertificateRequest, AcmeError> {
    let to_error = |error: rcgen::Error| AcmeError::Key(error.to_string());
    let key = key(kind).map_err(to_error)?;
    let request = parameters(names).and_then(|it| it.serialize_request(&key)).map_err(to_error)?;
    Ok(CertificateRequest { der: request.der().to_vec(), key: key.serialize_pem() })
}

/// Creates the TLS settings of a TLS-ALPN-01 validation handshake: a self-signed certificate for `name` that
/// contains the digest of the key authorization (RFC 8737 section 3).
pub(super) fn alpn_certificate(
    name: &HostName,
    digest: &[u8; 32],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, AcmeError> {
    let to_error = |error: &dyn ToString| AcmeError::Key(error.to_string());
    let key = KeyPair::generate().map_err(|error| to_error(&error))?;
    let mut parameters = parameters(std::slice::from_ref(name)).map_err(|error| to_error(&error))?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = parameters.self_signed(&key).map_err(|error| to_error(&error))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider.key_provider.load_private_key(key).map_err(|error| to_error(&error))?;
    // Built without the check of rustls, which rejects the unknown critical extension.
    let certified_key = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| to_error(&error))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified_key)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A validation connection is never resumed.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The names are only in the subject alternative name extension; CAs set the subject themselves.
fn parameters(names: &[HostName]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = DistinguishedName::new();
    Ok(parameters)
}

fn key(kind: CertificateKeyType) -> Result<KeyPair, rcgen::Error> {
    match kind {
        CertificateKeyType::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        CertificateKeyType::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        CertificateKeyType::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        CertificateKeyType::Rsa3072 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_3072),
        CertificateKeyType::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::certification_request::X509CertificationRequest;
    use x509_parser::extensions::ParsedExtension;
    use x509_parser::prelude::FromDer;
    use x509_parser::public_key::PublicKey;

    #[test]
    fn a_request_has_all_names_and_the_configured_key_type() {
        let names = ["gitlab.example.com", "chat.example.com"].map(|name| HostName::parse(name).unwrap());
        for (kind, bits) in [
            (CertificateKeyType::EcdsaP256, 256),
            (CertificateKeyType::EcdsaP384, 384),
            (CertificateKeyType::Rsa2048, 2048),
        ] {
            let made = new_request(kind, &names).unwrap();
            let (_, request) = X509CertificationRequest::from_der(&made.der).unwrap();
            let info = &request.certification_request_info;
            let size = match info.subject_pki.parsed().unwrap() {
                PublicKey::EC(point) => point.key_size(),
                PublicKey::RSA(key) => key.key_size(),
                other => panic!("{other:?}"),
            };
            assert_eq!(size, bits, "{kind:?}");
            assert_eq!(info.subject.iter().count(), 0);
            let found = request.requested_extensions().unwrap().find_map(|extension| match extension {
                ParsedExtension::SubjectAlternativeName(names) => Some(names.general_names.len()),
                _ => None,
            });
            assert_eq!(found, Some(2));
            assert!(made.key.contains("PRIVATE KEY"));
        }
    }
}
