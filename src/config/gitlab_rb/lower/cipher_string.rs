//! Evaluates OpenSSL cipher strings.
//!
//! The result contains only supported suites. The rules are those of `ciphers(1)`: a word adds suites in
//! OpenSSL's order; `!` before it removes them permanently, `-` until they are added again, and `+` moves them
//! to the end.

use crate::model::tls::{Aead, CipherSuite, SuiteAuthentication};

/// Suites selected by a cipher string.
#[derive(Debug, PartialEq)]
pub(super) struct CipherSelection<'a> {
    /// TLS 1.2 suites, most preferred first. A cipher string does not select TLS 1.3 suites.
    pub(super) suites: Vec<CipherSuite>,
    /// Words that select no supported suite.
    pub(super) unsupported: Vec<&'a str>,
}

/// Evaluates a cipher string. As in OpenSSL, no word is an error: an unknown one selects nothing.
pub(super) fn select(text: &str) -> CipherSelection<'_> {
    let mut suites: Vec<CipherSuite> = Vec::new();
    let mut excluded: Vec<CipherSuite> = Vec::new();
    let mut unsupported = Vec::new();
    for word in text.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
        let is_match = |suite: &CipherSuite, words: &str| words.split('+').all(|word| has(*suite, word));
        if let Some(words) = word.strip_prefix('!') {
            excluded.extend(IN_ORDER.iter().filter(|suite| is_match(suite, words)));
            suites.retain(|suite| !excluded.contains(suite));
        } else if let Some(words) = word.strip_prefix('-') {
            suites.retain(|suite| !is_match(suite, words));
        } else if let Some(words) = word.strip_prefix('+') {
            suites.sort_by_key(|suite| is_match(suite, words));
        } else if word == "@STRENGTH" {
            suites.sort_by_key(|suite| matches!(suite, CipherSuite::Tls12(_, Aead::Aes128Gcm)));
        } else if !word.starts_with('@') {
            let matching: Vec<_> = IN_ORDER.into_iter().filter(|suite| is_match(suite, word)).collect();
            if matching.is_empty() {
                unsupported.push(word);
            }
            let added = |suite: &CipherSuite| !suites.contains(suite) && !excluded.contains(suite);
            let added: Vec<_> = matching.into_iter().filter(added).collect();
            suites.extend(added);
        }
    }
    CipherSelection { suites, unsupported }
}

/// Returns whether a word selects a suite, alone or among others.
fn has(suite: CipherSuite, word: &str) -> bool {
    let CipherSuite::Tls12(authentication, aead) = suite else { return false };
    match word {
        "ALL" | "DEFAULT" | "HIGH" | "TLSv1.2" => true,
        "ECDHE" | "EECDH" | "ECDH" | "kECDHE" | "kEECDH" => true,
        "ECDSA" | "aECDSA" => authentication == SuiteAuthentication::Ecdsa,
        "aRSA" => authentication == SuiteAuthentication::Rsa,
        "AES" | "AESGCM" | "FIPS" => aead != Aead::ChaCha20Poly1305,
        "AES128" => aead == Aead::Aes128Gcm,
        "AES256" => aead == Aead::Aes256Gcm,
        "CHACHA20" => aead == Aead::ChaCha20Poly1305,
        name => name == suite.name() || name == registered_name(authentication, aead),
    }
}

/// Returns the name in the IANA registry, which OpenSSL accepts as well.
fn registered_name(authentication: SuiteAuthentication, aead: Aead) -> String {
    let authentication = match authentication {
        SuiteAuthentication::Ecdsa => "ECDSA",
        SuiteAuthentication::Rsa => "RSA",
    };
    let aead = match aead {
        Aead::Aes256Gcm => "AES_256_GCM_SHA384",
        Aead::Aes128Gcm => "AES_128_GCM_SHA256",
        Aead::ChaCha20Poly1305 => "CHACHA20_POLY1305_SHA256",
    };
    format!("TLS_ECDHE_{authentication}_WITH_{aead}")
}

/// TLS 1.2 suites in OpenSSL's order: by strength, and ECDSA before RSA.
const IN_ORDER: [CipherSuite; 6] = [
    CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::Aes256Gcm),
    CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::Aes256Gcm),
    CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::ChaCha20Poly1305),
    CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::ChaCha20Poly1305),
    CipherSuite::Tls12(SuiteAuthentication::Ecdsa, Aead::Aes128Gcm),
    CipherSuite::Tls12(SuiteAuthentication::Rsa, Aead::Aes128Gcm),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Abbreviates the selected suites: E (ECDSA) or R (RSA), then 256, 128 (AES-GCM) or C (ChaCha20).
    fn short(text: &str) -> String {
        let letter = |suite: &CipherSuite| match suite {
            CipherSuite::Tls12(SuiteAuthentication::Ecdsa, aead) => format!("E{}", cipher(*aead)),
            CipherSuite::Tls12(SuiteAuthentication::Rsa, aead) => format!("R{}", cipher(*aead)),
            CipherSuite::Tls13(_) => panic!("{suite:?} is of TLS 1.3"),
        };
        select(text).suites.iter().map(letter).collect::<Vec<_>>().join(" ")
    }

    fn cipher(aead: Aead) -> &'static str {
        match aead {
            Aead::Aes256Gcm => "256",
            Aead::Aes128Gcm => "128",
            Aead::ChaCha20Poly1305 => "C",
        }
    }

    /// The expected values are the output of `openssl ciphers -s -tls1_2` (OpenSSL 3.0), without unsupported
    /// suites.
    #[test]
    fn a_cipher_string_selects_suites_in_the_order_of_openssl() {
        let cases = [
            ("DEFAULT", "E256 R256 EC RC E128 R128"),
            ("HIGH:!aNULL:!MD5", "E256 R256 EC RC E128 R128"),
            ("EECDH+AESGCM:EDH+AESGCM", "E256 R256 E128 R128"),
            ("EECDH+ECDSA+AESGCM", "E256 E128"),
            ("ECDHE+CHACHA20:ALL:+AES128:@STRENGTH", "EC RC E256 R256 E128 R128"),
            ("ALL:-AES256:AES256", "EC RC E128 R128 E256 R256"),
            ("ALL:!AESGCM", "EC RC"),
            ("ALL:!AES256:AES256", "EC RC E128 R128"),
            ("aRSA", "R256 RC R128"),
            ("ECDSA", "E256 EC E128"),
            ("AES128, CHACHA20", "E128 R128 EC RC"),
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "R128 E256"),
            ("HIGH:!kEECDH", ""),
            ("RSA:SHA256:SSLv3:MEDIUM", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(short(text), expected, "{text}");
        }
    }

    #[test]
    fn words_without_a_supported_suite_are_listed() {
        let all =
            select("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:!RC4:NONSENSE@SECLEVEL=1:@SECLEVEL=1");
        assert_eq!(all.unsupported, ["DHE-RSA-AES128-GCM-SHA256", "NONSENSE@SECLEVEL=1"]);
    }
}
