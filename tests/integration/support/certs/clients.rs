//! Certificates of clients: an authority that vouches for them, and what can be wrong with one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{ca_parameters, in_days};

/// Vouches for clients.
pub struct ClientCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What a client shows, and the key that proves it.
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

    /// An authority whose own time is over.
    pub fn expired(name: &str) -> ClientCa {
        let mut parameters = crl_signing_ca(name);
        parameters.not_before = date_time_ymd(2019, 1, 1);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        ClientCa { issuer: CertifiedIssuer::self_signed(parameters, key()).unwrap() }
    }

    /// An authority whose time is over in `days` days.
    pub fn expiring_in(days: i64, name: &str) -> ClientCa {
        let mut parameters = crl_signing_ca(name);
        parameters.not_after = in_days(days);
        ClientCa { issuer: CertifiedIssuer::self_signed(parameters, key()).unwrap() }
    }

    /// Writes the authority's certificate.
    pub fn write(&self, directory: &Path) -> PathBuf {
        write(directory, "clients.pem", &self.issuer.pem())
    }

    /// A valid certificate for the client of that name.
    pub fn client(&self, name: &str) -> Identity {
        Identity::issue(parameters(name), &self.issuer, Vec::new())
    }

    /// A certificate whose time is over.
    pub fn expired_client(&self, name: &str) -> Identity {
        let mut parameters = parameters(name);
        parameters.not_before = date_time_ymd(2019, 1, 1);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        Identity::issue(parameters, &self.issuer, Vec::new())
    }

    /// A certificate that is meant for a server.
    pub fn server_certificate(&self, name: &str) -> Identity {
        let mut parameters = parameters(name);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Identity::issue(parameters, &self.issuer, Vec::new())
    }

    /// A certificate below that many intermediate authorities, which the client shows too.
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

    /// Writes the list of revoked certificates, which is up to date until the end of `year`.
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

/// An authority that may also sign lists of revoked certificates.
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
