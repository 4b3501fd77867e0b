//! Literals and interpolation: strings, numbers, arrays, hashes, ranges, regular expressions.

use lib_ruby_parser::{Loc, Node};

use super::interpreter::Evaluator;
use super::regexp;
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Returns the value of a literal; `None` for other nodes.
    pub(super) fn literal(&mut self, node: &Node) -> Option<RubyValue> {
        let span = self.span_of(node);
        let data = match node {
            Node::Nil(_) => RubyData::Nil,
            Node::True(_) => RubyData::Flag(true),
            Node::False(_) => RubyData::Flag(false),
            Node::Int(it) => return Some(integer(&it.value, &span)),
            Node::Float(it) => return Some(float(&it.value, &span)),
            Node::Str(it) => RubyData::Text(it.value.to_string_lossy()),
            Node::Sym(it) => RubyData::Symbol(it.name.to_string_lossy()),
            Node::Dstr(it) => return Some(self.text_of(&it.parts, &span)),
            Node::Heredoc(it) => return Some(self.text_of(&it.parts, &span)),
            Node::Dsym(it) => match self.text_of(&it.parts, &span).data {
                RubyData::Text(text) => RubyData::Symbol(text),
                other => other,
            },
            Node::Regexp(it) => {
                let options = match it.options.as_deref() {
                    Some(Node::RegOpt(it)) => it.options.clone().unwrap_or_default(),
                    _ => String::new(),
                };
                return Some(match self.text_of(&it.parts, &span).data {
                    RubyData::Text(text) => regexp::compile(&text, &options, &span),
                    other => RubyValue::new(other, &span),
                });
            }
            Node::Array(it) => RubyData::List(self.items(&it.elements)),
            Node::Hash(it) => return Some(self.pairs(&it.pairs, &span)),
            Node::Kwargs(it) => return Some(self.pairs(&it.pairs, &span)),
            Node::Irange(it) => return Some(self.range(it.left.as_deref(), it.right.as_deref(), 0, &span)),
            Node::Erange(it) => return Some(self.range(it.left.as_deref(), it.right.as_deref(), 1, &span)),
            Node::Line(_) => RubyData::Int(span.line().and_then(|line| i64::try_from(line).ok()).unwrap_or(0)),
            Node::File(_) => RubyData::Text(span.file_name().display().to_string()),
            _ => return None,
        };
        Some(RubyValue::new(data, &span))
    }

    /// Joins the literal and interpolated parts of a string.
    pub(super) fn text_of(&mut self, parts: &[Node], span: &SourceSpan) -> RubyValue {
        let mut joined = String::new();
        for part in parts {
            let value = self.eval(part);
            match value.to_text().or_else(|| value.inspect()) {
                Some(text) => joined += &text,
                None => return self.not_a_text(value, span),
            }
        }
        RubyValue::text(joined, span)
    }

    /// Evaluates the elements of an array or the arguments of a call, with splats expanded.
    pub(super) fn items(&mut self, nodes: &[Node]) -> Vec<RubyValue> {
        let mut items = Vec::new();
        for node in nodes {
            match node {
                Node::Splat(it) => match it.value.as_deref().map(|value| self.eval(value)) {
                    Some(RubyValue { data: RubyData::List(inner), .. }) => items.extend(inner),
                    Some(RubyValue { data: RubyData::Nil, .. }) | None => {}
                    Some(range @ RubyValue { data: RubyData::Range(..), .. }) => {
                        let span = range.span.clone();
                        match self.operate(range, "to_a", Vec::new(), &span).data {
                            RubyData::List(inner) => items.extend(inner),
                            other => items.push(RubyValue::new(other, &span)),
                        }
                    }
                    Some(other) => items.push(other),
                },
                Node::BlockPass(_) => {}
                _ => items.push(self.eval(node)),
            }
        }
        items
    }

    fn pairs(&mut self, nodes: &[Node], span: &SourceSpan) -> RubyValue {
        let mut pairs = Vec::new();
        for node in nodes {
            match node {
                Node::Pair(pair) => {
                    let key = self.eval(&pair.key);
                    let value = self.eval(&pair.value);
                    if let Some(unknown) = key.as_unknown() {
                        return RubyValue::new(RubyData::Unknown(unknown.clone()), span);
                    }
                    pairs.push((key, value));
                }
                Node::Kwsplat(it) => match self.eval(&it.value).data {
                    RubyData::Hash(inner) => pairs.extend(inner.0),
                    RubyData::Section(section) => pairs.extend(section.borrow().to_hash().0),
                    RubyData::Nil => {}
                    _ => return RubyValue::unknown("the splatted value is not a plain hash", span),
                },
                _ => return RubyValue::unknown("this element of a hash is not supported", span),
            }
        }
        RubyValue::new(RubyData::Hash(RubyHash::from_pairs(pairs)), span)
    }

    fn range(&mut self, left: Option<&Node>, right: Option<&Node>, short: i64, span: &SourceSpan) -> RubyValue {
        let ends = [left, right].map(|end| end.map(|end| self.eval(end).data));
        match ends {
            [Some(RubyData::Int(from)), Some(RubyData::Int(to))] => {
                RubyValue::new(RubyData::Range(from, to.saturating_sub(short)), span)
            }
            [Some(RubyData::Int(from)), None] => RubyValue::new(RubyData::Range(from, i64::MAX), span),
            _ => RubyValue::unknown("only ranges of integers are supported", span),
        }
    }

    /// Returns the unknown value for a value that cannot be converted to a string.
    pub(super) fn not_a_text(&self, value: RubyValue, span: &SourceSpan) -> RubyValue {
        match value.data {
            RubyData::Unknown(unknown) => RubyValue::new(RubyData::Unknown(unknown), span),
            _ => RubyValue::unknown(format!("requires converting {} to a string", value.kind()), span),
        }
    }

    pub(super) fn name_span(&self, loc: Option<&Loc>, whole: &Loc) -> SourceSpan {
        self.span(loc.unwrap_or(whole))
    }
}

fn integer(written: &str, span: &SourceSpan) -> RubyValue {
    let digits = written.replace('_', "").to_lowercase();
    let (sign, digits) = digits.strip_prefix('-').map_or((1, &*digits), |rest| (-1, rest));
    let parsed = match digits.get(..2) {
        Some("0x") => i64::from_str_radix(&digits[2..], 16),
        Some("0b") => i64::from_str_radix(&digits[2..], 2),
        Some("0o") => i64::from_str_radix(&digits[2..], 8),
        Some("0d") => digits[2..].parse(),
        _ if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8),
        _ => digits.parse(),
    };
    match parsed {
        Ok(number) => RubyValue::new(RubyData::Int(sign * number), span),
        Err(_) => RubyValue::unknown("this number is too large", span),
    }
}

fn float(written: &str, span: &SourceSpan) -> RubyValue {
    match written.replace('_', "").parse() {
        Ok(number) => RubyValue::new(RubyData::Float(number), span),
        Err(_) => RubyValue::unknown("this number is invalid", span),
    }
}
