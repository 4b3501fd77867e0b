//! Test certificates, issued by one CA for each test process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use time::{Duration, OffsetDateTime};

pub mod clients;
mod key_file;

pub use key_file::KeyEncoding;

/// Key type of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Ecdsa,
    /// 2048 bits.
    Rsa,
}

/// A certificate with its key, as an administrator would install it.
pub struct Leaf {
    /// The chain as PEM text, leaf first, without the root.
    chain: String,
    key: KeyPair,
    kind: KeyKind,
}

/// Paths of a written certificate and its key.
#[derive(Debug, Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Issues a valid certificate for `names`.
pub fn leaf(names: &[&str]) -> Leaf {
    Leaf::issue(KeyKind::Ecdsa, parameters(names), &TEST_CA)
}

/// Issues a valid certificate for `names` with a key of the given type.
pub fn leaf_with_key(kind: KeyKind, names: &[&str]) -> Leaf {
    Leaf::issue(kind, parameters(names), &TEST_CA)
}

/// Issues an expired certificate.
pub fn expired(names: &[&str]) -> Leaf {
    let mut parameters = parameters(names);
    parameters.not_before = date_time_ymd(2019, 1, 1);
    parameters.not_after = date_time_ymd(2020, 1, 1);
    Leaf::issue(KeyKind::Ecdsa, parameters, &TEST_CA)
}

/// Issues a certificate that expires in `days` days.
pub fn expiring_in(days: i64, names: &[&str]) -> Leaf {
    let mut parameters = parameters(names);
    parameters.not_after = in_days(days);
    Leaf::issue(KeyKind::Ecdsa, parameters, &TEST_CA)
}

/// Issues a certificate below an intermediate CA; the chain contains the intermediate certificate.
pub fn with_intermediate(names: &[&str]) -> Leaf {
    below(ca_parameters("Test intermediate"), names)
}

/// Like [`with_intermediate`], but the intermediate certificate expires in `days` days, long before the leaf.
pub fn with_intermediate_expiring_in(days: i64, names: &[&str]) -> Leaf {
    let mut intermediate = ca_parameters("Test intermediate");
    intermediate.not_after = in_days(days);
    below(intermediate, names)
}

fn below(intermediate: CertificateParams, names: &[&str]) -> Leaf {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let intermediate = CertifiedIssuer::signed_by(intermediate, key, &TEST_CA).unwrap();
    let mut leaf = Leaf::issue(KeyKind::Ecdsa, parameters(names), &intermediate);
    leaf.chain.push_str(&intermediate.pem());
    leaf
}

/// Issues a self-signed certificate, like `openssl req -x509`.
pub fn self_signed(names: &[&str]) -> Leaf {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut parameters = parameters(names);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let chain = parameters.self_signed(&key).unwrap().pem();
    Leaf { chain, key, kind: KeyKind::Ecdsa }
}

/// Writes the certificate of the test CA.
pub fn write_ca(directory: &Path) -> PathBuf {
    let path = directory.join("ca.pem");
    std::fs::write(&path, TEST_CA.pem()).unwrap();
    path
}

/// Returns the trust anchors of clients: the test CA alone.
pub fn trust() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(TEST_CA.der().clone()).unwrap();
    roots
}

impl Leaf {
    /// Reverses the order of the certificates in the chain.
    pub fn reversed_chain(mut self) -> Leaf {
        let mut blocks: Vec<String> =
            self.chain.split_inclusive("-----END CERTIFICATE-----\n").map(str::to_owned).collect();
        blocks.reverse();
        self.chain = blocks.concat();
        self
    }

    fn issue(kind: KeyKind, parameters: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Leaf {
        let key = KeyPair::generate_for(match kind {
            KeyKind::Ecdsa => &PKCS_ECDSA_P256_SHA256,
            KeyKind::Rsa => &PKCS_RSA_SHA256,
        })
        .unwrap();
        let chain = parameters.signed_by(&key, issuer).unwrap().pem();
        Leaf { chain, key, kind }
    }

    /// Returns the configuration of a server with this certificate and these ALPN protocols.
    pub fn server_config(&self, protocols: &[&str]) -> ServerConfig {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(self.certificates(), self.private_key())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// Returns the configuration of a server that requires a client certificate issued by the test CA.
    pub fn server_config_requiring_client_certificate(&self) -> ServerConfig {
        let verifier = WebPkiClientVerifier::builder(Arc::new(trust())).build().unwrap();
        ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.certificates(), self.private_key())
            .unwrap()
    }

    /// Returns the chain, leaf first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.chain.as_bytes()).map(Result::unwrap).collect()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.serialized_der().to_vec().into())
    }

    /// Writes `<name>.crt` and `<name>.key` with the key in PKCS#8.
    pub fn write(&self, directory: &Path, name: &str) -> Files {
        self.write_key_as(KeyEncoding::Pkcs8, directory, name)
    }

    /// Writes `<name>.crt` and `<name>.key` with the key in the given encoding.
    pub fn write_key_as(&self, encoding: KeyEncoding, directory: &Path, name: &str) -> Files {
        let files = Files {
            certificate: directory.join(format!("{name}.crt")),
            key: directory.join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, &self.chain).unwrap();
        std::fs::write(&files.key, encoding.pem(self.key.serialized_der(), self.kind)).unwrap();
        files
    }
}

fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names.clone()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, names[0].clone());
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

/// Adds an hour, so that a slow test computes the same number of days.
fn in_days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1)
}

fn ca_parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

static TEST_CA: LazyLock<CertifiedIssuer<'static, KeyPair>> = LazyLock::new(|| {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    CertifiedIssuer::self_signed(ca_parameters("Test CA"), key).unwrap()
});
