//! Certificates, keys and revocation lists as PEM files have them.

use std::io;
use std::path::Path;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::encrypted_key;
use super::file_error::{self, FileError};

/// All certificates of a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let text = file_error::read(path)?;
    let found: Result<Vec<_>, io::Error> = rustls_pemfile::certs(&mut &text[..]).collect();
    match found {
        Ok(found) if found.is_empty() => Err(no_certificate(path, &text)),
        Ok(found) => Ok(found),
        Err(error) => Err(not_pem(path, &error, "write the certificate again")),
    }
}

/// All revocation lists of a file, at least one.
pub(crate) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, FileError> {
    let text = file_error::read(path)?;
    let found: Result<Vec<_>, io::Error> = rustls_pemfile::crls(&mut &text[..]).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let advice = "it must have a `-----BEGIN X509 CRL-----` section; `openssl crl -inform DER` converts";
            Err(FileError::new(path, "there is no revocation list in this file", advice))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(not_pem(path, &error, "write the list again")),
    }
}

/// PKCS#1, PKCS#8 and SEC1, the first key of the file. If it is encrypted, each line of the file of pass
/// phrases is tried.
pub(super) fn private_key(path: &Path, passwords: Option<&Path>) -> Result<PrivateKeyDer<'static>, FileError> {
    let text = file_error::read(path)?;
    if contains(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return encrypted_key::read(path, &text, passwords);
    }
    if contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        let what = "the key is encrypted in OpenSSL's own old way, which is weak";
        return Err(FileError::new(path, what, encrypted_key::conversion(path)));
    }
    let advice = "it must have a `-----BEGIN PRIVATE KEY-----` (or RSA or EC) section";
    match rustls_pemfile::private_key(&mut &text[..]) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(FileError::new(path, "there is no private key in this file", advice)),
        Err(error) => Err(not_pem(path, &error, advice)),
    }
}

fn no_certificate(path: &Path, text: &[u8]) -> FileError {
    let advice = if contains(text, b"BEGIN TRUSTED CERTIFICATE") {
        "it has OpenSSL's TRUSTED form; convert it with `openssl x509 -in FILE`"
    } else {
        "it must have a `-----BEGIN CERTIFICATE-----` section"
    };
    FileError::new(path, "there is no certificate in this file", advice)
}

fn not_pem(path: &Path, error: &io::Error, advice: &str) -> FileError {
    FileError::new(path, format!("this is not valid PEM: {error}"), advice)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
