//! Parses durations such as `30s`.

use std::time::Duration;

use crate::config::diagnostic::ValueError;

/// Parses a duration: a whole number with the unit `ms`, `s`, `m`, `h` or `d`.
///
/// ```
/// use std::time::Duration;
/// use gatepost::config::values::duration;
///
/// assert_eq!(duration::parse("250ms"), Ok(Duration::from_millis(250)));
/// assert_eq!(duration::parse("1h"), Ok(Duration::from_secs(3600)));
/// assert!(duration::parse("30").is_err(), "the unit is missing");
/// assert!(duration::parse("0s").is_err());
/// ```
///
/// # Errors
/// Returns an error for any other text, for zero, and for more than 365 days. The upper limit prevents overflow
/// when a duration is added to the clock.
pub fn parse(text: &str) -> Result<Duration, ValueError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
    let (Ok(number), Some(millis)) = (number.parse::<u64>(), millis) else {
        return Err(ValueError::new(format!("`{text}` is not a duration")).help(EXPECTED));
    };
    match number.checked_mul(millis) {
        Some(0) => Err(ValueError::new(format!("duration `{text}` must be longer than zero")).help(EXPECTED)),
        Some(total) if total <= MAX_MILLIS => Ok(Duration::from_millis(total)),
        _ => Err(ValueError::new(format!("`{text}` is longer than 365 days")).help("write at most \"365d\"")),
    }
}

/// Help text for a value that is not a duration.
pub const EXPECTED: &str = "write a number with a unit in quotes: \"250ms\", \"30s\", \"5m\", \"1h\" or \"1d\"";

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const MAX_MILLIS: u64 = 365 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_parsed() {
        let read = ["250ms", "30s", "5m", "1h", "1d"].map(|text| parse(text).map(|it| it.as_millis()));
        assert_eq!(read, [Ok(250), Ok(30_000), Ok(300_000), Ok(3_600_000), Ok(86_400_000)]);
    }

    #[test]
    fn an_invalid_duration_is_rejected() {
        for text in ["", "30", "s", "30 s", "-1s", "1.5h", "1h30m", "30S", "ten seconds", "99999999999999999999s"] {
            assert_eq!(parse(text).unwrap_err().message, format!("`{text}` is not a duration"));
        }
    }

    #[test]
    fn zero_and_more_than_365_days_are_rejected() {
        assert_eq!(parse("0s").unwrap_err().message, "duration `0s` must be longer than zero");
        assert!(parse("365d").is_ok());
        for text in ["366d", "9999999999999999999d"] {
            assert_eq!(parse(text).unwrap_err().message, format!("`{text}` is longer than 365 days"));
        }
    }
}
