//! Parses sizes such as `250m`.

use std::num::NonZeroU64;

use crate::config::diagnostic::ValueError;
use crate::model::BodyLimit;

/// Parses a size in nginx syntax: bytes, or a number with the unit `k`, `m` or `g` (powers of 1024); or
/// `unlimited`.
///
/// ```
/// use gatepost::config::values::size;
/// use gatepost::model::BodyLimit;
///
/// assert_eq!(size::parse("1k"), size::parse("1024"));
/// assert_eq!(size::parse("unlimited"), Ok(BodyLimit::Unlimited));
/// assert!(size::parse("0").is_err());
/// ```
///
/// # Errors
/// Returns an error for any other text, and for 0: nginx `client_max_body_size 0` means "unlimited", but the value
/// also reads as "no body".
pub fn parse(text: &str) -> Result<BodyLimit, ValueError> {
    if text == "unlimited" {
        return Ok(BodyLimit::Unlimited);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(not_a_size(text)),
    };
    let number: u64 = number.parse().map_err(|_| not_a_size(text))?;
    match number.checked_mul(1 << shift) {
        Some(bytes) => bytes_limit(bytes),
        None => Err(ValueError::new(format!("size `{text}` exceeds 2^64 - 1 bytes")).help(EXPECTED)),
    }
}

/// Returns a limit in bytes.
///
/// # Errors
/// Returns an error for 0; see [`parse`].
pub fn bytes_limit(bytes: u64) -> Result<BodyLimit, ValueError> {
    match NonZeroU64::new(bytes) {
        Some(bytes) => Ok(BodyLimit::Bytes(bytes)),
        None => Err(ValueError::new("a limit of `0` is ambiguous: all bodies or none")
            .help("write \"unlimited\" to accept bodies of any size")),
    }
}

/// Help text for a value that is not a size.
pub const EXPECTED: &str = "write \"unlimited\", a size such as \"512m\" (units k, m, g), or a number of bytes";

fn not_a_size(text: &str) -> ValueError {
    ValueError::new(format!("`{text}` is not a size")).help(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Option<u64> {
        match parse(text) {
            Ok(BodyLimit::Bytes(bytes)) => Some(bytes.get()),
            _ => None,
        }
    }

    #[test]
    fn units_are_powers_of_1024_in_either_case() {
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("8k"), Some(8 * 1024));
        assert_eq!(bytes("512m"), Some(512 * 1024 * 1024));
        assert_eq!(bytes("2G"), Some(2 * 1024 * 1024 * 1024));
        assert_eq!(parse("unlimited"), Ok(BodyLimit::Unlimited));
    }

    #[test]
    fn an_invalid_size_is_rejected() {
        for text in ["", "m", "5t", "5mb", "-1", "1.5g", "Unlimited", "5 m"] {
            assert_eq!(parse(text).unwrap_err().message, format!("`{text}` is not a size"));
        }
        assert_eq!(parse("99999999999g").unwrap_err().message, "size `99999999999g` exceeds 2^64 - 1 bytes");
    }

    #[test]
    fn zero_is_rejected_with_help() {
        for text in ["0", "0m"] {
            assert!(parse(text).unwrap_err().help.is_some_and(|help| help.contains("\"unlimited\"")));
        }
    }
}
