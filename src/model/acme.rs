//! ACME settings (RFC 8555): the server, the account, and the certificates to obtain.

use std::fmt;
use std::path::PathBuf;

use super::host::{HostName, HostPattern};
use super::ids::CertificateId;

/// ACME server, account contacts and the certificates to obtain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    pub directory: DirectoryUrl,
    pub trust: AcmeServerTrust,
    /// Contacts of the ACME account; the CA sends expiry and policy notices there. May be empty.
    pub contacts: Vec<AcmeContact>,
    /// Directory of the account key and the failure history.
    pub state_directory: PathBuf,
    pub key: CertificateKeyType,
    pub challenge: AcmeChallengeType,
    /// Not empty.
    pub certificates: Vec<AcmeCertificate>,
}

/// A certificate to obtain through ACME, with all of its names (at least one).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeCertificate {
    pub certificate: CertificateId,
    pub names: Vec<HostName>,
}

/// URL of an ACME directory (RFC 8555 section 7.1.1); always `https` with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUrl(String);

/// Trust anchors for the TLS connection to the ACME server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcmeServerTrust {
    /// The system roots.
    System,
    /// The CA certificates in this PEM file.
    File(PathBuf),
}

/// E-mail address of an ACME account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeContact(String);

/// Key type of certificates obtained through ACME. Each certificate gets a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKeyType {
    EcdsaP256,
    EcdsaP384,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

/// Challenge type that proves control over a host name to the CA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcmeChallengeType {
    /// A response over plain HTTP on port 80 (RFC 8555 section 8.3).
    Http01,
    /// A certificate in a TLS handshake on port 443 (RFC 8737).
    TlsAlpn01,
}

impl AcmeCertificate {
    /// Returns the names as exact host patterns.
    pub fn patterns(&self) -> Vec<HostPattern> {
        self.names.iter().cloned().map(HostPattern::Exact).collect()
    }
}

impl DirectoryUrl {
    /// The production directory of Let's Encrypt, which is the default.
    pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

    /// Parses a directory URL. Returns `None` unless the text is an `https` URL with a host.
    pub fn parse(text: &str) -> Option<DirectoryUrl> {
        let url: http::Uri = text.parse().ok()?;
        let is_https = url.scheme_str() == Some("https") && url.host().is_some_and(|host| !host.is_empty());
        is_https.then(|| DirectoryUrl(text.to_owned()))
    }

    /// Returns the URL.
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
    /// Parses an e-mail address. Returns `None` for a text that cannot be one, and for several addresses or
    /// header fields (RFC 8555 section 7.3). Whether the mailbox exists is not checked.
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
    /// All key types, the least expensive handshake first.
    pub const ALL: [CertificateKeyType; 5] = [
        CertificateKeyType::EcdsaP256,
        CertificateKeyType::EcdsaP384,
        CertificateKeyType::Rsa2048,
        CertificateKeyType::Rsa3072,
        CertificateKeyType::Rsa4096,
    ];

    /// Returns the name used in the configuration.
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
    /// All supported challenge types.
    pub const ALL: [AcmeChallengeType; 2] = [AcmeChallengeType::Http01, AcmeChallengeType::TlsAlpn01];

    /// Returns the name in RFC 8555 or RFC 8737, which the configuration uses too.
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
    fn a_directory_url_is_https_with_a_host() {
        assert!(DirectoryUrl::parse(DirectoryUrl::LETS_ENCRYPT).is_some());
        for invalid in ["http://acme.example/dir", "acme.example", "https://", "file:///etc/passwd", ""] {
            assert_eq!(DirectoryUrl::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_contact_is_one_email_address() {
        assert!(AcmeContact::parse("ops@example.com").is_some());
        // RFC 8555 section 7.3: no header fields, and exactly one address.
        for invalid in ["ops", "ops@", "@example.com", "a@b.c,d@e.f", "ops@example.com?cc=x", "a b@example.com"] {
            assert_eq!(AcmeContact::parse(invalid), None, "{invalid}");
        }
    }
}
