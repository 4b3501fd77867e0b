//! `=~`, `match` and the match variables `$~` and `$1`.

use regex::Regex;

use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{RegexpMatch, RubyData, RubyValue};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Evaluates `text =~ pattern`, `pattern.match(text)` and the like; `None` for other calls.
    pub(super) fn matching(
        &mut self,
        receiver: &RubyValue,
        name: &str,
        argument: &RubyValue,
        span: &SourceSpan,
    ) -> Option<RubyValue> {
        let (pattern, text) = match (&receiver.data, &argument.data) {
            (RubyData::Pattern(pattern), RubyData::Text(text) | RubyData::Symbol(text)) => (pattern, text),
            (RubyData::Text(text) | RubyData::Symbol(text), RubyData::Pattern(pattern)) => (pattern, text),
            (RubyData::Pattern(_), RubyData::Nil) if ["=~", "match", "match?", "==="].contains(&name) => {
                let is_question = ["match?", "==="].contains(&name);
                return Some(RubyValue::new(if is_question { RubyData::Flag(false) } else { RubyData::Nil }, span));
            }
            _ => return None,
        };
        let data = match name {
            "match?" => RubyData::Flag(pattern.is_match(text)),
            "=~" => match self.record_match(pattern, text, span) {
                Some(_) => {
                    let before = pattern.find(text).map_or(0, |found| text[..found.start()].chars().count());
                    RubyData::Int(i64::try_from(before).ok()?)
                }
                None => RubyData::Nil,
            },
            "match" => self.record_match(pattern, text, span).map_or(RubyData::Nil, RubyData::Match),
            "===" => RubyData::Flag(self.record_match(pattern, text, span).is_some()),
            _ => return None,
        };
        Some(RubyValue::new(data, span))
    }

    /// Matches a text and stores the match in `$~`, as Ruby does.
    pub(super) fn record_match(&mut self, pattern: &Regex, text: &str, span: &SourceSpan) -> Option<RegexpMatch> {
        let found = pattern.captures(text).map(|found| RegexpMatch {
            groups: found.iter().map(|group| group.map(|group| group.as_str().to_owned())).collect(),
            names: pattern.capture_names().map(|name| name.map(str::to_owned)).collect(),
        });
        let data = found.clone().map_or(RubyData::Nil, RubyData::Match);
        self.globals.insert(LAST_MATCH.to_owned(), RubyValue::new(data, span));
        found
    }

    /// Returns `$1` and so on: a group of the last match.
    pub(super) fn last_group(&self, nth: &str, span: &SourceSpan) -> RubyValue {
        let group = match self.globals.get(LAST_MATCH).map(|last| &last.data) {
            Some(RubyData::Match(found)) => {
                nth.parse().ok().and_then(|nth: usize| found.groups.get(nth).cloned().flatten())
            }
            _ => None,
        };
        group.map_or_else(|| RubyValue::nil(span), |group| RubyValue::text(group, span))
    }
}

/// Calls a method of a match; `None` if it is not supported.
pub(super) fn call(
    found: &RegexpMatch,
    name: &str,
    arguments: &[RubyValue],
    span: &SourceSpan,
) -> Option<RubyValue> {
    let group = |group: &Option<String>| match group {
        Some(text) => RubyValue::text(text, span),
        None => RubyValue::nil(span),
    };
    let at = match (name, arguments) {
        ("[]", [RubyValue { data: RubyData::Int(nth), .. }]) => usize::try_from(*nth).ok()?,
        ("[]", [key]) => {
            let wanted = key.as_key()?;
            found.names.iter().position(|name| name.as_deref() == Some(wanted))?
        }
        ("captures", []) => {
            return Some(RubyValue::new(RubyData::List(found.groups.iter().skip(1).map(group).collect()), span));
        }
        ("to_a", []) => {
            return Some(RubyValue::new(RubyData::List(found.groups.iter().map(group).collect()), span));
        }
        _ => return None,
    };
    Some(found.groups.get(at).map_or_else(|| RubyValue::nil(span), group))
}

const LAST_MATCH: &str = "$~";
