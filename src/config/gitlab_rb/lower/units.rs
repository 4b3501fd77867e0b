//! Parses nginx sizes and times, and OpenSSL version and group names.

use std::time::Duration;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::Spanned;
use crate::config::values::size;
use crate::model::BodyLimit;
use crate::model::tls::{NamedGroup, TlsVersions};

/// Parses a body limit: `0` (unlimited), `250m` or `1048576` (bytes).
pub(in crate::config::gitlab_rb) fn body_limit(text: &str) -> Option<BodyLimit> {
    if text.trim_end_matches(['k', 'm', 'g', 'K', 'M', 'G']) == "0" {
        return Some(BodyLimit::Unlimited);
    }
    size::parse(text).ok().filter(|_| text != "unlimited")
}

/// Parses a time: `3600` (seconds), `3600s`, `1h 30m`. `None` for zero and for more than a year.
pub(in crate::config::gitlab_rb) fn duration(text: &str) -> Option<Duration> {
    let mut millis: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS.iter().find(|(name, _)| *name == &rest[..letters])?.1;
        millis = millis.checked_add(number.checked_mul(unit)?)?;
        rest = rest[letters..].trim_start();
    }
    (1..=YEAR).contains(&millis).then(|| Duration::from_millis(millis))
}

/// Parses nginx's `ssl_protocols`. Versions before TLS 1.2 are insecure (RFC 8996) and not supported.
pub(super) fn tls_versions(setting: &Spanned<String>, problems: &mut Diagnostics) -> TlsVersions {
    let words: Vec<&str> = setting.value.split_whitespace().collect();
    let old: Vec<&str> = words.iter().copied().filter(|word| !["TLSv1.2", "TLSv1.3"].contains(word)).collect();
    if !old.is_empty() && old.len() < words.len() {
        let message = format!("not supported in `ssl_protocols`: {}", old.join(", "));
        problems.push(
            Diagnostic::warning(&setting.span, message)
                .help("the minimum version is TLS 1.2; clients without TLS 1.2 or 1.3 cannot connect"),
        );
    }
    match (words.contains(&"TLSv1.2"), words.contains(&"TLSv1.3")) {
        (true, false) => {
            let message = "`ssl_protocols` does not switch TLS 1.3 off: it is always offered";
            problems.push(Diagnostic::warning(&setting.span, message).help("write 'TLSv1.2 TLSv1.3'"));
            TlsVersions::Tls12And13
        }
        (true, true) => TlsVersions::Tls12And13,
        (false, true) => TlsVersions::Tls13Only,
        (false, false) => {
            let message = format!("no supported TLS version in `{}`", setting.value);
            problems.push(Diagnostic::error(&setting.span, message).help("write 'TLSv1.2 TLSv1.3'"));
            TlsVersions::Tls12And13
        }
    }
}

/// Returns the key exchange group with an OpenSSL name.
pub(super) fn group(name: &str) -> Option<NamedGroup> {
    match name {
        "X25519MLKEM768" => Some(NamedGroup::X25519MlKem768),
        "X25519" | "x25519" => Some(NamedGroup::X25519),
        "prime256v1" | "P-256" | "secp256r1" => Some(NamedGroup::P256),
        "secp384r1" | "P-384" => Some(NamedGroup::P384),
        _ => None,
    }
}

/// Returns whether an OpenSSL word names a version before TLS 1.3.
pub(super) fn is_before_tls13(word: &str) -> bool {
    ["None", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"].contains(&word)
}

/// nginx time units in milliseconds. A number without a unit is in seconds.
const UNITS: [(&str, u64); 9] = [
    ("ms", 1),
    ("", 1000),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("M", 2_592_000_000),
    ("y", YEAR),
];

/// 365 days in milliseconds.
const YEAR: u64 = 31_536_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nginx_units_and_can_be_combined() {
        assert_eq!(duration("600"), Some(Duration::from_secs(600)));
        assert_eq!(duration("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("1y"), Some(Duration::from_secs(31_536_000)));
        for text in ["", "0", "x", "5 parsecs", "-1", "99999999999999999999", "2y"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_body_limit_of_zero_is_unlimited() {
        assert_eq!(body_limit("0"), Some(BodyLimit::Unlimited));
        assert_eq!(body_limit("0m"), Some(BodyLimit::Unlimited));
        assert!(matches!(body_limit("250m"), Some(BodyLimit::Bytes(_))));
        assert_eq!(body_limit("unlimited"), None);
    }
}
