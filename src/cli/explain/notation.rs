//! Formats single values in the notation of the TOML configuration.

use std::time::Duration;

use http::HeaderValue;

use crate::model::{BodyLimit, LogLevel, LogTarget, template};

/// Formats a duration in the largest unit that divides it, such as `90s` or `1h`. Fractions of a millisecond are
/// dropped.
pub(super) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (unit, length) = UNITS.iter().find(|(_, length)| millis.is_multiple_of(*length)).unwrap_or(&("ms", 1));
    format!("{}{unit}", millis / length)
}

/// Formats a body limit in the largest unit that divides it, such as `8k`; `unlimited` without a limit.
pub(super) fn body_limit(limit: BodyLimit) -> String {
    let BodyLimit::Bytes(bytes) = limit else { return "unlimited".to_owned() };
    let bytes = bytes.get();
    match SIZES.iter().find(|(_, size)| bytes.is_multiple_of(*size)) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}

pub(super) fn log_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

pub(super) fn log_target(target: &LogTarget) -> String {
    match target {
        LogTarget::Off => "off".to_owned(),
        LogTarget::Stdout => "stdout".to_owned(),
        LogTarget::File(path) => path.display().to_string(),
    }
}

/// Returns the text of a header value. The configuration accepts text values only.
pub(super) fn header_value(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Returns the text of a header value with `$` escaped, because `$` begins a variable in a template.
pub(super) fn header_template(value: &HeaderValue) -> String {
    template::escape(&header_value(value))
}

const UNITS: [(&str, u128); 4] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

const SIZES: [(&str, u64); 3] = [("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10)];

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    #[test]
    fn durations_use_the_largest_unit_that_divides_them() {
        let text = |millis| duration(Duration::from_millis(millis));
        assert_eq!(text(250), "250ms");
        assert_eq!(text(1500), "1500ms");
        assert_eq!(text(90_000), "90s");
        assert_eq!(text(3_600_000), "1h");
        assert_eq!(text(36 * 3_600_000), "36h");
        assert_eq!(text(48 * 3_600_000), "2d");
    }

    #[test]
    fn sizes_use_the_largest_unit_that_divides_them() {
        let text = |bytes| NonZeroU64::new(bytes).map(|bytes| body_limit(BodyLimit::Bytes(bytes)));
        assert_eq!(text(1000), Some("1000".to_owned()));
        assert_eq!(text(8 << 10), Some("8k".to_owned()));
        assert_eq!(text(1 << 30), Some("1g".to_owned()));
        assert_eq!(body_limit(BodyLimit::Unlimited), "unlimited");
    }
}
