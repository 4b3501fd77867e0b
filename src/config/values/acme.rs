//! Parses ACME directory URLs, contacts, key types and challenge types.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::acme::{AcmeChallengeType, AcmeContact, CertificateKeyType, DirectoryUrl};

/// Parses the URL of an ACME directory (RFC 8555 section 7.1.1).
pub(crate) fn directory(text: &str) -> Result<DirectoryUrl, ValueError> {
    DirectoryUrl::parse(text)
        .ok_or_else(|| ValueError::new(format!("`{text}` is not an https URL")).help(DIRECTORY_EXPECTED))
}

/// Parses an e-mail address, with or without `mailto:`.
pub(crate) fn contact(text: &str) -> Result<AcmeContact, ValueError> {
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    AcmeContact::parse(text)
        .ok_or_else(|| ValueError::new(format!("`{text}` is not an e-mail address")).help(CONTACT_EXPECTED))
}

/// Parses the key type of certificates.
pub(crate) fn key(text: &str) -> Result<CertificateKeyType, ValueError> {
    let known = CertificateKeyType::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| {
        let error = ValueError::new(format!("unsupported key type `{text}`"));
        match nearest(text, CertificateKeyType::ALL.into_iter().map(CertificateKeyType::name)) {
            Some(suggestion) => error.help(format!("did you mean \"{suggestion}\"?")),
            None => error.help(KEY_EXPECTED),
        }
    })
}

/// Parses an ACME challenge type.
pub(crate) fn challenge(text: &str) -> Result<AcmeChallengeType, ValueError> {
    let known = AcmeChallengeType::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| ValueError::new(format!("unsupported challenge type `{text}`")).help(CHALLENGE_EXPECTED))
}

pub(crate) const DIRECTORY_EXPECTED: &str = "write the URL of an ACME directory: \"https://…\"";
pub(crate) const CONTACT_EXPECTED: &str = "write an address such as \"ops@example.com\"";
pub(crate) const KEY_EXPECTED: &str =
    "write \"ecdsa-p256\", \"ecdsa-p384\", \"rsa-2048\", \"rsa-3072\" or \"rsa-4096\"";
pub(crate) const CHALLENGE_EXPECTED: &str = "write \"http-01\" or \"tls-alpn-01\"";
