//! How many times smaller compression made a body, as nginx writes it.

use std::io::Write;

/// Appends the ratio with two decimals, rounded; `-` where nothing was compressed or nothing went out.
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
    fn a_ratio_has_two_decimals_and_is_rounded() {
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
