//! Path normalization and prefix replacement.
//!
//! Routes are matched against the normalized path, as in nginx: percent-encoding is decoded, repeated slashes
//! are merged, and `.` and `..` are resolved. Otherwise an encoded slash or a `..` segment could bypass a
//! route. The upstream receives the path unchanged, unless its route replaces the prefix.

use std::borrow::Cow;
use std::fmt::Write;

/// Error returned for a path that leaves the root (`/../x`), contains NUL, or has an invalid escape. No
/// legitimate client sends such a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPath;

/// Returns the normalized path. The result is borrowed if the path is normalized already, as nearly all paths
/// are.
///
/// # Errors
/// The path leaves the root, contains NUL, or has an invalid escape.
///
/// ```
/// use gatepost::model::path::normalize;
///
/// assert_eq!(normalize("/group/project").as_deref(), Ok("/group/project"));
/// assert_eq!(normalize("//a%2Fb/./../c").as_deref(), Ok("/a/c"));
/// assert!(normalize("/a/%2e%2e/..").is_err());
/// ```
pub fn normalize(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    if is_normalized(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    // Bytes that are not UTF-8 become U+FFFD, which occurs in no route.
    Ok(Cow::Owned(String::from_utf8_lossy(&normalized_bytes(path)?).into_owned()))
}

/// Replaces the matched prefix of a path: returns `replacement` followed by the normalized path without its
/// first `matched` bytes. The kept part is percent-encoded again, as nginx does for `proxy_pass` with a URI.
///
/// # Errors
/// The path leaves the root, contains NUL, or has an invalid escape.
///
/// ```
/// use gatepost::model::path::replace_prefix;
///
/// let path = replace_prefix("/k8s-proxy/a%2Fb/./c%20d", "/k8s-proxy/".len(), "/");
/// assert_eq!(path.as_deref(), Ok("/a/b/c%20d"));
/// ```
pub fn replace_prefix(path: &str, matched: usize, replacement: &str) -> Result<String, InvalidPath> {
    let normalized = normalized_bytes(path)?;
    let mut replaced = replacement.to_owned();
    for byte in normalized.get(matched..).unwrap_or_default() {
        if is_unencoded(*byte) {
            replaced.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(replaced, "%{byte:02X}");
        }
    }
    Ok(replaced)
}

/// Returns whether there is nothing to decode and nothing to resolve. One pass over such a short text costs a
/// fraction of three searches.
fn is_normalized(path: &[u8]) -> bool {
    let mut previous = 0;
    path.iter().all(|&byte| {
        let is_resolvable = previous == b'/' && matches!(byte, b'/' | b'.');
        previous = byte;
        byte != b'%' && !is_resolvable
    })
}

fn normalized_bytes(path: &str) -> Result<Vec<u8>, InvalidPath> {
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

/// Returns whether nginx leaves a byte of a path unencoded.
fn is_unencoded(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#%<>?\\^`{|}".contains(&byte)
}

/// Percent-decodes a path without resolving segments. Bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// The path contains NUL or an invalid escape.
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
    fn dot_segments_and_encodings_do_not_bypass_a_route() {
        for (path, normalized) in [
            ("/group/project", "/group/project"),
            ("/a%2Fb/../c", "/a/c"),
            ("//x//y/", "/x/y/"),
            ("/a/./b/.", "/a/b/"),
            ("/a/b/..", "/a/"),
            ("/%61dmin", "/admin"),
            ("/.well-known/x", "/.well-known/x"),
            ("/", "/"),
        ] {
            assert_eq!(normalize(path).as_deref(), Ok(normalized), "{path}");
        }
    }

    #[test]
    fn the_prefix_is_replaced_and_the_rest_is_encoded_again() {
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
    fn a_path_that_leaves_the_root_is_rejected() {
        for path in ["/..", "/a/../../b", "/%2e%2e/x", "/a%00b", "/%zz", "/%4"] {
            assert_eq!(normalize(path), Err(InvalidPath), "{path}");
        }
    }
}
