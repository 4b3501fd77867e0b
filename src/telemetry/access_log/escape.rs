//! How values are written into a log so that nothing in them can end a field or a line.

use std::io::Write;

use crate::model::log_format::LogEscape;

/// Appends a value with nginx's default escaping: what could break a line or a quoted field becomes `\xHH`.
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    out.extend_from_slice(text);
    escape_from(LogEscape::Default, out, start);
}

/// Escapes what was appended since `start`. There is seldom anything to do.
pub fn escape_from(escape: LogEscape, out: &mut Vec<u8>, start: usize) {
    match escape {
        LogEscape::Default => replace_from(out, start, is_plain_text, escape_text),
        LogEscape::Json => replace_from(out, start, is_plain_json, escape_json),
        LogEscape::None => {}
    }
}

/// Puts what `escape` makes of it in the place of every byte that is not plain.
fn replace_from(out: &mut Vec<u8>, start: usize, is_plain: impl Fn(u8) -> bool, escape: impl Fn(&mut Vec<u8>, u8)) {
    // Without an early end, so that many bytes are looked at in one step.
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

/// Beyond ASCII, bytes pass as they are, as in nginx.
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
    fn each_escaping_has_its_own_dangerous_bytes() {
        let text = b"a\"b\\c\nd\x01\xFC";
        assert_eq!(escaped(LogEscape::Default, text), br"a\x22b\x5Cc\x0Ad\x01\xFC");
        assert_eq!(escaped(LogEscape::Json, text), b"a\\\"b\\\\c\\nd\\u0001\xFC");
        assert_eq!(escaped(LogEscape::None, text), text);
    }
}
