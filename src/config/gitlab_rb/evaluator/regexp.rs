//! Translates Ruby regular expressions to the `regex` crate.

use regex::RegexBuilder;

use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

/// Compiles a pattern with Ruby's options. A pattern without a counterpart is an unknown value.
pub(super) fn compile(text: &str, options: &str, span: &SourceSpan) -> RubyValue {
    // In Ruby `^` and `$` always match at line boundaries, and the option `m` is `s` in the `regex` crate.
    let compiled = RegexBuilder::new(&text.replace("\\Z", "\\n?\\z").replace("\\h", "[0-9a-fA-F]"))
        .multi_line(true)
        .case_insensitive(options.contains('i'))
        .dot_matches_new_line(options.contains('m'))
        .ignore_whitespace(options.contains('x'))
        .size_limit(MAX_COMPILED_SIZE)
        .build();
    match compiled {
        Ok(pattern) => RubyValue::new(RubyData::Pattern(pattern), span),
        Err(_) => RubyValue::unknown("this regular expression is not supported", span),
    }
}

/// Translates `\1` and `\k<name>` in a replacement to `${1}` and `${name}`.
pub(super) fn replacement(text: &str) -> String {
    let mut converted = String::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match (next, rest.peek().copied()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                rest.next();
                converted += &format!("${{{digit}}}");
            }
            ('\\', Some('k')) => {
                let name: String = rest.by_ref().skip(2).take_while(|c| *c != '>').collect();
                converted += &format!("${{{name}}}");
            }
            ('\\', Some('\\')) => {
                rest.next();
                converted.push('\\');
            }
            ('$', _) => converted += "$$",
            (other, _) => converted.push(other),
        }
    }
    converted
}

/// Maximum size of a compiled pattern, in bytes.
const MAX_COMPILED_SIZE: usize = 1 << 20;
