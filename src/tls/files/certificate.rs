//! A certificate chain with its private key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::expiry::{Expiry, ExpiryKind, ExpiryState, days, system_time};
use super::file_error::FileError;
use super::{distinguished_name, pem};
use crate::model::CertificateFiles;
use crate::model::host::{HostName, HostPattern};
use crate::sys::files;

/// A validated certificate chain with a matching private key that can sign.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    chain_file: PathBuf,
    leaf: LeafInfo,
    /// Expiry of the intermediate certificates.
    intermediates: Vec<Expiry>,
    origin: CertificateOrigin,
}

/// A chain in TLS order: leaf first, each followed by its issuer.
struct OrderedChain {
    ders: Vec<CertificateDer<'static>>,
    leaf: LeafInfo,
    intermediates: Vec<Expiry>,
}

/// Loaded from files, or generated as a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateOrigin {
    Files,
    /// Self-signed; any loaded certificate replaces it.
    Placeholder,
}

/// Validity and names of the leaf certificate.
#[derive(Debug, Clone)]
struct LeafInfo {
    not_before: SystemTime,
    not_after: SystemTime,
    /// Subject alternative names, in lower case; IPv6 addresses in brackets.
    names: Vec<String>,
}

impl ServerCertificate {
    /// Loads a certificate chain and its key.
    ///
    /// # Errors
    ///
    /// Returns every reason why no handshake could succeed with the files: they cannot be read or parsed, the key
    /// cannot be used, or it does not belong to the certificate.
    pub fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<ServerCertificate, Vec<FileError>> {
        let (chain, key) =
            match (pem::certificates(&files.chain), pem::private_key(&files.key, files.passwords.as_deref())) {
                (Ok(chain), Ok(key)) => (chain, key),
                (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
            };
        let key = provider.key_provider.load_private_key(key).map_err(|error| vec![unusable_key(files, &error)])?;
        let chain = order_chain(chain, &*key, files).map_err(|problem| vec![problem])?;
        Ok(ServerCertificate::new(chain, key, files, CertificateOrigin::Files))
    }

    /// Generates a self-signed certificate for hosts whose ACME certificate is pending: their listener needs one to
    /// start, and the ACME server may validate the names there (TLS-ALPN-01). No client trusts it.
    ///
    /// # Errors
    ///
    /// Returns an error if the key or the certificate cannot be generated.
    pub fn placeholder(
        files: &CertificateFiles,
        names: &[HostName],
        provider: &CryptoProvider,
    ) -> Result<ServerCertificate, Vec<FileError>> {
        let problem = |error: &dyn ToString| {
            let what = format!("cannot generate a self-signed placeholder: {}", error.to_string());
            vec![FileError::new(&files.chain, what, "install a certificate there")]
        };
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let generated = rcgen::generate_simple_self_signed(names).map_err(|error| problem(&error))?;
        let key = PrivatePkcs8KeyDer::from(generated.signing_key.serialize_der()).into();
        let key = provider.key_provider.load_private_key(key).map_err(|error| problem(&error))?;
        let mut chain =
            order_chain(vec![generated.cert.der().clone()], &*key, files).map_err(|problem| vec![problem])?;
        // No client trusts it at any time, so the expiry metric reports it as expired from the start.
        chain.leaf.not_after = SystemTime::UNIX_EPOCH;
        Ok(ServerCertificate::new(chain, key, files, CertificateOrigin::Placeholder))
    }

    fn new(
        chain: OrderedChain,
        key: Arc<dyn SigningKey>,
        files: &CertificateFiles,
        origin: CertificateOrigin,
    ) -> ServerCertificate {
        let OrderedChain { ders, leaf, intermediates } = chain;
        let key = Arc::new(CertifiedKey::new(ders, key));
        ServerCertificate { key, chain_file: files.chain.clone(), leaf, intermediates, origin }
    }

    /// Returns whether it was loaded or generated.
    pub fn origin(&self) -> CertificateOrigin {
        self.origin
    }

    /// Returns whether a file exists but cannot be read by this user. It may hold a valid certificate.
    pub fn is_unreadable(certificate: &CertificateFiles) -> bool {
        let is_denied = |file: &Path| {
            files::read(file, files::MAX_CREDENTIAL)
                .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        is_denied(&certificate.chain) || is_denied(&certificate.key)
    }

    /// Returns the chain and key for rustls.
    pub fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// Returns everything that makes clients of `hosts` reject the certificate at time `now`: its dates, and names
    /// that it does not cover.
    pub fn errors(&self, hosts: &[HostPattern], now: SystemTime) -> Vec<FileError> {
        let expiry = self.expiry();
        let expired = (expiry.state(now) == Some(ExpiryState::Expired)).then(|| expiry.to_error(now));
        expired.into_iter().chain(self.errors_besides_expiry(hosts, now)).collect()
    }

    /// Returns the errors other than expiry, for which [`Expiry`] has warnings of its own.
    pub fn errors_besides_expiry(&self, hosts: &[HostPattern], now: SystemTime) -> Vec<FileError> {
        let mut found = Vec::new();
        let LeafInfo { not_before, names, .. } = &self.leaf;
        if now < *not_before {
            let what = format!("the certificate becomes valid in {}", days(*not_before, now));
            found.push(self.file_error(what, "check the clock of this machine, or wait"));
        }
        for host in hosts.iter().filter(|host| !self.covers(host)) {
            let what = format!("the certificate does not cover {host}; it covers {}", listed(names));
            found.push(self.file_error(what, "get a certificate whose subject alternative names include the host"));
        }
        found
    }

    /// Returns whether it has the same chain, and therefore the same key.
    pub fn is_same_as(&self, other: &ServerCertificate) -> bool {
        self.key.cert == other.key.cert
    }

    /// Returns the time until expiry in whole days, formatted.
    pub fn time_left(&self, now: SystemTime) -> String {
        days(self.leaf.not_after, now)
    }

    /// Returns when the certificate is due for renewal: when a third of its lifetime is left, at most 30 days
    /// before its expiry. `jitter`, from 0 to 1, delays that by up to a thirtieth of the time left.
    pub fn renewal_date(&self, jitter: f64) -> SystemTime {
        let LeafInfo { not_before, not_after, .. } = &self.leaf;
        let window = MAX_RENEWAL_WINDOW.min(not_after.duration_since(*not_before).unwrap_or_default() / 3);
        *not_after - window + window.mul_f64(jitter.clamp(0.0, 1.0) / 30.0)
    }

    /// Returns the validity period of the leaf.
    pub fn expiry(&self) -> Expiry {
        Expiry {
            kind: ExpiryKind::Certificate,
            file: self.chain_file.clone(),
            subject: String::new(),
            begin: self.leaf.not_before,
            end: self.leaf.not_after,
        }
    }

    /// Returns the validity periods of the leaf and of all intermediate certificates.
    pub fn expiries(&self) -> Vec<Expiry> {
        [self.expiry()].into_iter().chain(self.intermediates.iter().cloned()).collect()
    }

    /// Returns whether a subject alternative name matches a host. A wildcard host requires the same wildcard name.
    fn covers(&self, host: &HostPattern) -> bool {
        self.leaf.names.iter().any(|name| match host {
            HostPattern::Exact(host) => name_matches(name, host),
            HostPattern::Wildcard(parent) => name.strip_prefix("*.") == Some(parent.as_str()),
        })
    }

    fn file_error(&self, what: String, advice: &str) -> FileError {
        FileError::new(&self.chain_file, what, advice)
    }
}

/// Orders a chain leaf first, each certificate followed by that of its issuer (RFC 8446 section 4.4.2). The leaf is
/// the certificate of the key. Files assembled by hand often have another order.
fn order_chain(
    chain: Vec<CertificateDer<'static>>,
    key: &dyn SigningKey,
    files: &CertificateFiles,
) -> Result<OrderedChain, FileError> {
    let mut remaining = chain.iter().map(|der| parse(der, files)).collect::<Result<Vec<_>, _>>()?;
    let public_key = key.public_key();
    let has_key = |it: &X509Certificate<'_>| {
        public_key.as_ref().is_none_or(|public_key| it.public_key().raw == public_key.as_ref())
    };
    let first = remaining.iter().position(has_key).ok_or_else(|| key_mismatch(files))?;
    let mut ordered = vec![remaining.remove(first)];
    let leaf = inspect(&ordered[0]);
    while let Some(next) =
        remaining.iter().position(|it| ordered.last().is_some_and(|last| last.issuer() == it.subject()))
    {
        ordered.push(remaining.remove(next));
    }
    let intermediates = ordered[1..].iter().filter_map(|it| intermediate(it, files)).collect();
    // Certificates outside the chain are sent last, in the order of the file; nginx sends them too.
    ordered.append(&mut remaining);
    let ders = ordered.iter().map(|it| CertificateDer::from(it.as_raw().to_vec())).collect();
    Ok(OrderedChain { ders, leaf, intermediates })
}

/// Returns the validity period of an intermediate certificate. `None` for a root: clients use their own copy.
fn intermediate(certificate: &X509Certificate<'_>, files: &CertificateFiles) -> Option<Expiry> {
    let validity = certificate.validity();
    (certificate.issuer() != certificate.subject()).then(|| Expiry {
        kind: ExpiryKind::Intermediate,
        file: files.chain.clone(),
        subject: distinguished_name::text(certificate.subject()),
        begin: system_time(validity.not_before),
        end: system_time(validity.not_after),
    })
}

fn parse<'a>(der: &'a CertificateDer<'_>, files: &CertificateFiles) -> Result<X509Certificate<'a>, FileError> {
    let parsed = X509Certificate::from_der(der).map(|(_, parsed)| parsed);
    parsed.map_err(|error| {
        FileError::new(&files.chain, format!("cannot parse a certificate: {error}"), "replace it with a valid one")
    })
}

fn key_mismatch(files: &CertificateFiles) -> FileError {
    let what = format!("this key does not belong to the certificate in {}", files.chain.display());
    FileError::new(&files.key, what, "configure the key that the certificate was issued for")
}

fn unusable_key(files: &CertificateFiles, error: &rustls::Error) -> FileError {
    let what = format!("cannot use the key: {error}");
    FileError::new(&files.key, what, "use an RSA (2048 bits or more), ECDSA or Ed25519 key")
}

fn inspect(leaf: &X509Certificate<'_>) -> LeafInfo {
    let names = leaf
        .subject_alternative_name()
        .ok()
        .flatten()
        .map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(alternative_name).collect());
    let validity = leaf.validity();
    let (not_before, not_after) = (system_time(validity.not_before), system_time(validity.not_after));
    LeafInfo { not_before, not_after, names }
}

fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|ip| format!("[{}]", std::net::Ipv6Addr::from(ip))),
            _ => None,
        },
        _ => None,
    }
}

/// Returns whether a certificate name matches a host. A wildcard matches exactly one label, the leftmost (RFC 6125
/// section 6.4.3).
fn name_matches(certificate_name: &str, host: &HostName) -> bool {
    match certificate_name.strip_prefix("*.") {
        Some(parent) => host.as_str().split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => certificate_name == host.as_str(),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no host".into() } else { names.join(", ") }
}

/// 30 days.
const MAX_RENEWAL_WINDOW: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_certificate_covers_one_label() {
        let host = |text| HostName::parse(text).unwrap();
        assert!(name_matches("*.example.com", &host("chat.example.com")));
        assert!(!name_matches("*.example.com", &host("a.b.example.com")));
        assert!(!name_matches("*.example.com", &host("example.com")));
        assert!(name_matches("example.com", &host("example.com")));
    }
}
