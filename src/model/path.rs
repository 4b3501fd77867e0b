//! The path that routes are chosen by.
//!
//! As in nginx it is decoded, repeated slashes are one, and `.` and `..` are resolved; otherwise an
//! encoded slash or a detour would lead around a route. The application still gets the path as it came,
//! unless its route replaces a part of it.

use std::borrow::Cow;
use std::fmt::Write;

/// The path leaves the root (`/../x`) or holds a NUL, or an escape that is none: nobody means that well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPath;

/// The normal form of a path. Borrowed when it is in normal form already, as nearly all are.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    if is_normal(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    // Bytes that are no UTF-8 become U+FFFD, which no route is written with.
    Ok(Cow::Owned(String::from_utf8_lossy(&normal_bytes(path)?).into_owned()))
}

/// The path with `replacement` in place of the first `matched` bytes of its normal form. The rest of the
/// normal form is encoded again, as nginx does it.
pub fn replace_prefix(path: &str, matched: usize, replacement: &str) -> Result<String, InvalidPath> {
    let normal = normal_bytes(path)?;
    let mut replaced = replacement.to_owned();
    for byte in normal.get(matched..).unwrap_or_default() {
        if is_plain(*byte) {
            replaced.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(replaced, "%{byte:02X}");
        }
    }
    Ok(replaced)
}

/// Whether there is nothing to decode and nothing to resolve. One pass over so short a text costs a fraction of
/// three searches.
fn is_normal(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().all(|&byte| {
        let is_detour = before == b'/' && matches!(byte, b'/' | b'.');
        before = byte;
        byte != b'%' && !is_detour
    })
}

fn normal_bytes(path: &str) -> Result<Vec<u8>, InvalidPath> {
    let decoded = decoded_bytes(path)?;
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop().ok_or(InvalidPath)?;
            }
            _ => kept.push(segment),
        }
    }
    let ends_in_slash = [&b"/"[..], b"/.", b"/.."].iter().any(|end| decoded.ends_with(end));
    let slash: &[u8] = if ends_in_slash && !kept.is_empty() { b"/" } else { b"" };
    Ok([b"/", &kept.join(&b'/')[..], slash].concat())
}

/// Whether nginx writes a byte of a path as it is.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#%<>?\\^`{|}".contains(&byte)
}

/// Percent-decoding. Bytes that are no UTF-8 become U+FFFD.
pub fn decode(path: &str) -> Result<String, InvalidPath> {
    Ok(String::from_utf8_lossy(&decoded_bytes(path)?).into_owned())
}

fn decoded_bytes(path: &str) -> Result<Vec<u8>, InvalidPath> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => other,
        };
        if byte == 0 {
            return Err(InvalidPath);
        }
        decoded.push(byte);
    }
    Ok(decoded)
}

fn hex(digit: Option<u8>) -> Result<u8, InvalidPath> {
    let digit = char::from(digit.ok_or(InvalidPath)?).to_digit(16).ok_or(InvalidPath)?;
    u8::try_from(digit).map_err(|_| InvalidPath)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_and_encodings_do_not_lead_around_a_route() {
        for (path, normal) in [
            ("/group/project", "/group/project"),
            ("/a%2Fb/../c", "/a/c"),
            ("//x//y/", "/x/y/"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/%61dmin", "/admin"),
            ("/.well-known/x", "/.well-known/x"),
            ("/", "/"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(normal), "{path}");
        }
    }

    #[test]
    fn the_matched_part_is_replaced_and_the_rest_is_encoded_anew() {
        for (path, matched, replacement, replaced) in [
            ("/k8s-proxy/api/v1", "/k8s-proxy/", "/", "/api/v1"),
            ("/k8s-proxy/a%2Fb/%2e./c%20d", "/k8s-proxy/", "/", "/a/c%20d"),
            ("/k8s-proxy/%c3%a4%3F%23%25", "/k8s-proxy/", "/x/", "/x/%C3%A4%3F%23%25"),
            ("/k8s-proxy/%ff", "/k8s-proxy/", "/", "/%FF"),
            ("/%6b8s-proxy//v1:x@y;z=1", "/k8s-proxy/", "/", "/v1:x@y;z=1"),
            ("/kas/", "/kas/", "/", "/"),
        ] {
            assert_eq!(replace_prefix(path, matched.len(), replacement).as_deref(), Ok(replaced), "{path}");
        }
    }

    #[test]
    fn a_path_that_leaves_the_root_is_refused() {
        for path in ["/..", "/a/../../b", "/%2e%2e/x", "/a%00b", "/%zz", "/%4"] {
            assert_eq!(normalise(path), Err(InvalidPath), "{path}");
        }
    }
}
