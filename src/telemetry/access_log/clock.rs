//! Formats log timestamps.

use std::io::Write;

use chrono::{DateTime, Local};

use crate::model::variable::TimeVariable;

/// Appends the current time in the format of an nginx variable.
pub fn append(clock: TimeVariable, out: &mut Vec<u8>) {
    append_time(clock, Local::now(), out);
}

fn append_time(clock: TimeVariable, now: DateTime<Local>, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = match clock {
        TimeVariable::Msec => {
            let millis = now.timestamp_millis();
            write!(out, "{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
        }
        TimeVariable::TimeLocal => write!(out, "{}", now.format(TIME_LOCAL)),
        TimeVariable::TimeIso8601 => write!(out, "{}", now.format("%Y-%m-%dT%H:%M:%S%:z")),
    };
}

/// Format of `$time_local`, such as `23/Nov/2026:16:18:02 +0000`.
pub(super) const TIME_LOCAL: &str = "%d/%b/%Y:%H:%M:%S %z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_the_formats_of_nginx() {
        let now = DateTime::from_timestamp_millis(1_795_450_682_007).unwrap().with_timezone(&Local);
        let text = |clock| {
            let mut out = Vec::new();
            append_time(clock, now, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(TimeVariable::Msec), "1795450682.007");
        assert_eq!(
            DateTime::parse_from_rfc3339(&text(TimeVariable::TimeIso8601)).unwrap().timestamp(),
            1_795_450_682
        );
        assert_eq!(
            DateTime::parse_from_str(&text(TimeVariable::TimeLocal), TIME_LOCAL).unwrap().timestamp(),
            1_795_450_682
        );
        assert_eq!(text(TimeVariable::TimeIso8601).len(), "2026-11-23T16:18:02+00:00".len());
    }
}
