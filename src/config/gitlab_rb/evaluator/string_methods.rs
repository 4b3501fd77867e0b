//! String and symbol methods.

use regex::Regex;

use super::{regexp, sprintf};
use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

/// Calls a string method; `None` if it is not supported.
pub(super) fn call(text: &str, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let data = without_arguments(text, name)
        .filter(|_| arguments.is_empty())
        .or_else(|| predicate(text, name, arguments))
        .or_else(|| split_or_join(text, name, arguments, span))
        .or_else(|| replace_parts(text, name, arguments))
        .or_else(|| substring(text, name, arguments))?;
    Some(RubyValue::new(data, span))
}

/// Methods without arguments.
fn without_arguments(text: &str, name: &str) -> Option<RubyData> {
    let is_blank = |c: char| c.is_ascii_whitespace() || c == '\0';
    let changed: String = match name {
        "strip" => text.trim_matches(is_blank).to_owned(),
        "lstrip" => text.trim_start_matches(is_blank).to_owned(),
        "rstrip" => text.trim_end_matches(is_blank).to_owned(),
        "chomp" => text.strip_suffix("\r\n").or(text.strip_suffix(['\n', '\r'])).unwrap_or(text).to_owned(),
        "chop" => text.chars().take(text.chars().count().saturating_sub(1)).collect(),
        "downcase" => text.to_lowercase(),
        "upcase" => text.to_uppercase(),
        "swapcase" => text
            .chars()
            .map(|c| if c.is_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
            .collect(),
        "capitalize" => {
            let mut rest = text.chars();
            rest.next().map_or(String::new(), |first| {
                first.to_uppercase().chain(rest.as_str().to_lowercase().chars()).collect()
            })
        }
        "reverse" => text.chars().rev().collect(),
        "squeeze" => text.chars().fold(String::new(), |mut all, c| {
            if !all.ends_with(c) {
                all.push(c);
            }
            all
        }),
        "to_str" | "to_s" | "scrub" | "b" | "name" | "id2name" | "+@" | "-@" => text.to_owned(),
        "to_json" => serde_json::Value::from(text).to_string(),
        "to_sym" | "intern" => return Some(RubyData::Symbol(text.to_owned())),
        "to_i" => return Some(RubyData::Int(leading_number(text))),
        "to_f" => return Some(RubyData::Float(text.trim().parse().unwrap_or(leading_number(text) as f64))),
        "length" | "size" => return i64::try_from(text.chars().count()).ok().map(RubyData::Int),
        "ord" => return text.chars().next().map(|first| RubyData::Int(i64::from(u32::from(first)))),
        "hex" => return i64::from_str_radix(text.trim_start_matches("0x"), 16).ok().map(RubyData::Int),
        "bytesize" => return i64::try_from(text.len()).ok().map(RubyData::Int),
        "empty?" => return Some(RubyData::Flag(text.is_empty())),
        _ => return None,
    };
    Some(RubyData::Text(changed))
}

/// Methods that compare, test or search.
fn predicate(text: &str, name: &str, arguments: &[RubyValue]) -> Option<RubyData> {
    let any = |test: fn(&str, &str) -> bool| {
        let tests: Option<Vec<bool>> = arguments
            .iter()
            .map(|argument| match (&argument.data, name) {
                (RubyData::Text(part), _) => Some(test(text, part)),
                (RubyData::Pattern(pattern), "start_with?") => {
                    Some(pattern.find(text).is_some_and(|found| found.start() == 0))
                }
                _ => None,
            })
            .collect();
        tests.map(|tests| RubyData::Flag(tests.contains(&true)))
    };
    match name {
        "include?" => any(|text, part| text.contains(part)),
        "start_with?" => any(|text, part| text.starts_with(part)),
        "end_with?" => any(|text, part| text.ends_with(part)),
        "casecmp?" => any(|text, part| text.to_lowercase() == part.to_lowercase()),
        "!~" => match &arguments.first()?.data {
            RubyData::Pattern(pattern) => Some(RubyData::Flag(!pattern.is_match(text))),
            _ => None,
        },
        "between?" => {
            let [RubyValue { data: RubyData::Text(low), .. }, RubyValue { data: RubyData::Text(high), .. }] =
                arguments
            else {
                return None;
            };
            Some(RubyData::Flag((low.as_str()..=high.as_str()).contains(&text)))
        }
        "index" => {
            let RubyData::Text(part) = &arguments.first()?.data else { return None };
            let before = text.find(part.as_str()).map(|at| text[..at].chars().count());
            Some(before.map_or(Some(RubyData::Nil), |count| i64::try_from(count).ok().map(RubyData::Int))?)
        }
        "count" => {
            let RubyData::Text(set) = &arguments.first()?.data else { return None };
            let is_plain = arguments.len() == 1 && !set.contains(['-', '^', '\\']);
            is_plain.then(|| RubyData::Int(text.chars().filter(|c| set.contains(*c)).map(|_| 1).sum()))
        }
        "<=>" => {
            let RubyData::Text(other) = &arguments.first()?.data else { return None };
            Some(RubyData::Int(text.cmp(other) as i64))
        }
        "<" | ">" | "<=" | ">=" => {
            let RubyData::Text(other) = &arguments.first()?.data else { return None };
            Some(RubyData::Flag(match name {
                "<" => text < other.as_str(),
                ">" => text > other.as_str(),
                "<=" => text <= other.as_str(),
                _ => text >= other.as_str(),
            }))
        }
        _ => None,
    }
}

/// Methods that join or split strings.
fn split_or_join(text: &str, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyData> {
    let texts =
        |parts: Vec<String>| RubyData::List(parts.into_iter().map(|part| RubyValue::text(part, span)).collect());
    Some(match (name, arguments) {
        ("+" | "concat", [RubyValue { data: RubyData::Text(other), .. }]) => {
            RubyData::Text(format!("{text}{other}"))
        }
        ("concat", [_, _, ..]) => {
            let more: Option<String> = arguments.iter().map(RubyValue::as_key).collect();
            RubyData::Text(format!("{text}{}", more?))
        }
        ("prepend", [RubyValue { data: RubyData::Text(other), .. }]) => RubyData::Text(format!("{other}{text}")),
        ("*", [RubyValue { data: RubyData::Int(count), .. }]) => {
            let count = usize::try_from(*count).ok()?;
            RubyData::Text(text.repeat(Some(count).filter(|count| count.saturating_mul(text.len()) <= MAX_LEN)?))
        }
        ("%", [one]) => match &one.data {
            RubyData::List(items) => sprintf::format(text, items, span).data,
            _ => sprintf::format(text, std::slice::from_ref(one), span).data,
        },
        ("split", []) => texts(text.split_ascii_whitespace().map(str::to_owned).collect()),
        ("split", [RubyValue { data: RubyData::Text(blank), .. }]) if blank == " " => {
            texts(text.split_ascii_whitespace().map(str::to_owned).collect())
        }
        ("split", [RubyValue { data: RubyData::Text(mark), .. }]) if !mark.is_empty() => {
            texts(without_empty_end(text.split(mark.as_str()).map(str::to_owned).collect()))
        }
        ("split", [RubyValue { data: RubyData::Pattern(mark), .. }]) => {
            texts(without_empty_end(mark.split(text).map(str::to_owned).collect()))
        }
        ("split", [RubyValue { data: RubyData::Text(mark), .. }, RubyValue { data: RubyData::Int(limit), .. }])
            if *limit > 0 =>
        {
            texts(text.splitn(usize::try_from(*limit).ok()?, mark.as_str()).map(str::to_owned).collect())
        }
        ("split", [RubyValue { data: RubyData::Text(mark), .. }, RubyValue { data: RubyData::Int(-1), .. }])
            if !mark.is_empty() =>
        {
            texts(text.split(mark.as_str()).map(str::to_owned).collect())
        }
        ("partition" | "rpartition", [RubyValue { data: RubyData::Text(mark), .. }]) => {
            let parts =
                if name == "partition" { text.split_once(mark.as_str()) } else { text.rsplit_once(mark.as_str()) };
            let whole = if name == "partition" { (text, "", "") } else { ("", "", text) };
            let (before, mark, after) = parts.map_or(whole, |(before, after)| (before, mark, after));
            texts([before, mark, after].map(str::to_owned).into())
        }
        ("scan", [RubyValue { data: RubyData::Pattern(what), .. }]) if what.captures_len() == 1 => {
            texts(what.find_iter(text).map(|found| found.as_str().to_owned()).collect())
        }
        ("scan", [RubyValue { data: RubyData::Pattern(what), .. }]) => {
            let group = |group: Option<regex::Match<'_>>| {
                group.map_or_else(|| RubyValue::nil(span), |group| RubyValue::text(group.as_str(), span))
            };
            let found = |found: regex::Captures<'_>| RubyData::List(found.iter().skip(1).map(group).collect());
            RubyData::List(what.captures_iter(text).map(|it| RubyValue::new(found(it), span)).collect())
        }
        ("lines" | "each_line", []) => texts(text.split_inclusive('\n').map(str::to_owned).collect()),
        ("chars", []) if text.len() <= MAX_LEN / 64 => texts(text.chars().map(String::from).collect()),
        _ => return None,
    })
}

/// Methods that replace or remove parts.
fn replace_parts(text: &str, name: &str, arguments: &[RubyValue]) -> Option<RubyData> {
    let changed = match (name, arguments) {
        ("gsub" | "sub", [what, RubyValue { data: RubyData::Text(with), .. }]) => {
            let once = usize::from(name == "sub");
            match &what.data {
                RubyData::Text(what) if with.contains('\\') => {
                    let what = Regex::new(&regex::escape(what)).ok()?;
                    what.replacen(text, once, regexp::replacement(with)).into_owned()
                }
                RubyData::Text(what) if once == 1 => text.replacen(what.as_str(), with, 1),
                RubyData::Text(what) if !what.is_empty() => text.replace(what.as_str(), with),
                RubyData::Pattern(what) => what.replacen(text, once, regexp::replacement(with)).into_owned(),
                _ => return None,
            }
        }
        ("delete", [RubyValue { data: RubyData::Text(set), .. }]) if !set.contains(['-', '^', '\\']) => {
            text.chars().filter(|c| !set.contains(*c)).collect()
        }
        (
            "gsub" | "sub",
            [RubyValue { data: RubyData::Pattern(what), .. }, RubyValue { data: RubyData::Hash(with), .. }],
        ) => {
            let once = usize::from(name == "sub");
            let found = |found: &regex::Captures<'_>| {
                let key = RubyValue::text(&found[0], &arguments[0].span);
                with.get(&key).and_then(RubyValue::to_text).unwrap_or_default()
            };
            what.replacen(text, once, found).into_owned()
        }
        ("tr", [RubyValue { data: RubyData::Text(from), .. }, RubyValue { data: RubyData::Text(to), .. }])
            if !from.starts_with('^') && !from.contains('\\') =>
        {
            let (from, to) = (expand_set(from), expand_set(to));
            let change = |c: char| match from.iter().position(|known| *known == c) {
                Some(at) => to.get(at).or(to.last()).copied(),
                None => Some(c),
            };
            text.chars().filter_map(change).collect()
        }
        ("insert", [RubyValue { data: RubyData::Int(at), .. }, RubyValue { data: RubyData::Text(new), .. }]) => {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let (before, after) = text.split_at(ends.nth(usize::try_from(*at).ok()?)?);
            format!("{before}{new}{after}")
        }
        ("ljust" | "rjust", [RubyValue { data: RubyData::Int(width), .. }, rest @ ..]) => {
            let pad = rest.first().map_or(Some(" "), RubyValue::as_key)?;
            let missing = usize::try_from(*width).ok()?.min(MAX_LEN).saturating_sub(text.chars().count());
            let padding: String = pad.chars().cycle().take(missing).collect();
            if name == "ljust" { format!("{text}{padding}") } else { format!("{padding}{text}") }
        }
        ("delete_prefix", [RubyValue { data: RubyData::Text(part), .. }]) => {
            text.strip_prefix(part.as_str()).unwrap_or(text).to_owned()
        }
        ("delete_suffix" | "chomp", [RubyValue { data: RubyData::Text(part), .. }]) => {
            text.strip_suffix(part.as_str()).unwrap_or(text).to_owned()
        }
        ("encode" | "force_encoding" | "unicode_normalize", _) => text.to_owned(),
        _ => return None,
    };
    Some(RubyData::Text(changed))
}

