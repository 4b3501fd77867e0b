//! Certificates: read from files, judged, and chosen by the name a client asks for.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::model::CertificateFiles;
use crate::model::host::{HostName, HostPattern, HostTable};

/// A certificate chain with its key: they belong together, and the key can sign.
#[derive(Debug, Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    chain_file: PathBuf,
    leaf: Leaf,
}

/// What a leaf says about itself.
#[derive(Debug, Clone)]
struct Leaf {
    not_before: SystemTime,
    not_after: SystemTime,
    names: Vec<String>,
}

/// What is wrong with a certificate, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    pub what: String,
    pub advice: String,
}

/// The certificates of one TLS listener.
#[derive(Debug)]
pub struct CertStore {
    by_name: HostTable<Arc<CertifiedKey>>,
    fallback: Arc<CertifiedKey>,
}

impl Certificate {
    /// Reads a pair of files. Errors mean that no handshake could succeed with them.
    pub fn read(files: &CertificateFiles, provider: &CryptoProvider) -> Result<Certificate, Vec<Problem>> {
        let chain = read_chain(&files.chain).and_then(|chain| Ok((inspect(&files.chain, &chain[0])?, chain)));
        let ((leaf, chain), key) = match (chain, read_key(&files.key)) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
        };
        let key = CertifiedKey::from_der(chain, key, provider);
        let key = Arc::new(key.map_err(|error| vec![unusable_pair(files, &error)])?);
        Ok(Certificate { key, chain_file: files.chain.clone(), leaf })
    }

    pub fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// What clients of `hosts` will object to at time `now`: the dates, and names that are not covered.
    pub fn objections(&self, hosts: &[HostPattern], now: SystemTime) -> Vec<Problem> {
        let mut found = Vec::new();
        let Leaf { not_before, not_after, names } = &self.leaf;
        if now > *not_after {
            let what = format!("the certificate expired {} ago", days(now, *not_after));
            found.push(self.problem(what, "renew it; clients refuse it"));
        }
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

    fn covers(&self, host: &HostPattern) -> bool {
        self.leaf.names.iter().any(|name| match host {
            HostPattern::Exact(host) => name_matches(name, host),
            HostPattern::Below(parent) => name.strip_prefix("*.") == Some(parent.as_str()),
        })
    }

    fn problem(&self, what: String, advice: &str) -> Problem {
        Problem { file: self.chain_file.clone(), what, advice: advice.into() }
    }
}

impl CertStore {
    /// `fallback` serves clients that name no host, or one that is not here.
    pub fn new(by_name: HostTable<Arc<CertifiedKey>>, fallback: Arc<CertifiedKey>) -> CertStore {
        CertStore { by_name, fallback }
    }
}

impl ResolvesServerCert for CertStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| {
            let name = name.strip_suffix('.').unwrap_or(name);
            // rustls has checked the form of the name, but leaves its case as the client wrote it.
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                self.by_name.find(&name.to_ascii_lowercase())
            } else {
                self.by_name.find(name)
            }
        });
        Some(named.unwrap_or(&self.fallback).clone())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file.display(), self.what, self.advice)
    }
}

/// Reads certificates; there is at least one.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let text = read_file(path)?;
    let chain: Result<Vec<_>, io::Error> = rustls_pemfile::certs(&mut &text[..]).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(no_certificate(path, &text)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(Problem {
            file: path.into(),
            what: format!("this is not valid PEM: {error}"),
            advice: "write the certificate again, leaf first, intermediates after it".into(),
        }),
    }
}

fn no_certificate(path: &Path, text: &[u8]) -> Problem {
    let is_trusted_form = contains(text, b"BEGIN TRUSTED CERTIFICATE");
    Problem {
        file: path.into(),
        what: "there is no certificate in this file".into(),
        advice: if is_trusted_form {
            "it has OpenSSL's TRUSTED form; convert it with `openssl x509 -in FILE`".into()
        } else {
            "it must have a `-----BEGIN CERTIFICATE-----` section, leaf first".into()
        },
    }
}

/// PKCS#1, PKCS#8 and SEC1, the first key of the file.
fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
    let text = read_file(path)?;
    let problem = |what: String, advice: &str| Problem { file: path.into(), what, advice: advice.into() };
    if contains(&text, b"ENCRYPTED") {
        let advice = "write it without a pass phrase: `openssl pkey -in FILE -out NEW`, readable by root only";
        return Err(problem("the key is encrypted".into(), advice));
    }
    let advice = "it must have a `-----BEGIN PRIVATE KEY-----` (or RSA or EC) section";
    match rustls_pemfile::private_key(&mut &text[..]) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(problem("there is no private key in this file".into(), advice)),
        Err(error) => Err(problem(format!("this is not valid PEM: {error}"), advice)),
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| Problem {
        file: path.into(),
        what: format!("cannot read it: {error}"),
        advice: match error.kind() {
            io::ErrorKind::NotFound => "put the file there, or name the right one in the configuration".into(),
            io::ErrorKind::PermissionDenied => "let the account that starts the program read it".into(),
            _ => "see that it is a readable file".into(),
        },
    })
}

fn unusable_pair(files: &CertificateFiles, error: &rustls::Error) -> Problem {
    let (what, advice) = match error {
        rustls::Error::InconsistentKeys(_) => (
            format!("this key does not belong to the certificate in {}", files.chain.display()),
            "name the key that the certificate was issued for",
        ),
        other => {
            (format!("the key cannot be used: {other}"), "use an RSA (2048 bits or more), ECDSA or Ed25519 key")
        }
    };
    Problem { file: files.key.clone(), what, advice: advice.into() }
}

fn inspect(path: &Path, leaf: &CertificateDer<'_>) -> Result<Leaf, Problem> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| Problem {
        file: path.into(),
        what: format!("the first certificate cannot be read: {error}"),
        advice: "write the certificate again, leaf first".into(),
    })?;
    let names = leaf
        .subject_alternative_name()
        .ok()
        .flatten()
        .map_or_else(Vec::new, |names| names.value.general_names.iter().filter_map(alternative_name).collect());
    let time = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs());
    let validity = leaf.validity();
    let (not_before, not_after) = (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
    Ok(Leaf { not_before, not_after, names })
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

fn days(later: SystemTime, earlier: SystemTime) -> String {
    let seconds = later.duration_since(earlier).unwrap_or_default().as_secs();
    match seconds / 86_400 {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

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
