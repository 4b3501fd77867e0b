//! Values that are written down: texts, numbers, lists, hashes.

use lib_ruby_parser::{Loc, Node};

use super::interpreter::Evaluator;
use super::regexp;
use crate::config::gitlab_rb::value::{Data, Hash, Value};
use crate::config::span::Place;

impl Evaluator<'_> {
    /// The value of a literal; `None` if `node` is something else.
    pub(super) fn literal(&mut self, node: &Node) -> Option<Value> {
        let place = self.place_of(node);
        let data = match node {
            Node::Nil(_) => Data::Nil,
            Node::True(_) => Data::Flag(true),
            Node::False(_) => Data::Flag(false),
            Node::Int(it) => return Some(integer(&it.value, &place)),
            Node::Float(it) => return Some(float(&it.value, &place)),
            Node::Str(it) => Data::Text(it.value.to_string_lossy()),
            Node::Sym(it) => Data::Symbol(it.name.to_string_lossy()),
            Node::Dstr(it) => return Some(self.text_of(&it.parts, &place)),
            Node::Heredoc(it) => return Some(self.text_of(&it.parts, &place)),
            Node::Dsym(it) => match self.text_of(&it.parts, &place).data {
                Data::Text(text) => Data::Symbol(text),
                other => other,
            },
            Node::Regexp(it) => {
                let options = match it.options.as_deref() {
                    Some(Node::RegOpt(it)) => it.options.clone().unwrap_or_default(),
                    _ => String::new(),
                };
                return Some(match self.text_of(&it.parts, &place).data {
                    Data::Text(text) => regexp::compile(&text, &options, &place),
                    other => Value::new(other, &place),
                });
            }
            Node::Array(it) => Data::List(self.items(&it.elements)),
            Node::Hash(it) => return Some(self.pairs(&it.pairs, &place)),
            Node::Kwargs(it) => return Some(self.pairs(&it.pairs, &place)),
            Node::Irange(it) => return Some(self.range(it.left.as_deref(), it.right.as_deref(), 0, &place)),
            Node::Erange(it) => return Some(self.range(it.left.as_deref(), it.right.as_deref(), 1, &place)),
            Node::Line(_) => Data::Int(place.line().and_then(|line| i64::try_from(line).ok()).unwrap_or(0)),
            Node::File(_) => Data::Text(place.file_name().display().to_string()),
            _ => return None,
        };
        Some(Value::new(data, &place))
    }

    /// Literals and interpolated values joined.
    pub(super) fn text_of(&mut self, parts: &[Node], place: &Place) -> Value {
        let mut joined = String::new();
        for part in parts {
            let value = self.eval(part);
            match value.to_text().or_else(|| value.inspect()) {
                Some(text) => joined += &text,
                None => return self.not_a_text(value, place),
            }
        }
        Value::text(joined, place)
    }

    /// Elements of a list or arguments of a call, with splats taken apart.
    pub(super) fn items(&mut self, nodes: &[Node]) -> Vec<Value> {
        let mut items = Vec::new();
        for node in nodes {
            match node {
                Node::Splat(it) => match it.value.as_deref().map(|value| self.eval(value)) {
                    Some(Value { data: Data::List(inner), .. }) => items.extend(inner),
                    Some(Value { data: Data::Nil, .. }) | None => {}
                    Some(range @ Value { data: Data::Range(..), .. }) => {
                        let place = range.place.clone();
                        match self.operate(range, "to_a", Vec::new(), &place).data {
                            Data::List(inner) => items.extend(inner),
                            other => items.push(Value::new(other, &place)),
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

    fn pairs(&mut self, nodes: &[Node], place: &Place) -> Value {
        let mut pairs = Vec::new();
        for node in nodes {
            match node {
                Node::Pair(pair) => {
                    let key = self.eval(&pair.key);
                    let value = self.eval(&pair.value);
                    if let Some(unknown) = key.as_unknown() {
                        return Value::new(Data::Unknown(unknown.clone()), place);
                    }
                    pairs.push((key, value));
                }
                Node::Kwsplat(it) => match self.eval(&it.value).data {
                    Data::Hash(inner) => pairs.extend(inner.0),
                    Data::Section(section) => pairs.extend(section.borrow().to_hash().0),
                    Data::Nil => {}
                    _ => return Value::unknown("this hash cannot be read", place),
                },
                _ => return Value::unknown("this hash cannot be read", place),
            }
        }
        Value::new(Data::Hash(Hash::of(pairs)), place)
    }

    fn range(&mut self, left: Option<&Node>, right: Option<&Node>, short: i64, place: &Place) -> Value {
        let ends = [left, right].map(|end| end.map(|end| self.eval(end).data));
        match ends {
            [Some(Data::Int(from)), Some(Data::Int(to))] => {
                Value::new(Data::Range(from, to.saturating_sub(short)), place)
            }
            [Some(Data::Int(from)), None] => Value::new(Data::Range(from, i64::MAX), place),
            _ => Value::unknown("only ranges of whole numbers are understood", place),
        }
    }

    /// A value where a text is needed: what it depends on is not known, or it has no single spelling.
    pub(super) fn not_a_text(&self, value: Value, place: &Place) -> Value {
        match value.data {
            Data::Unknown(unknown) => Value::new(Data::Unknown(unknown), place),
            _ => Value::unknown(format!("{} would have to be written as text", value.kind()), place),
        }
    }

    pub(super) fn name_place(&self, loc: Option<&Loc>, whole: &Loc) -> Place {
        self.place(loc.unwrap_or(whole))
    }
}

fn integer(written: &str, place: &Place) -> Value {
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
        Ok(number) => Value::new(Data::Int(sign * number), place),
        Err(_) => Value::unknown("this number is too large", place),
    }
}

fn float(written: &str, place: &Place) -> Value {
    match written.replace('_', "").parse() {
        Ok(number) => Value::new(Data::Float(number), place),
        Err(_) => Value::unknown("this number cannot be read", place),
    }
}