/// Methods that return a substring.
fn substring(text: &str, name: &str, arguments: &[RubyValue]) -> Option<RubyData> {
    if !["[]", "slice"].contains(&name) {
        return None;
    }
    let length = i64::try_from(text.chars().count()).ok()?;
    let cut = |from: i64, count: i64| {
        let from = if from < 0 { from + length } else { from };
        let (from, count) = (usize::try_from(from).ok()?, usize::try_from(count).ok()?);
        Some(RubyData::Text(text.chars().skip(from).take(count).collect()))
    };
    match arguments {
        [RubyValue { data: RubyData::Int(at), .. }] if (-length..length).contains(at) => cut(*at, 1),
        [RubyValue { data: RubyData::Int(_), .. }] => Some(RubyData::Nil),
        [RubyValue { data: RubyData::Int(from), .. }, RubyValue { data: RubyData::Int(count), .. }] => {
            cut(*from, *count)
        }
        [RubyValue { data: RubyData::Range(from, to), .. }] => {
            let to = if *to < 0 { to + length } else { *to };
            let from = if *from < 0 { from + length } else { *from };
            cut(from, to.saturating_sub(from).saturating_add(1).max(0))
        }
        [RubyValue { data: RubyData::Text(part), .. }] => {
            Some(if text.contains(part.as_str()) { RubyData::Text(part.clone()) } else { RubyData::Nil })
        }
        [RubyValue { data: RubyData::Pattern(pattern), .. }, rest @ ..] => {
            let group = match rest {
                [RubyValue { data: RubyData::Int(group), .. }] => usize::try_from(*group).ok()?,
                [] => 0,
                _ => return None,
            };
            let found =
                pattern.captures(text).and_then(|found| found.get(group).map(|part| part.as_str().to_owned()));
            Some(found.map_or(RubyData::Nil, RubyData::Text))
        }
        _ => None,
    }
}

/// Returns the integer at the start of a text; 0 if there is none.
fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let digits_from = usize::from(text.starts_with(['-', '+']));
    let digits = text[digits_from..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
    text[..digits_from + digits].replace('_', "").parse().unwrap_or(0)
}

/// Returns the characters of a set of `tr`, with ranges such as `a-z` expanded.
fn expand_set(set: &str) -> Vec<char> {
    let mut characters = Vec::new();
    let mut rest = set.chars().peekable();
    while let Some(first) = rest.next() {
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last >= first && last as u32 - (first as u32) < 256 => {
                characters.extend(first..=last);
                rest = ahead;
            }
            _ => characters.push(first),
        }
    }
    characters
}

/// Removes empty parts at the end, as Ruby's `split` does.
fn without_empty_end(mut parts: Vec<String>) -> Vec<String> {
    while parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    parts
}

/// Maximum length of a string that `*` creates, in bytes.
const MAX_LEN: usize = 1 << 20;
