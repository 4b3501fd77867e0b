//! `YAML.load` for YAML 1.1 scalars and collections, as Ruby's Psych reads them.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

/// A YAML sequence or mapping under construction.
enum OpenCollection {
    List(Vec<RubyValue>),
    /// The complete pairs, and the key of the next value.
    Hash(Vec<(RubyValue, RubyValue)>, Option<RubyValue>),
}

/// Returns the first document of a text; unknown if it contains tags, aliases or dates.
pub(super) fn load(text: &str, span: &SourceSpan) -> RubyValue {
    let mut open: Vec<OpenCollection> = Vec::new();
    for event in Parser::new_from_str(text) {
        let done = match event {
            Ok((Event::SequenceStart(0, None), _)) if open.len() < MAX_DEPTH => {
                open.push(OpenCollection::List(Vec::new()));
                continue;
            }
            Ok((Event::MappingStart(0, None), _)) if open.len() < MAX_DEPTH => {
                open.push(OpenCollection::Hash(Vec::new(), None));
                continue;
            }
            Ok((Event::Scalar(text, style, 0, None), _)) => scalar(&text, style).filter(|_| text != "<<"),
            Ok((Event::SequenceEnd | Event::MappingEnd, _)) => open.pop().map(closed),
            Ok((Event::StreamStart | Event::DocumentStart(_), _)) => continue,
            Ok((Event::StreamEnd | Event::DocumentEnd, _)) => return RubyValue::new(RubyData::Flag(false), span),
            Ok(_) => None,
            Err(error) => return RubyValue::raises(format!("invalid YAML: {error}"), span),
        };
        let Some(data) = done else { return RubyValue::unknown("requires Ruby's YAML parser", span) };
        let value = RubyValue::new(data, span);
        match open.last_mut() {
            Some(within) => within.push(value),
            None => return value,
        }
    }
    RubyValue::new(RubyData::Flag(false), span)
}

impl OpenCollection {
    fn push(&mut self, value: RubyValue) {
        match self {
            OpenCollection::List(items) => items.push(value),
            OpenCollection::Hash(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
        }
    }
}

fn closed(open: OpenCollection) -> RubyData {
    match open {
        OpenCollection::List(items) => RubyData::List(items),
        OpenCollection::Hash(pairs, _) => RubyData::Hash(RubyHash::from_pairs(pairs)),
    }
}

/// Returns the type and value of a scalar; `None` for dates and sexagesimal numbers, whose rules are Psych's.
fn scalar(text: &str, style: ScalarStyle) -> Option<RubyData> {
    if style != ScalarStyle::Plain {
        return Some(RubyData::Text(text.to_owned()));
    }
    Some(match text.to_ascii_lowercase().as_str() {
        "" | "~" | "null" => RubyData::Nil,
        "yes" | "true" | "on" => RubyData::Flag(true),
        "no" | "false" | "off" => RubyData::Flag(false),
        _ if text.starts_with(':') && text.len() > 1 => RubyData::Symbol(text[1..].to_owned()),
        lower if looks_like_number(lower) => return number(lower),
        _ => RubyData::Text(text.to_owned()),
    })
}

fn looks_like_number(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['-', '+']);
    let numeric = |c: char| c.is_ascii_digit() || "_,.:-+ex".contains(c);
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && (unsigned.chars().all(numeric) || unsigned.starts_with("0x"))
}

/// Parses a number; a scalar that only resembles one, such as an IP address, is a string.
fn number(text: &str) -> Option<RubyData> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let plain = digits.replace(['_', ','], "");
    let whole =
        |digits: &str, base| i64::from_str_radix(digits, base).ok().map(|number| RubyData::Int(sign * number));
    if let Some(hexadecimal) = plain.strip_prefix("0x") {
        return Some(whole(hexadecimal, 16).unwrap_or_else(|| RubyData::Text(text.to_owned())));
    }
    if plain.bytes().all(|b| b.is_ascii_digit()) {
        let octal = plain.len() > 1 && plain.starts_with('0');
        return whole(&plain, if octal { 8 } else { 10 });
    }
    if digits.contains(':') || digits.matches('-').count() == 2 && !digits.contains('.') {
        return None;
    }
    let is_float = plain.matches('.').count() == 1 && plain.parse::<f64>().is_ok() && !plain.contains('e');
    match plain.parse::<f64>() {
        Ok(number) if is_float => Some(RubyData::Float(f64::from(sign as i32) * number)),
        _ if plain.contains('e') => None,
        _ => Some(RubyData::Text(text.to_owned())),
    }
}

/// Maximum nesting of sequences and mappings.
const MAX_DEPTH: usize = 50;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::span::SourceFile;

    fn loaded(text: &str) -> String {
        let span = SourceSpan::file(&SourceFile::new(Path::new("gitlab.rb"), ""));
        let value = load(text, &span);
        value.inspect().unwrap_or_else(|| value.kind().to_owned())
    }

    #[test]
    fn plain_scalars_have_the_types_of_psych() {
        assert_eq!(loaded("[yes, Off, ~, null, '', 7, -1_000, 0x1f, 017, 1.5, '5', :sym]"), {
            "[true, false, nil, nil, \"\", 7, -1000, 31, 15, 1.5, \"5\", :sym]"
        });
        assert_eq!(
            loaded("[10.0.0.1, a=b, 2001:db8::1, x:y]"),
            "[\"10.0.0.1\", \"a=b\", \"2001:db8::1\", \"x:y\"]"
        );
    }

    #[test]
    fn mappings_and_block_scalars_are_read() {
        let text =
            "main: # first\n  host: h\n  list:\n    - a\n    - b: 1\n  text: |\n    one\n    two\n  empty:\n";
        let expected = "{\"main\"=>{\"host\"=>\"h\", \"list\"=>[\"a\", {\"b\"=>1}], \"text\"=>\"one\\ntwo\\n\", \"empty\"=>nil}}";
        assert_eq!(loaded(text), expected);
    }

    #[test]
    fn constructs_that_require_psych_are_unknown() {
        for text in ["2020-01-01", "a: &x 1\nb: *x", "!ruby/object {}", "12:30:45", "{a: 1"] {
            assert_eq!(loaded(text), "an unknown value", "{text}");
        }
    }
}
