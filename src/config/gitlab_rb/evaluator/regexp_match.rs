//! Matches of regular expressions: `=~`, `match`, and what they leave in `$~` and `$1`.

use regex::Regex;

use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{Data, Match, Value};
use crate::config::span::Place;

impl Evaluator<'_> {
    /// `text =~ pattern`, `pattern.match(text)` and the like; `None` if it is something else.
    pub(super) fn matching(
        &mut self,
        receiver: &Value,
        name: &str,
        argument: &Value,
        place: &Place,
    ) -> Option<Value> {
        let (pattern, text) = match (&receiver.data, &argument.data) {
            (Data::Pattern(pattern), Data::Text(text) | Data::Symbol(text)) => (pattern, text),
            (Data::Text(text) | Data::Symbol(text), Data::Pattern(pattern)) => (pattern, text),
            (Data::Pattern(_), Data::Nil) if ["=~", "match", "match?", "==="].contains(&name) => {
                let is_question = ["match?", "==="].contains(&name);
                return Some(Value::new(if is_question { Data::Flag(false) } else { Data::Nil }, place));
            }
            _ => return None,
        };
        let data = match name {
            "match?" => Data::Flag(pattern.is_match(text)),
            "=~" => match self.remember(pattern, text, place) {
                Some(_) => {
                    let before = pattern.find(text).map_or(0, |found| text[..found.start()].chars().count());
                    Data::Int(i64::try_from(before).ok()?)
                }
                None => Data::Nil,
            },
            "match" => self.remember(pattern, text, place).map_or(Data::Nil, Data::Match),
            "===" => Data::Flag(self.remember(pattern, text, place).is_some()),
            _ => return None,
        };
        Some(Value::new(data, place))
    }

    /// Matches, and leaves the match in `$~` as Ruby does.
    pub(super) fn remember(&mut self, pattern: &Regex, text: &str, place: &Place) -> Option<Match> {
        let found = pattern.captures(text).map(|found| Match {
            groups: found.iter().map(|group| group.map(|group| group.as_str().to_owned())).collect(),
            names: pattern.capture_names().map(|name| name.map(str::to_owned)).collect(),
        });
        let data = found.clone().map_or(Data::Nil, Data::Match);
        self.globals.insert(LAST_MATCH.to_owned(), Value::new(data, place));
        found
    }

    /// `$1`
    pub(super) fn last_group(&self, nth: &str, place: &Place) -> Value {
        let group = match self.globals.get(LAST_MATCH).map(|last| &last.data) {
            Some(Data::Match(found)) => {
                nth.parse().ok().and_then(|nth: usize| found.groups.get(nth).cloned().flatten())
            }
            _ => None,
        };
        group.map_or_else(|| Value::nil(place), |group| Value::text(group, place))
    }
}

/// Calls a method of a match; `None` if it is not understood.
pub(super) fn call(found: &Match, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let group = |group: &Option<String>| match group {
        Some(text) => Value::text(text, place),
        None => Value::nil(place),
    };
    let at = match (name, arguments) {
        ("[]", [Value { data: Data::Int(nth), .. }]) => usize::try_from(*nth).ok()?,
        ("[]", [key]) => {
            let wanted = key.as_key()?;
            found.names.iter().position(|name| name.as_deref() == Some(wanted))?
        }
        ("captures", []) => {
            return Some(Value::new(Data::List(found.groups.iter().skip(1).map(group).collect()), place));
        }
        ("to_a", []) => return Some(Value::new(Data::List(found.groups.iter().map(group).collect()), place)),
        _ => return None,
    };
    Some(found.groups.get(at).map_or_else(|| Value::nil(place), group))
}

const LAST_MATCH: &str = "$~";
