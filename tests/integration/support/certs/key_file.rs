//! Private keys in the encodings that administrators have on disk.
//!
//! Keys are generated as PKCS#8 (RFC 5208): version, algorithm, and an octet string that holds the
//! older encoding, PKCS#1 for RSA (RFC 8017) or SEC 1 for ECDSA (RFC 5915).

use pem::Pem;

use super::KeyKind;

/// How a private key is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEncoding {
    /// `BEGIN PRIVATE KEY`.
    Pkcs8,
    /// `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`, by the kind of the key.
    Traditional,
}

impl KeyEncoding {
    /// The PEM text for a key given as PKCS#8.
    pub fn pem(self, pkcs8: &[u8], kind: KeyKind) -> String {
        let (label, der) = match (self, kind) {
            (KeyEncoding::Pkcs8, _) => ("PRIVATE KEY", pkcs8.to_vec()),
            (KeyEncoding::Traditional, KeyKind::Rsa) => ("RSA PRIVATE KEY", inner_key(pkcs8).to_vec()),
            (KeyEncoding::Traditional, KeyKind::Ecdsa) => ("EC PRIVATE KEY", with_curve(inner_key(pkcs8))),
        };
        pem::encode(&Pem::new(label, der))
    }
}

/// The octet string inside PKCS#8.
fn inner_key(pkcs8: &[u8]) -> &[u8] {
    let (sequence, _) = element(pkcs8);
    let (_version, rest) = element(sequence);
    let (_algorithm, rest) = element(rest);
    let (key, _) = element(rest);
    key
}

/// Inside PKCS#8 the curve stands in the algorithm; a SEC 1 file needs it after the private value.
fn with_curve(key: &[u8]) -> Vec<u8> {
    let (sequence, _) = element(key);
    let (_version, after_version) = element(sequence);
    let (_private, after_private) = element(after_version);
    let public = if after_private.first() == Some(&0xa1) { after_private } else { &[] };
    let head = &sequence[..sequence.len() - after_private.len()];
    let content = [head, P256_PARAMETERS, public].concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

/// The content of the first DER element, and what follows it.
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

/// `[0] { OBJECT IDENTIFIER prime256v1 }`.
const P256_PARAMETERS: &[u8] = &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
