//! A certificate with its key: read from files, put in order, and judged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::expiry::{Expiry, ExpiryKind, ExpiryState};
use super::file_error::FileError;
use super::validity::{date, days};
use super::{distinguished_name, pem};
use crate::model::CertificateFiles;
use crate::model::host::{HostName, HostPattern};
use crate::sys::files;

/// A certificate chain with its key: they belong together, and the key can sign.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    key: Arc<CertifiedKey>,
    chain_file: PathBuf,
    leaf: LeafInfo,
    /// When the authorities end that lead from the leaf to one that clients know.
    intermediates: Vec<Expiry>,
    origin: CertificateOrigin,
}

/// A chain in its order.
struct OrderedChain {
    ders: Vec<CertificateDer<'static>>,
    leaf: LeafInfo,
    intermediates: Vec<Expiry>,
}

/// Who has made a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateOrigin {
    /// An authority, or whoever has put the files there.
    Files,
    /// We ourselves. It is worse than any other.
    Placeholder,
}

/// What a leaf says about itself.
#[derive(Debug, Clone)]
struct LeafInfo {
    not_before: SystemTime,
    not_after: SystemTime,
    names: Vec<String>,
}

impl ServerCertificate {
    /// Reads a pair of files. Errors mean that no handshake could succeed with them.
    pub fn read(files: &CertificateFiles, provider: &CryptoProvider) -> Result<ServerCertificate, Vec<FileError>> {
        let (chain, key) =
            match (pem::certificates(&files.chain), pem::private_key(&files.key, files.passwords.as_deref())) {
                (Ok(chain), Ok(key)) => (chain, key),
                (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
            };
        let key = provider.key_provider.load_private_key(key).map_err(|error| vec![unusable_key(files, &error)])?;
        let chain = order_chain(chain, &*key, files).map_err(|problem| vec![problem])?;
        Ok(ServerCertificate::new(chain, key, files, CertificateOrigin::Files))
    }

    /// A certificate of our own that no client trusts, for hosts whose real one is still to be obtained: their
    /// listener needs one to start, and an authority may ask there.
    pub fn placeholder(
        files: &CertificateFiles,
        names: &[HostName],
        provider: &CryptoProvider,
    ) -> Result<ServerCertificate, Vec<FileError>> {
        let problem = |error: &dyn ToString| {
            let what = format!("no stand-in can be made for it: {}", error.to_string());
            vec![FileError::new(&files.chain, what, "put a certificate there")]
        };
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| problem(&error))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let key = provider.key_provider.load_private_key(key).map_err(|error| problem(&error))?;
        let mut chain =
            order_chain(vec![made.cert.der().clone()], &*key, files).map_err(|problem| vec![problem])?;
        // Nobody trusts it at any time, so for who watches ends it is over from the beginning.
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

    /// Who has made it.
    pub fn origin(&self) -> CertificateOrigin {
        self.origin
    }

    /// Whether one of the files is there, but not for this account to read. It may be a good one.
    pub fn is_unreadable(certificate: &CertificateFiles) -> bool {
        let is_closed = |file: &Path| {
            files::read(file, files::MAX_CREDENTIAL)
                .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        is_closed(&certificate.chain) || is_closed(&certificate.key)
    }

    pub fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// What clients of `hosts` will object to at time `now`: the dates, and names that are not covered.
    pub fn errors(&self, hosts: &[HostPattern], now: SystemTime) -> Vec<FileError> {
        let expiry = self.expiry();
        let over = (expiry.state(now) == Some(ExpiryState::Over)).then(|| expiry.to_error(now));
        over.into_iter().chain(self.errors_besides_expiry(hosts, now)).collect()
    }

    /// The same, but for its end, which comes to every certificate.
    pub fn errors_besides_expiry(&self, hosts: &[HostPattern], now: SystemTime) -> Vec<FileError> {
        let mut found = Vec::new();
        let LeafInfo { not_before, names, .. } = &self.leaf;
        if now < *not_before {
            let what = format!("the certificate becomes valid only in {}", days(*not_before, now));
            found.push(self.problem(what, "check this machine's clock, or wait"));
        }
        for host in hosts.iter().filter(|host| !self.covers(host)) {
            let what = format!("the certificate is not for {host}; it names {}", listed(names));
            found.push(self.problem(what, "get one whose subject alternative names include the host"));
        }
        found
    }

    /// Whether it is the same chain. Then it has the same key, too.
    pub fn is_same_as(&self, other: &ServerCertificate) -> bool {
        self.key.cert == other.key.cert
    }

    /// How long it is valid from `now` on, in words.
    pub fn time_left(&self, now: SystemTime) -> String {
        days(self.leaf.not_after, now)
    }

    /// When it is to be replaced by a new one: when a third of its life is left, but no earlier than 30 days before
    /// its end. `lag`, from 0 to 1, puts that off by up to a thirtieth of what is left then.
    pub fn renewal_date(&self, lag: f64) -> SystemTime {
        let LeafInfo { not_before, not_after, .. } = &self.leaf;
        let window = MONTH.min(not_after.duration_since(*not_before).unwrap_or_default() / 3);
        *not_after - window + window.mul_f64(lag.clamp(0.0, 1.0) / 30.0)
    }

    /// Its end.
    pub fn expiry(&self) -> Expiry {
        Expiry {
            kind: ExpiryKind::Certificate,
            file: self.chain_file.clone(),
            subject: String::new(),
            begin: self.leaf.not_before,
            end: self.leaf.not_after,
        }
    }

    /// Its end, and those of the authorities between it and one that clients know.
    pub fn expiries(&self) -> Vec<Expiry> {
        [self.expiry()].into_iter().chain(self.intermediates.iter().cloned()).collect()
    }

    fn covers(&self, host: &HostPattern) -> bool {
        self.leaf.names.iter().any(|name| match host {
            HostPattern::Exact(host) => name_matches(name, host),
            HostPattern::Wildcard(parent) => name.strip_prefix("*.") == Some(parent.as_str()),
        })
    }

    fn problem(&self, what: String, advice: &str) -> FileError {
        FileError::new(&self.chain_file, what, advice)
    }
}

/// The chain as TLS wants it: the key's own certificate first, and each followed by its issuer's (RFC 8446
/// section 4.4.2). Files that were put together by hand often have another order.
fn order_chain(
    chain: Vec<CertificateDer<'static>>,
    key: &dyn SigningKey,
    files: &CertificateFiles,
) -> Result<OrderedChain, FileError> {
    let mut open = chain.iter().map(|der| parse(der, files)).collect::<Result<Vec<_>, _>>()?;
    let public_key = key.public_key();
    let of_key = |it: &X509Certificate<'_>| {
        public_key.as_ref().is_none_or(|public_key| it.public_key().raw == public_key.as_ref())
    };
    let first = open.iter().position(of_key).ok_or_else(|| foreign_key(files))?;
    let mut order = vec![open.remove(first)];
    let leaf = inspect(&order[0]);
    while let Some(next) = open.iter().position(|it| order.last().is_some_and(|last| last.issuer() == it.subject()))
    {
        order.push(open.remove(next));
    }
    let intermediates = order[1..].iter().filter_map(|it| intermediate(it, files)).collect();
    // What belongs to no chain is sent as it stands, as nginx does.
    order.append(&mut open);
    let ders = order.iter().map(|it| CertificateDer::from(it.as_raw().to_vec())).collect();
    Ok(OrderedChain { ders, leaf, intermediates })
}

/// When an authority of a chain ends. `None` for a root: clients go by the one that they have.
fn intermediate(certificate: &X509Certificate<'_>, files: &CertificateFiles) -> Option<Expiry> {
    let validity = certificate.validity();
    (certificate.issuer() != certificate.subject()).then(|| Expiry {
        kind: ExpiryKind::Intermediate,
        file: files.chain.clone(),
        subject: distinguished_name::text(certificate.subject()),
        begin: date(validity.not_before),
        end: date(validity.not_after),
    })
}

fn parse<'a>(der: &'a CertificateDer<'_>, files: &CertificateFiles) -> Result<X509Certificate<'a>, FileError> {
    let parsed = X509Certificate::from_der(der).map(|(_, parsed)| parsed);
    parsed.map_err(|error| {
        FileError::new(&files.chain, format!("a certificate cannot be read: {error}"), "write it again")
    })
}

fn foreign_key(files: &CertificateFiles) -> FileError {
    let what = format!("this key does not belong to the certificate in {}", files.chain.display());
    FileError::new(&files.key, what, "name the key that the certificate was issued for")
}

fn unusable_key(files: &CertificateFiles, error: &rustls::Error) -> FileError {
    let what = format!("the key cannot be used: {error}");
    FileError::new(&files.key, what, "use an RSA (2048 bits or more), ECDSA or Ed25519 key")
}

fn inspect(leaf: &X509Certificate<'_>) -> LeafInfo {
    let names = leaf
        .subject_alternative_name()
        .ok()
        .flatten()
        .map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(alternative_name).collect());
    let validity = leaf.validity();
    let (not_before, not_after) = (date(validity.not_before), date(validity.not_after));
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

/// RFC 6125 section 6.4.3: a wildcard stands for exactly one label, the leftmost.
fn name_matches(certificate_name: &str, host: &HostName) -> bool {
    match certificate_name.strip_prefix("*.") {
        Some(parent) => host.as_str().split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => certificate_name == host.as_str(),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "no host at all".into() } else { names.join(", ") }
}

const MONTH: Duration = Duration::from_secs(30 * 86_400);

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
