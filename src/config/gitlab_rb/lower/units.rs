//! nginx's notations of sizes and times, and OpenSSL's of TLS versions and groups.

use std::time::Duration;

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::Spanned;
use crate::config::values::size;
use crate::model::BodyLimit;
use crate::model::tls::{NamedGroup, TlsVersions};

/// Reads `0`, `250m` or `1048576`.
pub(in crate::config::gitlab_rb) fn body_limit(text: &str) -> Option<BodyLimit> {
    if text.trim_end_matches(['k', 'm', 'g', 'K', 'M', 'G']) == "0" {
        return Some(BodyLimit::Unlimited);
    }
    size::parse(text).ok().filter(|_| text != "unlimited")
}

/// Reads `3600`, `3600s`, `1h 30m`. Zero and more than a year are none.
pub(in crate::config::gitlab_rb) fn span(text: &str) -> Option<Duration> {
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

/// Reads nginx's `ssl_protocols`. Versions before 1.2 are broken (RFC 8996) and do not exist here.
pub(super) fn tls_versions(said: &Spanned<String>, problems: &mut Diagnostics) -> TlsVersions {
    let words: Vec<&str> = said.value.split_whitespace().collect();
    let old: Vec<&str> = words.iter().copied().filter(|word| !["TLSv1.2", "TLSv1.3"].contains(word)).collect();
    if !old.is_empty() && old.len() < words.len() {
        let message = format!("{} cannot be offered; TLS begins with 1.2 here", old.join(" and "));
        problems.push(Diagnostic::warning(&said.span, message).help("clients that need it cannot connect"));
    }
    match (words.contains(&"TLSv1.2"), words.contains(&"TLSv1.3")) {
        (true, false) => {
            let message = "TLS 1.3 is offered too; it cannot be switched off";
            problems.push(Diagnostic::warning(&said.span, message).help("write 'TLSv1.2 TLSv1.3'"));
            TlsVersions::Tls12And13
        }
        (true, true) => TlsVersions::Tls12And13,
        (false, true) => TlsVersions::Tls13Only,
        (false, false) => {
            let message = format!("none of `{}` can be offered", said.value);
            problems.push(Diagnostic::error(&said.span, message).help("write 'TLSv1.2 TLSv1.3'"));
            TlsVersions::Tls12And13
        }
    }
}

/// The group of a name that OpenSSL understands.
pub(super) fn group(name: &str) -> Option<NamedGroup> {
    match name {
        "X25519MLKEM768" => Some(NamedGroup::X25519MlKem768),
        "X25519" | "x25519" => Some(NamedGroup::X25519),
        "prime256v1" | "P-256" | "secp256r1" => Some(NamedGroup::P256),
        "secp384r1" | "P-384" => Some(NamedGroup::P384),
        _ => None,
    }
}

/// Whether a word of OpenSSL names a version before 1.3.
pub(super) fn is_before_tls13(word: &str) -> bool {
    ["None", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"].contains(&word)
}

/// nginx takes a number without a unit for seconds.
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

const YEAR: u64 = 31_536_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nginx_units_and_can_be_added() {
        assert_eq!(span("600"), Some(Duration::from_secs(600)));
        assert_eq!(span("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(span("1y"), Some(Duration::from_secs(31_536_000)));
        for text in ["", "0", "x", "5 parsecs", "-1", "99999999999999999999", "2y"] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn a_body_limit_of_zero_is_none() {
        assert_eq!(body_limit("0"), Some(BodyLimit::Unlimited));
        assert_eq!(body_limit("0m"), Some(BodyLimit::Unlimited));
        assert!(matches!(body_limit("250m"), Some(BodyLimit::Bytes(_))));
        assert_eq!(body_limit("unlimited"), None);
    }
}
