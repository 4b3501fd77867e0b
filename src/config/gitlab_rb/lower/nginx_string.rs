//! Parses values that the package inserts into nginx configuration.

/// Why nginx rejects a text as one argument of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidNginxWord {
    /// An unclosed quote, or characters after the closing one.
    Quotes,
    /// A character that ends the directive.
    Ends(char),
}

/// Parses one argument of a directive. Quotes are nginx syntax, not part of the value. Blanks outside quotes
/// would separate arguments in nginx; they are kept, because the intended value is clear.
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

/// Replaces the escapes of nginx in a text between quotes.
pub(super) fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let escaped = if c == '\\' { rest.clone().next() } else { None };
        let replaced = match escaped {
            Some(quoted @ ('"' | '\'' | '\\')) => quoted,
            Some('t') => '\t',
            Some('r') => '\r',
            Some('n') => '\n',
            // Before any other character, a backslash is literal.
            Some(_) | None => {
                value.push(c);
                continue;
            }
        };
        value.push(replaced);
        rest.next();
    }
    value
}

/// Returns the first of `wanted` that no backslash escapes. A backslash at the end of the text is returned too,
/// because it would escape the quote after the text.
pub(super) fn find_unescaped(text: &str, wanted: &[char]) -> Option<char> {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if wanted.contains(&c) || c == '\\' && rest.next().is_none() {
            return Some(c);
        }
    }
    None
}

/// Returns the character that ends an unquoted word. The braces of a variable (`${name}`) are not a block.
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
    fn quotes_are_removed_and_blanks_are_kept() {
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
    fn a_value_that_ends_the_directive_is_an_error() {
        assert_eq!(word("a; proxy_set_header X-Admin yes"), Err(InvalidNginxWord::Ends(';')));
        assert_eq!(word("a{b"), Err(InvalidNginxWord::Ends('{')));
        for text in ["\"a", "\"a\" b", "\"a\\\"", "'"] {
            assert_eq!(word(text), Err(InvalidNginxWord::Quotes), "{text}");
        }
    }
}
