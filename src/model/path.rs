//! The path that routes are chosen by.
//!
//! As in nginx it is decoded, repeated slashes are one, and `.` and `..` are resolved; otherwise an
//! encoded slash or a detour would lead around a route. The application still gets the path as it came.

use std::borrow::Cow;

/// The path leaves the root (`/../x`) or holds a NUL, or an escape that is none: nobody means that well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidPath;

/// The normal form of a path. Borrowed when it is in normal form already, as nearly all are.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    let is_normal = !path.contains('%') && !path.contains("//") && !path.contains("/.");
    if is_normal {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode(path)?;
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop().ok_or(InvalidPath)?;
            }
            _ => kept.push(segment),
        }
    }
    let ends_in_slash = ["/", "/.", "/.."].iter().any(|end| decoded.ends_with(end));
    let slash = if ends_in_slash && !kept.is_empty() { "/" } else { "" };
    Ok(Cow::Owned(format!("/{}{slash}", kept.join("/"))))
}

/// Percent-decoding. Bytes that are no UTF-8 become U+FFFD, which no route is written with.
pub fn decode(path: &str) -> Result<String, InvalidPath> {
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
    Ok(String::from_utf8_lossy(&decoded).into_owned())
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
    fn a_path_that_leaves_the_root_is_refused() {
        for path in ["/..", "/a/../../b", "/%2e%2e/x", "/a%00b", "/%zz", "/%4"] {
            assert_eq!(normalise(path), Err(InvalidPath), "{path}");
        }
    }
}
