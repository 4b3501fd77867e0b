//! Reads the words about obtaining certificates, which both front ends have.

use crate::config::diagnostic::ValueError;
use crate::config::suggestion::nearest;
use crate::model::acme::{AcmeChallengeType, AcmeContact, CertificateKeyType, DirectoryUrl};

/// The URL of an authority's directory.
pub(crate) fn directory(text: &str) -> Result<DirectoryUrl, ValueError> {
    DirectoryUrl::parse(text)
        .ok_or_else(|| ValueError::new(format!("`{text}` is not an https URL")).help(DIRECTORY_EXPECTED))
}

/// A mail address.
pub(crate) fn contact(text: &str) -> Result<AcmeContact, ValueError> {
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    AcmeContact::parse(text)
        .ok_or_else(|| ValueError::new(format!("`{text}` is not a mail address")).help(CONTACT_EXPECTED))
}

/// The kind of a certificate's key.
pub(crate) fn key(text: &str) -> Result<CertificateKeyType, ValueError> {
    let known = CertificateKeyType::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| {
        let mistake = ValueError::new(format!("`{text}` is not a kind of key that can be made"));
        match nearest(text, CertificateKeyType::ALL.into_iter().map(CertificateKeyType::name)) {
            Some(meant) => mistake.help(format!("did you mean \"{meant}\"?")),
            None => mistake.help(KEY_EXPECTED),
        }
    })
}

/// How names are shown to be ours.
pub(crate) fn challenge(text: &str) -> Result<AcmeChallengeType, ValueError> {
    let known = AcmeChallengeType::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| {
        ValueError::new(format!("`{text}` is no challenge that can be answered here")).help(CHALLENGE_EXPECTED)
    })
}

pub(crate) const DIRECTORY_EXPECTED: &str = "write the URL of the directory of an ACME authority: \"https://…\"";
pub(crate) const CONTACT_EXPECTED: &str = "write an address such as \"ops@example.com\"";
pub(crate) const KEY_EXPECTED: &str =
    "write \"ecdsa-p256\", \"ecdsa-p384\", \"rsa-2048\", \"rsa-3072\" or \"rsa-4096\"";
pub(crate) const CHALLENGE_EXPECTED: &str = "write \"http-01\" or \"tls-alpn-01\"";
