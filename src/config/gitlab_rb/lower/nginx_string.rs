//! Texts that the package copies into nginx's configuration, read as nginx reads them.

/// Why nginx would not take a text for one argument of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidNginxWord {
    /// A quote that is not closed, or something behind the closing one.
    Quotes,
    /// Something that ends the directive.
    Ends(char),
}

/// One argument of a directive. Quotes belong to nginx, not to the value. Blanks outside quotes would separate
/// arguments; they are kept, because what is meant is clear.
pub(super) fn word(text: &str) -> Result<String, InvalidNginxWord> {
    let text = text.trim();
    let Some(quote) = text.chars().next().filter(|first| ['"', '\''].contains(first)) else {
        return match end_of_bare_word(text) {
            Some(end) => Err(InvalidNginxWord::Ends(end)),
            None => Ok(unescaped(text)),
        };
    };
    let inner = text[1..].strip_suffix(quote).filter(|inner| find_unescaped(inner, &[quote]).is_none());
    inner.map(unescaped).ok_or(InvalidNginxWord::Quotes)
}

/// What is meant by a text between quotes.
pub(super) fn unescaped(text: &str) -> String {
    let mut meant = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.clone().next() } else { None };
        let replaced = match escaped {
            Some(quoted @ ('"' | '\'' | '\\')) => quoted,
            Some('t') => '\t',
            Some('r') => '\r',
            Some('n') => '\n',
            // A backslash before anything else stands for itself.
            Some(_) | None => {
                meant.push(c);
                continue;
            }
        };
        meant.push(replaced);
        rest.next();
    }
    meant
}

/// The first of some characters that no backslash stands before. A backslash at the very end would escape
/// the quote behind it, so it counts as one of them.
pub(super) fn find_unescaped(text: &str, wanted: &[char]) -> Option<char> {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if wanted.contains(&c) || c == '\\' && rest.next().is_none() {
            return Some(c);
        }
    }
    None
}

/// The braces of a variable are no block.
fn end_of_bare_word(text: &str) -> Option<char> {
    let outside: String = text
        .split("${")
        .enumerate()
        .map(|(nth, part)| if nth == 0 { part } else { part.split_once('}').map_or(part, |(_, rest)| rest) })
        .collect();
    find_unescaped(&outside, &[';', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_belong_to_nginx_and_blanks_to_the_value() {
        for (text, value) in [
            ("https", "https"),
            (r#""two words""#, "two words"),
            ("'a \"b\"'", "a \"b\""),
            (r#""a \"b\" \\ \d""#, r#"a "b" \ \d"#),
            ("two words", "two words"),
            ("t=${msec}", "t=${msec}"),
            ("\"\"", ""),
            ("\"a;b\"", "a;b"),
        ] {
            assert_eq!(word(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_would_end_the_directive_is_no_value() {
        assert_eq!(word("a; proxy_set_header X-Admin yes"), Err(InvalidNginxWord::Ends(';')));
        assert_eq!(word("a{b"), Err(InvalidNginxWord::Ends('{')));
        for text in ["\"a", "\"a\" b", "\"a\\\"", "'"] {
            assert_eq!(word(text), Err(InvalidNginxWord::Quotes), "{text}");
        }
    }
}
