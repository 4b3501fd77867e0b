//! Tokens, by the rules of `ngx_conf_read_token` of nginx.
//!
//! - A word ends at a blank, `;` or `{`.
//! - A `}` is a token only where a word could begin.
//! - `${` begins a variable, not a block.
//! - A backslash escapes the next character, including one that would end the word.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// A word token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NginxWord {
    /// The word without its quotes, with escapes replaced.
    pub(super) text: String,
    /// Byte range of the word in the text, quotes included.
    pub(super) range: Range<usize>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NginxToken {
    Word(NginxWord),
    /// `;`
    End(Range<usize>),
    /// `{`
    Open(Range<usize>),
    /// `}`
    Close(Range<usize>),
}

/// A syntax error and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NginxSyntaxError {
    pub(super) message: &'static str,
    pub(super) help: &'static str,
    pub(super) range: Range<usize>,
}

/// Splits text into tokens.
pub(super) struct NginxLexer<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl<'a> NginxLexer<'a> {
    pub(super) fn new(text: &'a str) -> NginxLexer<'a> {
        NginxLexer { text, rest: text.char_indices().peekable() }
    }

    /// Returns the next token, or `None` at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<NginxToken>, NginxSyntaxError> {
        self.skip_blanks();
        let Some((start, first)) = self.rest.peek().copied() else { return Ok(None) };
        let range = start..start + 1;
        let token = match first {
            ';' => NginxToken::End(range),
            '{' => NginxToken::Open(range),
            '}' => NginxToken::Close(range),
            '"' | '\'' => return self.quoted(start, first).map(|word| Some(NginxToken::Word(word))),
            _ => return Ok(Some(NginxToken::Word(self.bare(start)))),
        };
        self.rest.next();
        Ok(Some(token))
    }

    /// Skips blanks, and comments up to the end of their line.
    fn skip_blanks(&mut self) {
        let mut in_comment = false;
        while let Some((_, c)) = self.rest.peek() {
            match c {
                '\n' => in_comment = false,
                '#' => in_comment = true,
                c if in_comment || is_blank(*c) => {}
                _ => return,
            }
            self.rest.next();
        }
    }

    fn bare(&mut self, start: usize) -> NginxWord {
        let mut end = start;
        let mut is_variable = false;
        while let Some((at, c)) = self.rest.peek().copied() {
            if is_blank(c) || c == ';' || (c == '{' && !is_variable) {
                break;
            }
            self.rest.next();
            end = at + c.len_utf8();
            if c == '\\'
                && let Some((at, protected)) = self.rest.next()
            {
                end = at + protected.len_utf8();
            }
            is_variable = c == '$';
        }
        NginxWord { text: unescaped(&self.text[start..end]), range: start..end }
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<NginxWord, NginxSyntaxError> {
        self.rest.next();
        while let Some((at, c)) = self.rest.next() {
            if c == '\\' {
                self.rest.next();
            } else if c == quote {
                self.end_of_quoted(at)?;
                return Ok(NginxWord { text: unescaped(&self.text[start + 1..at]), range: start..at + 1 });
            }
        }
        Err(NginxSyntaxError {
            message: "unclosed quote",
            help: "close the quote, or escape it with a backslash",
            range: start..start + 1,
        })
    }

    /// Checks the character after a closing quote: nginx accepts a blank, `;`, `{` or the `)` of an `if`.
    fn end_of_quoted(&mut self, at: usize) -> Result<(), NginxSyntaxError> {
        match self.rest.peek() {
            Some((next, c)) if !is_blank(*c) && ![';', '{', ')'].contains(c) => Err(NginxSyntaxError {
                message: "unexpected character after a closing quote",
                help: "insert a blank between them, or quote the whole word",
                range: at..next + c.len_utf8(),
            }),
            _ => Ok(()),
        }
    }
}

fn is_blank(c: char) -> bool {
    [' ', '\t', '\r', '\n'].contains(&c)
}

/// Replaces the escapes of nginx: `\"`, `\'`, `\\`, `\t`, `\r` and `\n`. Any other backslash is kept, as in
/// `\d`.
fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some(same @ ('"' | '\'' | '\\')) => text.push(same),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut lexer = NginxLexer::new(text);
        let mut all = Vec::new();
        while let Some(token) = lexer.next().unwrap() {
            all.push(match token {
                NginxToken::Word(word) => word.text,
                NginxToken::End(_) => "<end>".to_owned(),
                NginxToken::Open(_) => "<open>".to_owned(),
                NginxToken::Close(_) => "<close>".to_owned(),
            });
        }
        all
    }

    #[test]
    fn words_end_at_blanks_semicolons_and_braces() {
        assert_eq!(tokens("deny all;"), ["deny", "all", "<end>"]);
        assert_eq!(tokens("location /x{}"), ["location", "/x", "<open>", "<close>"]);
        assert_eq!(tokens(" \r\n\t"), Vec::<String>::new());
    }

    #[test]
    fn a_comment_begins_only_where_a_word_could() {
        assert_eq!(tokens("a#b; # deny all;\nc;"), ["a#b", "<end>", "c", "<end>"]);
    }

    #[test]
    fn a_quoted_word_contains_blanks_and_punctuation() {
        assert_eq!(tokens(r#"return 200 "a b; {c}";"#), ["return", "200", "a b; {c}", "<end>"]);
        assert_eq!(tokens(r#"a 'b "x"';"#), ["a", "b \"x\"", "<end>"]);
    }

    #[test]
    fn escapes_are_replaced_and_patterns_keep_their_backslashes() {
        assert_eq!(tokens(r#"a "x\ty\n\"z\" \\ \d";"#), ["a", "x\ty\n\"z\" \\ \\d", "<end>"]);
        assert_eq!(tokens(r"location ~ \.git$ {"), ["location", "~", r"\.git$", "<open>"]);
        assert_eq!(tokens(r"a b\;c;"), ["a", r"b\;c", "<end>"]);
    }

    #[test]
    fn a_variable_in_braces_opens_no_block() {
        assert_eq!(tokens("return 301 https://${host}/x;"), ["return", "301", "https://${host}/x", "<end>"]);
    }

    #[test]
    fn a_condition_is_words_with_parentheses() {
        assert_eq!(tokens(r#"if ($host = "a b") {"#), ["if", "($host", "=", "a b", ")", "<open>"]);
    }

    #[test]
    fn an_unclosed_quote_is_an_error_at_its_position() {
        let mut lexer = NginxLexer::new("\"abc");
        assert_eq!(lexer.next().unwrap_err().range, 0..1);
        let mut lexer = NginxLexer::new("'a'b;");
        assert_eq!(lexer.next().unwrap_err().range, 2..4);
    }
}
