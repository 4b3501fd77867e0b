//! Texts with nginx's variables in them, such as `$host:$server_port`.
//!
//! Which variables a template can name is a matter of its type: a `Template<RequestVariable>` can be
//! rendered as soon as there is a request, because it cannot name `$status`. A text is parsed once, when the
//! configuration is read; rendering looks up nothing by name.

use std::fmt;

/// A text with variables. Two are equal if they say the same, however they are written.
#[derive(Debug, Clone)]
pub struct Template<V> {
    source: Box<str>,
    pieces: Vec<TemplatePart<V>>,
}

/// A part of a template. No two literals follow each other, and none is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart<V> {
    Literal(Box<str>),
    Variable(V),
}

/// What a template can name. Displayed as its name, without `$`.
pub trait TemplateVariable: Sized + fmt::Display {
    /// The variable of a name, which is in lower case.
    fn from_name(name: &str) -> Option<Self>;
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTemplate {
    /// There is no variable of this name.
    Unknown(String),
    /// `$` is not followed by a name.
    Nameless,
    /// `${` has no `}` after its name.
    Unclosed,
}

/// Tells what variables stand for.
pub trait VariableSource<V> {
    /// Appends the value of a variable to `out`.
    fn write(&self, variable: &V, out: &mut Vec<u8>) -> VariablePresence;
}

/// Whether a variable has a value. nginx distinguishes an empty one from none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariablePresence {
    Present,
    /// Nothing was appended.
    Absent,
}

impl<V: TemplateVariable> Template<V> {
    /// Reads nginx's notation: `$name` and `${name}`, in any case. `$$` is a `$`, which nginx has no way to
    /// write.
    pub fn parse(text: &str) -> Result<Template<V>, InvalidTemplate> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            let (name, after) = split_name(after)?;
            let variable = V::from_name(&name.to_ascii_lowercase());
            push_literal(&mut pieces, std::mem::take(&mut literal));
            pieces.push(TemplatePart::Variable(variable.ok_or_else(|| InvalidTemplate::Unknown(name.to_owned()))?));
            rest = after;
        }
        literal.push_str(rest);
        push_literal(&mut pieces, literal);
        Ok(Template { source: text.into(), pieces })
    }
}

impl<V> Template<V> {
    pub fn pieces(&self) -> &[TemplatePart<V>] {
        &self.pieces
    }

    /// The variables that are named, in order.
    pub fn variables(&self) -> impl Iterator<Item = &V> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePart::Variable(variable) => Some(variable),
            TemplatePart::Literal(_) => None,
        })
    }

    /// The text of a template without variables.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text to `out`. What is absent adds nothing.
    pub fn render(&self, facts: &impl VariableSource<V>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                TemplatePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Variable(variable) => {
                    facts.write(variable, out);
                }
            }
        }
    }
}

/// Written so that it can be parsed again.
impl<V: PartialEq> PartialEq for Template<V> {
    fn eq(&self, other: &Template<V>) -> bool {
        self.pieces == other.pieces
    }
}

impl<V: Eq> Eq for Template<V> {}

/// As it was written.
impl<V> fmt::Display for Template<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// A literal text as a template writes it.
pub fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

fn push_literal<V>(pieces: &mut Vec<TemplatePart<V>>, text: String) {
    if !text.is_empty() {
        pieces.push(TemplatePart::Literal(text.into()));
    }
}

/// The name at the start of what follows a `$`, and the rest.
fn split_name(text: &str) -> Result<(&str, &str), InvalidTemplate> {
    let (text, is_braced) = match text.strip_prefix('{') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    match (name, is_braced) {
        ("", _) => Err(InvalidTemplate::Nameless),
        (_, true) => rest.strip_prefix('}').map(|rest| (name, rest)).ok_or(InvalidTemplate::Unclosed),
        (_, false) => Ok((name, rest)),
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Letter {
        A,
        B,
    }

    impl TemplateVariable for Letter {
        fn from_name(name: &str) -> Option<Letter> {
            match name {
                "a" => Some(Letter::A),
                "b" => Some(Letter::B),
                _ => None,
            }
        }
    }

    impl fmt::Display for Letter {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if *self == Letter::A { "a" } else { "b" })
        }
    }

    /// `$a` is `1`; there is no `$b`.
    struct OnlyA;

    impl VariableSource<Letter> for OnlyA {
        fn write(&self, variable: &Letter, out: &mut Vec<u8>) -> VariablePresence {
            match variable {
                Letter::A => {
                    out.push(b'1');
                    VariablePresence::Present
                }
                Letter::B => VariablePresence::Absent,
            }
        }
    }

    fn parse(text: &str) -> Result<Template<Letter>, InvalidTemplate> {
        Template::parse(text)
    }

    fn rendered(text: &str) -> String {
        let mut out = Vec::new();
        parse(text).unwrap().render(&OnlyA, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn variables_stand_in_a_text_with_or_without_braces() {
        assert_eq!(rendered("x$a:${a}b$A.$b-ü"), "x1:1b1.-ü");
        assert_eq!(rendered(""), "");
    }

    #[test]
    fn two_dollars_are_one() {
        assert_eq!(rendered("$$a costs 5$$"), "$a costs 5$");
        assert_eq!(parse("5$$").unwrap().as_literal(), Some("5$"));
        assert_eq!(parse("$a").unwrap().as_literal(), None);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        assert_eq!(parse("$c"), Err(InvalidTemplate::Unknown("c".to_owned())));
        assert_eq!(parse("$ax"), Err(InvalidTemplate::Unknown("ax".to_owned())));
        assert_eq!(parse("5 $"), Err(InvalidTemplate::Nameless));
        assert_eq!(parse("${}"), Err(InvalidTemplate::Nameless));
        assert_eq!(parse("${a"), Err(InvalidTemplate::Unclosed));
        assert_eq!(parse("${a b}"), Err(InvalidTemplate::Unclosed));
    }

    #[test]
    fn a_template_that_is_written_reads_the_same() {
        for text in ["t=${a}b", "$a$b", "$a-$$", "plain", ""] {
            let template = parse(text).unwrap();
            assert_eq!(template.to_string(), text);
            assert_eq!(parse(&template.to_string()), Ok(template));
        }
    }
}
