//! Patterns of file names, as in `include conf.d/*.conf`.

use regex::Regex;

/// A pattern of file names with `*`, `?` and `[…]`.
pub(super) struct FilePattern {
    regex: Regex,
    /// As in a shell, a wildcard does not match a leading dot.
    with_dot: bool,
}

/// Returns whether nginx expands a path.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

impl FilePattern {
    /// Parses the pattern of one component of a path. `None` if it is too long.
    pub(super) fn parse(pattern: &str) -> Option<FilePattern> {
        let mut regex = "^(?s:".to_owned();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            match first {
                '*' => regex += ".*",
                '?' => regex += ".",
                '[' => match class(rest) {
                    Some((class, after)) => {
                        regex += &class;
                        rest = after;
                    }
                    None => regex += r"\[",
                },
                '\\' => {
                    let escaped = rest.chars().next().unwrap_or('\\');
                    rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                    regex += &regex::escape(escaped.encode_utf8(&mut [0; 4]));
                }
                other => regex += &regex::escape(other.encode_utf8(&mut [0; 4])),
            }
        }
        Some(FilePattern { regex: Regex::new(&(regex + ")$")).ok()?, with_dot: pattern.starts_with('.') })
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        (self.with_dot || !name.starts_with('.')) && self.regex.is_match(name)
    }
}

/// Returns the regex of a class such as `a-z]` or `!0-9]`, and the text after it; `None` without a `]`.
fn class(text: &str) -> Option<(String, &str)> {
    let (negation, text) = match text.strip_prefix(['!', '^']) {
        Some(rest) => ("^", rest),
        None => ("", text),
    };
    // A `]` in the first place belongs to the class.
    let end = text.char_indices().skip(1).find(|(_, c)| *c == ']').map(|(at, _)| at)?;
    let escaped = |c: char| {
        if c.is_alphanumeric() || c == '-' { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) }
    };
    let inner: String = text[..end].chars().map(escaped).collect();
    Some((format!("[{negation}{inner}]"), &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        FilePattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("?.conf", "a.conf"),
            ("[ab].conf", "b.conf"),
            ("[0-9][0-9]*", "10-allow.conf"),
            ("[!0-9]*", "allow.conf"),
            ("[]a]x", "]x"),
            ("[^&~-]", "a"),
            (".*", ".hidden"),
            ("a[.conf*", "a[.conf"),
            ("\\*.conf", "*.conf"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.conf", "a.config"),
            ("*.conf", ".a.conf"),
            ("?.conf", "ab.conf"),
            ("[ab].conf", "c.conf"),
            ("[!0-9]*", "10.conf"),
            ("[^&~-]", "~"),
            ("\\*.conf", "a.conf"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
