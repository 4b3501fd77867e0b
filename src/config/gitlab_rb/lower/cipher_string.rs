//! OpenSSL's cipher strings, to the extent of which of the suites that exist here they select.
//!
//! `ciphers(1)` has the rules: the words add suites in OpenSSL's order; `!` takes them away for good, `-`
//! until they are added again, and `+` before a word moves them to the end.

use crate::model::tls::{Aead, CipherSuite, SuiteAuthentication};

/// What a string selects.
#[derive(Debug, PartialEq)]
pub(super) struct CipherSelection<'a> {
    /// Of TLS 1.2, the best first. Those of 1.3 are not governed by such a string.
    pub(super) suites: Vec<CipherSuite>,
    /// Words that ask for suites of which none exists here.
    pub(super) idle: Vec<&'a str>,
}

/// Reads a string. As in OpenSSL, no word is wrong: one that is unknown selects nothing.
pub(super) fn select(text: &str) -> CipherSelection<'_> {
    let mut suites: Vec<CipherSuite> = Vec::new();
    let mut barred: Vec<CipherSuite> = Vec::new();
    let mut idle = Vec::new();
    for word in text.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
        let is_meant = |suite: &CipherSuite, words: &str| words.split('+').all(|word| has(*suite, word));
        if let Some(words) = word.strip_prefix('!') {
            barred.extend(IN_ORDER.iter().filter(|suite| is_meant(suite, words)));
            suites.retain(|suite| !barred.contains(suite));
        } else if let Some(words) = word.strip_prefix('-') {
            suites.retain(|suite| !is_meant(suite, words));
        } else if let Some(words) = word.strip_prefix('+') {
            suites.sort_by_key(|suite| is_meant(suite, words));
        } else if word == "@STRENGTH" {
            suites.sort_by_key(|suite| matches!(suite, CipherSuite::Tls12(_, Aead::Aes128Gcm)));
        } else if !word.starts_with('@') {
            let meant: Vec<_> = IN_ORDER.into_iter().filter(|suite| is_meant(suite, word)).collect();
            if meant.is_empty() {
                idle.push(word);
            }
            let news = |suite: &CipherSuite| !suites.contains(suite) && !barred.contains(suite);
            let news: Vec<_> = meant.into_iter().filter(news).collect();
            suites.extend(news);
        }
    }
    CipherSelection { suites, idle }
}

/// Whether a word stands for a suite, be it among others.
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

/// The name in IANA's registry, which OpenSSL understands too.
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

/// OpenSSL's order: by strength, and ECDSA before RSA.
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

    /// What is selected, in short: E or R for the key, then 256, 128 or C for the cipher.
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

    /// The right-hand sides are what `openssl ciphers -s -tls1_2` of version 3.0 prints, other suites left out.
    #[test]
    fn a_string_selects_what_openssl_selects_in_its_order() {
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
    fn words_that_select_nothing_here_are_named() {
        let all =
            select("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:!RC4:NONSENSE@SECLEVEL=1:@SECLEVEL=1");
        assert_eq!(all.idle, ["DHE-RSA-AES128-GCM-SHA256", "NONSENSE@SECLEVEL=1"]);
    }
}
