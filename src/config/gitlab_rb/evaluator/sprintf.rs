//! `format` and the `%` operator.

use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

/// One `%` directive.
#[derive(Default)]
struct FormatDirective {
    flags: String,
    width: String,
    precision: Option<String>,
    /// The name in `%<name>d` and `%{name}`.
    name: Option<String>,
    kind: char,
}

/// Formats arguments; supports `%s`, `%05d`, `%-8s`, `%.2f`, `%x`, `%o`, `%b`, `%<name>s` and `%{name}`.
pub(super) fn format(text: &str, arguments: &[RubyValue], span: &SourceSpan) -> RubyValue {
    match filled(text, arguments) {
        Some(written) => RubyValue::text(written, span),
        None => RubyValue::unknown("requires executing this format", span),
    }
}

fn filled(text: &str, arguments: &[RubyValue]) -> Option<String> {
    let mut unnamed = arguments.iter();
    let mut written = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        written += &rest[..at];
        let (directive, after) = FormatDirective::read(&rest[at + 1..])?;
        rest = after;
        if directive.kind == '%' {
            written.push('%');
            continue;
        }
        let value = match &directive.name {
            Some(name) => named(arguments, name)?,
            None => unnamed.next()?,
        };
        written += &directive.write(value)?;
    }
    Some(written + rest)
}

fn named<'a>(arguments: &'a [RubyValue], name: &str) -> Option<&'a RubyValue> {
    let [RubyValue { data: RubyData::Hash(hash), span }] = arguments else { return None };
    hash.get(&RubyValue::new(RubyData::Symbol(name.to_owned()), span))
}

impl FormatDirective {
    /// Parses a directive after its `%`; returns it and the rest of the text.
    fn read(text: &str) -> Option<(FormatDirective, &str)> {
        if let Some(rest) = text.strip_prefix('{') {
            let (name, rest) = rest.split_once('}')?;
            return Some((
                FormatDirective { name: Some(name.to_owned()), kind: 's', ..FormatDirective::default() },
                rest,
            ));
        }
        let (name, text) = match text.strip_prefix('<').map(|rest| rest.split_once('>')) {
            Some(named) => named.map(|(name, rest)| (Some(name.to_owned()), rest))?,
            None => (None, text),
        };
        let flags = |c: char| "-+0 ".contains(c);
        let digits = |c: char| c.is_ascii_digit();
        let (flags, text) = text.split_at(text.find(|c| !flags(c))?);
        let (width, text) = text.split_at(text.find(|c| !digits(c))?);
        let (precision, text) = match text.strip_prefix('.') {
            Some(text) => {
                let (precision, text) = text.split_at(text.find(|c| !digits(c))?);
                (Some(precision.to_owned()), text)
            }
            None => (None, text),
        };
        let kind = text.chars().next()?;
        let directive = FormatDirective { flags: flags.to_owned(), width: width.to_owned(), precision, name, kind };
        (directive.width.len() <= MAX_DIGITS).then_some((directive, &text[kind.len_utf8()..]))
    }

    fn write(&self, value: &RubyValue) -> Option<String> {
        let body = match (self.kind, &value.data) {
            ('s', _) if self.precision.is_none() => value.to_text().or_else(|| value.inspect())?,
            ('d' | 'i', RubyData::Int(number)) => self.signed(number.to_string()),
            ('d' | 'i', RubyData::Text(text)) => self.signed(text.parse::<i64>().ok()?.to_string()),
            ('x', RubyData::Int(number)) if *number >= 0 => format!("{number:x}"),
            ('o', RubyData::Int(number)) if *number >= 0 => format!("{number:o}"),
            ('b', RubyData::Int(number)) if *number >= 0 => format!("{number:b}"),
            ('f', RubyData::Float(number)) => self.signed(format!("{number:.*}", self.decimals()?)),
            ('f', RubyData::Int(number)) => self.signed(format!("{:.*}", self.decimals()?, *number as f64)),
            _ => return None,
        };
        let width = self.width.parse::<usize>().unwrap_or(0);
        let missing = width.saturating_sub(body.chars().count());
        let is_number = self.kind != 's';
        Some(match () {
            () if self.flags.contains('-') => body + &" ".repeat(missing),
            () if self.flags.contains('0') && is_number => {
                let sign = usize::from(body.starts_with(['-', '+']));
                format!("{}{}{}", &body[..sign], "0".repeat(missing), &body[sign..])
            }
            () => " ".repeat(missing) + &body,
        })
    }

    fn signed(&self, number: String) -> String {
        if self.flags.contains('+') && !number.starts_with('-') { format!("+{number}") } else { number }
    }

    /// Returns the number of digits after the decimal point; Ruby's default is 6.
    fn decimals(&self) -> Option<usize> {
        let written = self.precision.as_deref().unwrap_or("6");
        written.parse().ok().filter(|_| written.len() <= MAX_DIGITS)
    }
}

/// Maximum number of digits of a width or precision.
const MAX_DIGITS: usize = 3;
