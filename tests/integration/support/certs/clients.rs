//! Client CAs and client certificates, valid and invalid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{ca_parameters, in_days};

/// A CA for client certificates.
pub struct ClientCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A client certificate with its chain and private key.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    serial: SerialNumber,
}

impl ClientCa {
    pub fn new(name: &str) -> ClientCa {
        ClientCa { issuer: CertifiedIssuer::self_signed(crl_signing_ca(name), key()).unwrap() }
    }

    /// Creates an expired CA.
    pub fn expired(name: &str) -> ClientCa {
        let mut parameters = crl_signing_ca(name);
        parameters.not_before = date_time_ymd(2019, 1, 1);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        ClientCa { issuer: CertifiedIssuer::self_signed(parameters, key()).unwrap() }
    }

    /// Creates a CA that expires in `days` days.
    pub fn expiring_in(days: i64, name: &str) -> ClientCa {
        let mut parameters = crl_signing_ca(name);
        parameters.not_after = in_days(days);
        ClientCa { issuer: CertifiedIssuer::self_signed(parameters, key()).unwrap() }
    }

    /// Writes the certificate of the CA.
    pub fn write(&self, directory: &Path) -> PathBuf {
        write(directory, "clients.pem", &self.issuer.pem())
    }

    /// Issues a valid client certificate with the common name `name`.
    pub fn client(&self, name: &str) -> Identity {
        Identity::issue(parameters(name), &self.issuer, Vec::new())
    }

    /// Issues an expired client certificate.
    pub fn expired_client(&self, name: &str) -> Identity {
        let mut parameters = parameters(name);
        parameters.not_before = date_time_ymd(2019, 1, 1);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        Identity::issue(parameters, &self.issuer, Vec::new())
    }

    /// Issues a server certificate, which is invalid for client authentication.
    pub fn server_certificate(&self, name: &str) -> Identity {
        let mut parameters = parameters(name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Identity::issue(parameters, &self.issuer, Vec::new())
    }

    /// Issues a certificate below this many intermediate CAs; the client sends their certificates too.
    pub fn client_with_intermediates(&self, intermediates: usize, name: &str) -> Identity {
        let mut chain = Vec::new();
        let mut last: Option<CertifiedIssuer<'static, KeyPair>> = None;
        for depth in 0..intermediates {
            let above = last.as_ref().unwrap_or(&self.issuer);
            let next =
                CertifiedIssuer::signed_by(crl_signing_ca(&format!("Intermediate {depth}")), key(), above).unwrap();
            chain.insert(0, next.der().clone());
            last = Some(next);
        }
        Identity::issue(parameters(name), last.as_ref().unwrap_or(&self.issuer), chain)
    }

    /// Writes the revocation list. Its `nextUpdate` is the end of `year`.
    pub fn write_crl(&self, revoked: &[&Identity], year: i32, directory: &Path) -> PathBuf {
        let entry = |identity: &&Identity| RevokedCertParams {
            serial_number: identity.serial.clone(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2019, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        write(directory, "clients.crl", &list.signed_by(&self.issuer).unwrap().pem().unwrap())
    }
}

impl Identity {
    fn issue(
        mut parameters: CertificateParams,
        issuer: &CertifiedIssuer<'static, KeyPair>,
        above: Vec<CertificateDer<'static>>,
    ) -> Identity {
        let key = key();
        let serial = SerialNumber::from(key.public_key_raw()[1..9].to_vec());
        parameters.serial_number = Some(serial.clone());
        let leaf = parameters.signed_by(&key, issuer).unwrap();
        let chain = [vec![leaf.der().clone()], above].concat();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Identity { chain, key: Arc::new(key), serial }
    }

    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::NoCa;
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

/// Parameters of a CA that may also sign revocation lists.
fn crl_signing_ca(name: &str) -> CertificateParams {
    let mut parameters = ca_parameters(name);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
