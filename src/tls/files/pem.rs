//! Reads certificates, keys and revocation lists from PEM files.

use std::io;
use std::path::Path;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::encrypted_key;
use super::file_error::{self, FileError};

/// Reads all certificates of a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let text = file_error::read(path)?;
    let found: Result<Vec<_>, io::Error> = rustls_pemfile::certs(&mut &text[..]).collect();
    match found {
        Ok(found) if found.is_empty() => Err(no_certificate(path, &text)),
        Ok(found) => Ok(found),
        Err(error) => Err(not_pem(path, &error, "replace it with a valid certificate")),
    }
}

/// Reads all revocation lists of a file, at least one.
pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, FileError> {
    let text = file_error::read(path)?;
    let found: Result<Vec<_>, io::Error> = rustls_pemfile::crls(&mut &text[..]).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let advice =
                "it must have a `-----BEGIN X509 CRL-----` section; convert DER with `openssl crl -inform DER`";
            Err(FileError::new(path, "the file contains no revocation list", advice))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(not_pem(path, &error, "replace it with a valid revocation list")),
    }
}

/// Reads the first private key of a file: PKCS#1, PKCS#8 or SEC1. If it is encrypted, each line of `passwords` is
/// tried as its pass phrase.
pub(super) fn private_key(path: &Path, passwords: Option<&Path>) -> Result<PrivateKeyDer<'static>, FileError> {
    let text = file_error::read(path)?;
    if contains(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return encrypted_key::read(path, &text, passwords);
    }
    if contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        let what = "the key is encrypted in OpenSSL's traditional format, which is weak";
        return Err(FileError::new(path, what, encrypted_key::conversion(path)));
    }
    let advice = "it must have a `-----BEGIN PRIVATE KEY-----` (or RSA or EC) section";
    match rustls_pemfile::private_key(&mut &text[..]) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(FileError::new(path, "the file contains no private key", advice)),
        Err(error) => Err(not_pem(path, &error, advice)),
    }
}

fn no_certificate(path: &Path, text: &[u8]) -> FileError {
    let advice = if contains(text, b"BEGIN TRUSTED CERTIFICATE") {
        "it has OpenSSL's TRUSTED format; convert it with `openssl x509 -in FILE`"
    } else {
        "it must have a `-----BEGIN CERTIFICATE-----` section"
    };
    FileError::new(path, "the file contains no certificate", advice)
}

fn not_pem(path: &Path, error: &io::Error, advice: &str) -> FileError {
    FileError::new(path, format!("the file is not valid PEM: {error}"), advice)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
