//! Text templates with nginx variables, such as `$host:$server_port`.
//!
//! The type parameter determines the variables that a template can use: a `Template<RequestVariable>` can be
//! rendered as soon as the request head is complete, because `$status` is not a [`RequestVariable`]. A template
//! is parsed once, when the configuration is loaded; rendering does not look up names.
//!
//! [`RequestVariable`]: super::variable::RequestVariable

use std::fmt;

/// A text with nginx variables, parsed once. Equality ignores the notation: `${host}` equals `$host`.
#[derive(Debug, Clone)]
pub struct Template<V> {
    source: Box<str>,
    parts: Vec<TemplatePart<V>>,
}

/// A literal or a variable of a template. Literals are not empty, and no two are adjacent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart<V> {
    Literal(Box<str>),
    Variable(V),
}

/// A set of variables that a template can use. Formatted as the name without `$`.
pub trait TemplateVariable: Sized + fmt::Display {
    /// Returns the variable with a name, given in lower case.
    fn from_name(name: &str) -> Option<Self>;
}

/// Error returned when a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTemplate {
    /// No variable has this name.
    Unknown(String),
    /// No name follows a `$`.
    Nameless,
    /// No `}` follows the name after `${`.
    Unclosed,
}

/// Provides the values of variables.
pub trait VariableSource<V> {
    /// Appends the value of a variable to `out`.
    fn write(&self, variable: &V, out: &mut Vec<u8>) -> VariablePresence;
}

/// Whether a variable has a value. An empty value is present, as in nginx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariablePresence {
    Present,
    /// The variable has no value; nothing was appended.
    Absent,
}

impl<V: TemplateVariable> Template<V> {
    /// Parses nginx notation: `$name` or `${name}`, case-insensitive. `$$` is a literal `$`, for which nginx
    /// has no notation.
    ///
    /// # Errors
    /// A name is missing, unknown, or not closed with `}`.
    ///
    /// ```
    /// use gatepost::model::template::{InvalidTemplate, Template};
    /// use gatepost::model::variable::RequestVariable;
    ///
    /// let template = Template::<RequestVariable>::parse("$host:${server_port} costs $$5").expect("a template");
    /// let names: Vec<String> = template.variables().map(ToString::to_string).collect();
    /// assert_eq!(names, ["host", "server_port"]);
    ///
    /// let unknown = Template::<RequestVariable>::parse("$status");
    /// assert_eq!(unknown, Err(InvalidTemplate::Unknown("status".to_owned())));
    /// ```
    pub fn parse(text: &str) -> Result<Template<V>, InvalidTemplate> {
        let mut parts = Vec::new();
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
            push_literal(&mut parts, std::mem::take(&mut literal));
            parts.push(TemplatePart::Variable(variable.ok_or_else(|| InvalidTemplate::Unknown(name.to_owned()))?));
            rest = after;
        }
        literal.push_str(rest);
        push_literal(&mut parts, literal);
        Ok(Template { source: text.into(), parts })
    }
}

impl<V> Template<V> {
    /// Returns the literals and variables in order.
    pub fn parts(&self) -> &[TemplatePart<V>] {
        &self.parts
    }

    /// Iterates over the variables in order of use.
    pub fn variables(&self) -> impl Iterator<Item = &V> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Variable(variable) => Some(variable),
            TemplatePart::Literal(_) => None,
        })
    }

    /// Returns the text of a template without variables; `None` if it has variables.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [TemplatePart::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the rendered text to `out`. An absent variable appends nothing.
    pub fn render(&self, values: &impl VariableSource<V>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                TemplatePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Variable(variable) => {
                    values.write(variable, out);
                }
            }
        }
    }
}

/// Compares the parsed parts, not the notation.
impl<V: PartialEq> PartialEq for Template<V> {
    fn eq(&self, other: &Template<V>) -> bool {
        self.parts == other.parts
    }
}

impl<V: Eq> Eq for Template<V> {}

/// Formatted in the notation that was parsed.
impl<V> fmt::Display for Template<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Escapes a literal text for [`Template::parse`].
pub fn escape(text: &str) -> String {
    text.replace('$', "$$")
}

fn push_literal<V>(parts: &mut Vec<TemplatePart<V>>, text: String) {
    if !text.is_empty() {
        parts.push(TemplatePart::Literal(text.into()));
    }
}

/// Splits the variable name from the text after a `$`. Returns the name and the rest.
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

    /// `$a` is `1`; `$b` is absent.
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
    fn variables_are_written_with_or_without_braces() {
        assert_eq!(rendered("x$a:${a}b$A.$b-ü"), "x1:1b1.-ü");
        assert_eq!(rendered(""), "");
    }

    #[test]
    fn two_dollar_signs_are_a_literal_dollar_sign() {
        assert_eq!(rendered("$$a costs 5$$"), "$a costs 5$");
        assert_eq!(parse("5$$").unwrap().as_literal(), Some("5$"));
        assert_eq!(parse("$a").unwrap().as_literal(), None);
    }

    #[test]
    fn invalid_variables_are_rejected() {
        assert_eq!(parse("$c"), Err(InvalidTemplate::Unknown("c".to_owned())));
        assert_eq!(parse("$ax"), Err(InvalidTemplate::Unknown("ax".to_owned())));
        assert_eq!(parse("5 $"), Err(InvalidTemplate::Nameless));
        assert_eq!(parse("${}"), Err(InvalidTemplate::Nameless));
        assert_eq!(parse("${a"), Err(InvalidTemplate::Unclosed));
        assert_eq!(parse("${a b}"), Err(InvalidTemplate::Unclosed));
    }

    #[test]
    fn a_formatted_template_parses_to_an_equal_one() {
        for text in ["t=${a}b", "$a$b", "$a-$$", "plain", ""] {
            let template = parse(text).unwrap();
            assert_eq!(template.to_string(), text);
            assert_eq!(parse(&template.to_string()), Ok(template));
        }
    }
}
