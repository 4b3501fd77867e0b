//! Ruby `inspect` output, in the format of Ruby 3; also `to_s` of arrays and hashes.

use super::data::{RubyData, RubyValue};

impl RubyValue {
    /// Returns the result of Ruby's `inspect`; `None` for values without a literal form.
    pub(in crate::config::gitlab_rb) fn inspect(&self) -> Option<String> {
        Some(match &self.data {
            RubyData::Nil => "nil".to_owned(),
            RubyData::Text(text) => quoted(text),
            RubyData::Symbol(name) if is_plain(name) => format!(":{name}"),
            RubyData::Symbol(name) => format!(":{}", quoted(name)),
            RubyData::List(items) => {
                let items: Vec<String> = items.iter().map(RubyValue::inspect).collect::<Option<_>>()?;
                format!("[{}]", items.join(", "))
            }
            RubyData::Hash(hash) => {
                let pair = |(key, value): &(RubyValue, RubyValue)| {
                    Some(format!("{}=>{}", key.inspect()?, value.inspect()?))
                };
                let pairs: Vec<String> = hash.0.iter().map(pair).collect::<Option<_>>()?;
                format!("{{{}}}", pairs.join(", "))
            }
            _ => return self.to_text(),
        })
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' | '\\' => quoted.extend(['\\', next]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            '\u{1b}' => quoted += "\\e",
            '#' if matches!(rest.peek(), Some('{' | '$' | '@')) => quoted += "\\#",
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

fn is_plain(name: &str) -> bool {
    let name = name.strip_suffix(['?', '!', '=']).unwrap_or(name);
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
