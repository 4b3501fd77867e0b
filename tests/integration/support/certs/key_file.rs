//! Private keys in the encodings that administrators use.
//!
//! Keys are generated as PKCS#8 (RFC 5208): version, algorithm, and an octet string with the older encoding,
//! which is PKCS#1 for RSA (RFC 8017) and SEC 1 for ECDSA (RFC 5915).

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use pem::Pem;

use super::KeyKind;
use std::num::NonZeroU32;

/// Encoding of a private key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEncoding {
    /// `BEGIN PRIVATE KEY`.
    Pkcs8,
    /// `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`, depending on the key type.
    Traditional,
    /// `BEGIN ENCRYPTED PRIVATE KEY` as written by OpenSSL (RFC 8018 section 6.2), with this passphrase.
    Encrypted(&'static str),
}

impl KeyEncoding {
    /// Encodes a PKCS#8 key as PEM.
    pub fn pem(self, pkcs8: &[u8], kind: KeyKind) -> String {
        let (label, der) = match (self, kind) {
            (KeyEncoding::Pkcs8, _) => ("PRIVATE KEY", pkcs8.to_vec()),
            (KeyEncoding::Encrypted(phrase), _) => ("ENCRYPTED PRIVATE KEY", encrypted(pkcs8, phrase)),
            (KeyEncoding::Traditional, KeyKind::Rsa) => ("RSA PRIVATE KEY", inner_key(pkcs8).to_vec()),
            (KeyEncoding::Traditional, KeyKind::Ecdsa) => ("EC PRIVATE KEY", with_curve(inner_key(pkcs8))),
        };
        pem::encode(&Pem::new(label, der))
    }
}

fn encrypted(pkcs8: &[u8], phrase: &str) -> Vec<u8> {
    let (salt, iv) = ([7; 16], [9; 16]);
    let mut secret = [0; 32];
    let rounds = NonZeroU32::new(2048).unwrap();
    derive(PBKDF2_HMAC_SHA256, rounds, &salt, phrase.as_bytes(), &mut secret);
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &secret).unwrap()).unwrap();
    let mut data = pkcs8.to_vec();
    key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv))).unwrap();
    let digest = sequence(&[der(OID, HMAC_SHA256), der(NULL, &[])]);
    let derivation = sequence(&[der(OCTETS, &salt), der(INTEGER, &[0x08, 0x00]), digest]);
    let derivation = sequence(&[der(OID, PBKDF2), derivation]);
    let cipher = sequence(&[der(OID, AES_256_CBC), der(OCTETS, &iv)]);
    let scheme = sequence(&[der(OID, PBES2), sequence(&[derivation, cipher])]);
    sequence(&[scheme, der(OCTETS, &data)])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, short @ 0..0x80] => vec![short],
        [0, one] => vec![0x81, one],
        [high, low] => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

/// Returns the octet string inside a PKCS#8 key.
fn inner_key(pkcs8: &[u8]) -> &[u8] {
    let (sequence, _) = element(pkcs8);
    let (_version, rest) = element(sequence);
    let (_algorithm, rest) = element(rest);
    let (key, _) = element(rest);
    key
}

/// Inserts the curve after the private value, as SEC 1 files require. PKCS#8 has the curve in its algorithm
/// field.
fn with_curve(key: &[u8]) -> Vec<u8> {
    let (sequence, _) = element(key);
    let (_version, after_version) = element(sequence);
    let (_private, after_private) = element(after_version);
    let public = if after_private.first() == Some(&0xa1) { after_private } else { &[] };
    let head = &sequence[..sequence.len() - after_private.len()];
    let content = [head, P256_PARAMETERS, public].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

/// Splits off the first DER element and returns its content and the remaining bytes.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(der[1]);
    let (start, length) = if first < 0x80 {
        (2, first)
    } else {
        let digits = first & 0x7f;
        (2 + digits, der[2..2 + digits].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    (&der[start..start + length], &der[start + length..])
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const HMAC_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09];
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];

/// `[0] { OBJECT IDENTIFIER prime256v1 }`.
const P256_PARAMETERS: &[u8] = &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
