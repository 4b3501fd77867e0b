//! Decrypts PKCS#8 private keys (RFC 5958 section 3).
//!
//! OpenSSL has written them with PBKDF2 and AES (PBES2, RFC 8018 section 6.2) since 2016. Older schemes are
//! rejected, because they are weak.

use std::num::NonZeroU32;
use std::path::Path;

use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::pem::Pem;

use super::file_error::{self, FileError};

/// A PBES2-encrypted PKCS#8 key.
struct EncryptedKey<'a> {
    digest: pbkdf2::Algorithm,
    salt: &'a [u8],
    iterations: NonZeroU32,
    cipher: KeyCipher,
    iv: [u8; 16],
    data: &'a [u8],
}

/// Decrypts the key of a PEM file with the first pass phrase that fits. Each line of `passwords` is a pass phrase,
/// as in nginx's `ssl_password_file`.
pub(super) fn read(
    path: &Path,
    text: &[u8],
    passwords: Option<&Path>,
) -> Result<PrivateKeyDer<'static>, FileError> {
    let Some(passwords) = passwords else {
        let advice = "set `key_password_file` to a file with its pass phrase, or decrypt it with `openssl pkey`";
        return Err(FileError::new(path, "the key is encrypted", advice));
    };
    let phrases = file_error::read(passwords)?;
    let mut sections = Pem::iter_from_buffer(text).flatten();
    let section = sections.find(|section| section.label == "ENCRYPTED PRIVATE KEY");
    let Some(key) = section.as_ref().and_then(|section| EncryptedKey::parse(&section.contents)) else {
        let what = "the encryption of the key is not supported";
        return Err(FileError::new(path, what, conversion(path)));
    };
    let lines = phrases.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|phrase| !phrase.is_empty()).find_map(|phrase| key.decrypt(phrase)).ok_or_else(|| {
        let what = format!("no line of {} is the pass phrase of the key", passwords.display());
        FileError::new(path, what, "add its pass phrase to that file, on a line of its own")
    })
}

/// Returns advice to convert a key to a supported encryption. The command prompts for both pass phrases, because
/// one file for the two would be read line by line (openssl-passphrase-options(1)).
pub(super) fn conversion(path: &Path) -> String {
    let path = path.display();
    format!(
        "convert it with the same pass phrase: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in '{path}' -out \
         '{path}.new' && mv '{path}.new' '{path}'`, and restore its owner and mode"
    )
}

/// A supported PBES2 cipher.
#[derive(Clone, Copy)]
struct KeyCipher {
    /// Object identifier in DER.
    name: &'static [u8],
    algorithm: &'static cipher::Algorithm,
    /// Bytes.
    key_length: usize,
}

impl<'a> EncryptedKey<'a> {
    /// Parses `EncryptedPrivateKeyInfo` with PBES2; `None` for any other scheme or malformed DER.
    fn parse(der: &'a [u8]) -> Option<EncryptedKey<'a>> {
        let (info, _) = element(der, Tag::Sequence)?;
        let (scheme, rest) = element(info, Tag::Sequence)?;
        let (data, _) = element(rest, Tag::OctetString)?;
        let (pbes2, _) = element(parameters(scheme, PBES2)?, Tag::Sequence)?;
        let (kdf, rest) = element(pbes2, Tag::Sequence)?;
        let (cipher_info, _) = element(rest, Tag::Sequence)?;
        let (digest, salt, iterations) = derivation_parameters(kdf)?;
        let (name, rest) = element(cipher_info, Tag::Oid)?;
        let cipher = CIPHERS.into_iter().find(|cipher| cipher.name == name)?;
        let (iv, _) = element(rest, Tag::OctetString)?;
        Some(EncryptedKey { digest, salt, iterations, cipher, iv: iv.try_into().ok()?, data })
    }

    /// Decrypts the key; `None` if the pass phrase is wrong.
    fn decrypt(&self, phrase: &[u8]) -> Option<PrivateKeyDer<'static>> {
        let mut secret = vec![0; self.cipher.key_length];
        pbkdf2::derive(self.digest, self.iterations, self.salt, phrase, &mut secret);
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.cipher.algorithm, &secret).ok()?)
            .ok()?;
        let mut data = self.data.to_vec();
        let plain = key.decrypt(&mut data, DecryptionContext::Iv128(FixedLength::from(self.iv))).ok()?;
        // About one wrong pass phrase in 256 yields valid padding, but no valid DER.
        element(plain, Tag::Sequence)?;
        Some(PrivatePkcs8KeyDer::from(plain.to_vec()).into())
    }
}

/// Returns digest, salt and iterations of PBKDF2. The default digest is SHA-1 (RFC 8018 appendix A.2).
fn derivation_parameters(kdf: &[u8]) -> Option<(pbkdf2::Algorithm, &[u8], NonZeroU32)> {
    let (fields, _) = element(parameters(kdf, PBKDF2)?, Tag::Sequence)?;
    let (salt, rest) = element(fields, Tag::OctetString)?;
    let (count, rest) = element(rest, Tag::Integer)?;
    let count = count.iter().try_fold(0_u32, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?;
    let count = NonZeroU32::new(count).filter(|count| count.get() <= MAX_ITERATIONS)?;
    let rest = element(rest, Tag::Integer).map_or(rest, |(_length, rest)| rest);
    let digest = match element(rest, Tag::Sequence) {
        Some((function, _)) => {
            let (name, _) = element(function, Tag::Oid)?;
            DIGESTS.into_iter().find(|(known, _)| *known == name)?.1
        }
        None => pbkdf2::PBKDF2_HMAC_SHA1,
    };
    Some((digest, salt, count))
}

/// Returns the parameters of an algorithm, if it has that object identifier.
fn parameters<'a>(algorithm: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    element(algorithm, Tag::Oid).filter(|(found, _)| *found == name).map(|(_, parameters)| parameters)
}

/// Returns the content of the first DER element, if it has that tag, and the bytes after it.
fn element(der: &[u8], tag: Tag) -> Option<(&[u8], &[u8])> {
    let (rest, any) = Any::from_der(der).ok()?;
    (any.tag() == tag).then_some((any.as_bytes(), rest))
}

// Object identifiers in DER: the schemes are defined in RFC 8018, the ciphers in NIST's register.
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];

const DIGESTS: [(&[u8], pbkdf2::Algorithm); 4] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07], pbkdf2::PBKDF2_HMAC_SHA1),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09], pbkdf2::PBKDF2_HMAC_SHA256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0a], pbkdf2::PBKDF2_HMAC_SHA384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b], pbkdf2::PBKDF2_HMAC_SHA512),
];

const CIPHERS: [KeyCipher; 3] = [
    KeyCipher {
        name: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02],
        algorithm: &cipher::AES_128,
        key_length: 16,
    },
    KeyCipher {
        name: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x16],
        algorithm: &cipher::AES_192,
        key_length: 24,
    },
    KeyCipher {
        name: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a],
        algorithm: &cipher::AES_256,
        key_length: 32,
    },
];

/// Limits the work for each pass phrase to a few seconds.
const MAX_ITERATIONS: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_der_is_none() {
        assert!(EncryptedKey::parse(b"").is_none());
        assert!(EncryptedKey::parse(&[0x30, 0x80, 0x30, 0xff]).is_none());
        let deep: Vec<u8> = [0x30, 0x02].repeat(40);
        assert!(EncryptedKey::parse(&deep).is_none());
    }
}
