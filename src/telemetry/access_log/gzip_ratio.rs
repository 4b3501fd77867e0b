//! Formats `$gzip_ratio`.

use std::io::Write;

/// Appends the ratio of the lengths before and after compression, rounded to two decimals as in nginx; `-` if the
/// body was not compressed or nothing was sent.
pub(super) fn append(out: &mut Vec<u8>, before: u64, after: u64) {
    if before == 0 || after == 0 {
        return out.push(b'-');
    }
    let hundredths = (before.saturating_mul(1000) / after + 5) / 10;
    // Writing to memory cannot fail.
    let _ = write!(out, "{}.{:02}", hundredths / 100, hundredths % 100);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_rounded_to_two_decimals() {
        for (before, after, expected) in [
            (0, 12, "-"),
            (12, 0, "-"),
            (341, 100, "3.41"),
            (1000, 333, "3.00"),
            (3996, 1000, "4.00"),
            (1, 20, "0.05"),
            (5, 25, "0.20"),
            (2_000, 3, "666.67"),
        ] {
            let mut out = Vec::new();
            append(&mut out, before, after);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{before} / {after}");
        }
    }
}
