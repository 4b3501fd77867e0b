//! Certificates that the proxy obtains by itself (ACME, RFC 8555): from whom, how, and for which names.

use std::fmt;
use std::path::PathBuf;

use super::host::{HostName, HostPattern};
use super::ids::CertificateId;

/// What is obtained, and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    pub directory: DirectoryUrl,
    pub trust: AcmeServerTrust,
    /// Whom the authority writes to when something is wrong with a certificate. May be empty.
    pub contacts: Vec<AcmeContact>,
    /// Where the account's key is kept, and what is known of failures.
    pub state_directory: PathBuf,
    pub key: CertificateKeyType,
    pub challenge: AcmeChallengeType,
    /// At least one.
    pub certificates: Vec<AcmeCertificate>,
}

/// A certificate that is obtained, and all names in it. At least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeCertificate {
    pub certificate: CertificateId,
    pub names: Vec<HostName>,
}

/// Where an authority tells what it offers (RFC 8555 section 7.1.1). Always an `https` URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUrl(String);

/// Who vouches for the server of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeServerTrust {
    /// The authorities of the operating system.
    System,
    /// Those in this file, in PEM.
    File(PathBuf),
}

/// A mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeContact(String);

/// The key of a certificate, made anew with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKeyType {
    EcdsaP256,
    EcdsaP384,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

/// How the authority is shown that a host is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallengeType {
    /// An answer over plain HTTP on port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate in a handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl AcmeCertificate {
    /// The names as hosts have them.
    pub fn patterns(&self) -> Vec<HostPattern> {
        self.names.iter().cloned().map(HostPattern::Exact).collect()
    }
}

impl DirectoryUrl {
    /// Let's Encrypt's.
    pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

    /// `None` for anything but an `https` URL with a host.
    pub fn parse(text: &str) -> Option<DirectoryUrl> {
        let url: http::Uri = text.parse().ok()?;
        let is_https = url.scheme_str() == Some("https") && url.host().is_some_and(|host| !host.is_empty());
        is_https.then(|| DirectoryUrl(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for DirectoryUrl {
    fn default() -> DirectoryUrl {
        DirectoryUrl(DirectoryUrl::LETS_ENCRYPT.to_owned())
    }
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AcmeContact {
    /// `None` for what cannot be a mail address. Whether it is one, only a mail can tell.
    pub fn parse(text: &str) -> Option<AcmeContact> {
        let (user, host) = text.split_once('@')?;
        let is_plain = text.chars().all(|c| c.is_ascii_graphic() && !"?,<>".contains(c));
        (is_plain && !user.is_empty() && host.contains('.') && !host.contains('@'))
            .then(|| AcmeContact(text.to_owned()))
    }
}

impl fmt::Display for AcmeContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CertificateKeyType {
    /// All of them, the cheapest for a handshake first.
    pub const ALL: [CertificateKeyType; 5] = [
        CertificateKeyType::EcdsaP256,
        CertificateKeyType::EcdsaP384,
        CertificateKeyType::Rsa2048,
        CertificateKeyType::Rsa3072,
        CertificateKeyType::Rsa4096,
    ];

    pub fn name(self) -> &'static str {
        match self {
            CertificateKeyType::EcdsaP256 => "ecdsa-p256",
            CertificateKeyType::EcdsaP384 => "ecdsa-p384",
            CertificateKeyType::Rsa2048 => "rsa-2048",
            CertificateKeyType::Rsa3072 => "rsa-3072",
            CertificateKeyType::Rsa4096 => "rsa-4096",
        }
    }
}

impl AcmeChallengeType {
    pub const ALL: [AcmeChallengeType; 2] = [AcmeChallengeType::Http01, AcmeChallengeType::TlsAlpn01];

    /// As RFC 8555 and RFC 8737 name them.
    pub fn name(self) -> &'static str {
        match self {
            AcmeChallengeType::Http01 => "http-01",
            AcmeChallengeType::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_an_https_url() {
        assert!(DirectoryUrl::parse(DirectoryUrl::LETS_ENCRYPT).is_some());
        for wrong in ["http://acme.example/dir", "acme.example", "https://", "file:///etc/passwd", ""] {
            assert_eq!(DirectoryUrl::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_contact_looks_like_a_mail_address() {
        assert!(AcmeContact::parse("ops@example.com").is_some());
        // RFC 8555 section 7.3: no header fields, and one address alone.
        for wrong in ["ops", "ops@", "@example.com", "a@b.c,d@e.f", "ops@example.com?cc=x", "a b@example.com"] {
            assert_eq!(AcmeContact::parse(wrong), None, "{wrong}");
        }
    }
}
