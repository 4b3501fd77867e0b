//! Escapes log values, so that no value can end a field or a line.

use std::io::Write;

use crate::model::log_format::LogEscape;

/// Appends a value with nginx's default escaping: `"`, `\` and bytes outside printable ASCII become `\xHH`.
///
/// ```
/// use gatepost::telemetry::access_log::escape;
///
/// let mut line = Vec::new();
/// escape::append(&mut line, b"a\"b\n");
/// assert_eq!(line, br"a\x22b\x0A");
/// ```
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text);
    escape_from(LogEscape::Default, out, start);
}

/// Escapes the bytes of `out` from `start` in place. Most values need no escaping.
pub fn escape_from(escape: LogEscape, out: &mut Vec<u8>, start: usize) {
    match escape {
        LogEscape::Default => replace_from(out, start, is_plain_text, escape_text),
        LogEscape::Json => replace_from(out, start, is_plain_json, escape_json),
        LogEscape::None => {}
    }
}

/// Replaces every byte that is not plain by its escape sequence.
fn replace_from(out: &mut Vec<u8>, start: usize, is_plain: impl Fn(u8) -> bool, escape: impl Fn(&mut Vec<u8>, u8)) {
    // `fold` does not stop early, so the compiler vectorises the loop.
    if out[start..].iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
        return;
    }
    for byte in out.split_off(start) {
        if is_plain(byte) { out.push(byte) } else { escape(out, byte) }
    }
}

fn is_plain_text(byte: u8) -> bool {
    matches!(byte, 32..=126) && !matches!(byte, b'"' | b'\\')
}

/// Non-ASCII bytes are plain, as in nginx.
fn is_plain_json(byte: u8) -> bool {
    byte >= 32 && !matches!(byte, b'"' | b'\\')
}

fn escape_text(out: &mut Vec<u8>, byte: u8) {
    // Writing to memory cannot fail.
    let _ = write!(out, "\\x{byte:02X}");
}

fn escape_json(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => return drop(write!(out, "\\u{byte:04X}")),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: LogEscape, text: &[u8]) -> Vec<u8> {
        let mut out = b"\"".to_vec();
        out.extend_from_slice(text);
        escape_from(escape, &mut out, 1);
        out.split_off(1)
    }

    #[test]
    fn each_escaping_mode_escapes_its_own_set_of_bytes() {
        let text = b"a\"b\\c\nd\x01\xFC";
        assert_eq!(escaped(LogEscape::Default, text), br"a\x22b\x5Cc\x0Ad\x01\xFC");
        assert_eq!(escaped(LogEscape::Json, text), b"a\\\"b\\\\c\\nd\\u0001\xFC");
        assert_eq!(escaped(LogEscape::None, text), text);
    }
}
