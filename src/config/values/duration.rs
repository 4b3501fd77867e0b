//! Spans of time as people write them: a number and a unit.

use std::time::Duration;

use crate::config::diagnostic::ValueError;

/// Reads `250ms`, `30s`, `5m`, `1h` or `1d`. Zero is refused, and so is more than a year: sums with
/// the clock then cannot overflow.
pub fn parse(text: &str) -> Result<Duration, ValueError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, millis)| *millis);
    let (Ok(number), Some(millis)) = (number.parse::<u64>(), millis) else {
        return Err(ValueError::new(format!("`{text}` is not a duration")).help(EXPECTED));
    };
    match number.checked_mul(millis) {
        Some(0) => Err(ValueError::new("a duration of zero would end everything at once").help(EXPECTED)),
        Some(total) if total <= MAX_MILLIS => Ok(Duration::from_millis(total)),
        _ => Err(ValueError::new(format!("`{text}` is longer than a year")).help("the longest duration is 365d")),
    }
}

/// What to write, for values that are not even a text.
pub const EXPECTED: &str = "write a number with a unit in quotes: \"250ms\", \"30s\", \"5m\", \"1h\" or \"1d\"";

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const MAX_MILLIS: u64 = 365 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = ["250ms", "30s", "5m", "1h", "1d"].map(|text| parse(text).map(|it| it.as_millis()));
        assert_eq!(read, [Ok(250), Ok(30_000), Ok(300_000), Ok(3_600_000), Ok(86_400_000)]);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "30", "s", "30 s", "-1s", "1.5h", "1h30m", "30S", "ten seconds", "99999999999999999999s"] {
            assert_eq!(parse(text).unwrap_err().message, format!("`{text}` is not a duration"));
        }
    }

    #[test]
    fn zero_and_more_than_a_year_are_refused() {
        assert_eq!(parse("0s").unwrap_err().message, "a duration of zero would end everything at once");
        assert!(parse("365d").is_ok());
        for text in ["366d", "9999999999999999999d"] {
            assert_eq!(parse(text).unwrap_err().message, format!("`{text}` is longer than a year"));
        }
    }
}
