//! Array and range methods.

use super::iteration;
use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

/// Calls an array method; `None` if it is not supported.
pub(super) fn call(
    items: &[RubyValue],
    name: &str,
    arguments: &[RubyValue],
    span: &SourceSpan,
) -> Option<RubyValue> {
    if let Some(value) = element(items, name, arguments, span) {
        return Some(value);
    }
    let other = arguments.first().map_or(items, |argument| match &argument.data {
        RubyData::List(other) => other,
        _ => &[],
    });
    if PAIRWISE.contains(&name) && items.len().saturating_mul(other.len()) > MAX_COMPARISONS {
        return None;
    }
    if arguments.is_empty()
        && let Some(data) = without_arguments(items, name)
    {
        return Some(RubyValue::new(data, span));
    }
    if let Some(data) = positional(items, name, arguments, span) {
        return Some(RubyValue::new(data, span));
    }
    let data = match (name, arguments) {
        ("join", _) | ("*", [RubyValue { data: RubyData::Text(_), .. }]) => {
            let separator = arguments.first().and_then(RubyValue::as_key).unwrap_or_default();
            return Some(join(items, separator, span));
        }
        ("include?" | "member?", [wanted]) => RubyData::Flag(contains(items, wanted)?),
        ("+" | "concat", [RubyValue { data: RubyData::List(more), .. }]) => RubyData::List([items, more].concat()),
        ("-", [RubyValue { data: RubyData::List(less), .. }]) => {
            RubyData::List(items.iter().filter(|item| contains(less, item) != Some(true)).cloned().collect())
        }
        ("|" | "union", [RubyValue { data: RubyData::List(more), .. }]) => {
            RubyData::List(unique(&[items, more].concat()))
        }
        ("&" | "intersection", [RubyValue { data: RubyData::List(other), .. }]) => {
            RubyData::List(items.iter().filter(|item| contains(other, item) == Some(true)).cloned().collect())
        }
        ("first" | "take", [RubyValue { data: RubyData::Int(count), .. }]) => {
            RubyData::List(items.iter().take(usize::try_from(*count).ok()?).cloned().collect())
        }
        ("last", [RubyValue { data: RubyData::Int(count), .. }]) => {
            let skipped = items.len().saturating_sub(usize::try_from(*count).ok()?);
            RubyData::List(items[skipped..].to_vec())
        }
        ("drop", [RubyValue { data: RubyData::Int(count), .. }]) => {
            RubyData::List(items.iter().skip(usize::try_from(*count).ok()?).cloned().collect())
        }
        (
            "[]" | "slice",
            [RubyValue { data: RubyData::Int(from), .. }, RubyValue { data: RubyData::Int(count), .. }],
        ) => slice(items, *from, *count)?,
        ("[]" | "slice", [RubyValue { data: RubyData::Range(from, to), .. }]) => {
            let length = i64::try_from(items.len()).ok()?;
            let [from, to] = [*from, *to].map(|end| if end < 0 { end.saturating_add(length) } else { end });
            slice(items, from, to.saturating_sub(from).saturating_add(1).max(0))?
        }
        ("*", [RubyValue { data: RubyData::Int(count), .. }]) if items.len() < 100 && (0..100).contains(count) => {
            RubyData::List((0..*count).flat_map(|_| items.iter().cloned()).collect())
        }
        ("to_h", []) => return Some(iteration::pairs_to_hash(items.to_vec(), span)),
        _ => return Some(RubyValue::new(RubyData::List(mutated(items, name, arguments)?), span)),
    };
    Some(RubyValue::new(data, span))
}

/// Calls a range method; `None` if it is not supported.
pub(super) fn range(
    from: i64,
    to: i64,
    name: &str,
    arguments: &[RubyValue],
    span: &SourceSpan,
) -> Option<RubyValue> {
    let data = match (name, arguments) {
        ("include?" | "cover?" | "member?", [RubyValue { data: RubyData::Int(number), .. }]) => {
            RubyData::Flag((from..=to).contains(number))
        }
        ("to_a", []) if to.saturating_sub(from) < MAX_LEN => {
            RubyData::List((from..=to).map(|number| RubyValue::new(RubyData::Int(number), span)).collect())
        }
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

/// Methods that depend on the positions of the items.
fn positional(items: &[RubyValue], name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyData> {
    Some(match (name, arguments) {
        ("zip", [RubyValue { data: RubyData::List(other), .. }]) => {
            let nothing = RubyValue::nil(span);
            let pair = |(nth, item): (usize, &RubyValue)| {
                RubyValue::new(RubyData::List(vec![item.clone(), other.get(nth).unwrap_or(&nothing).clone()]), span)
            };
            RubyData::List(items.iter().enumerate().map(pair).collect())
        }
        ("values_at", wanted) => {
            let nothing = || RubyValue::nil(span);
            let at = |index: &RubyValue| element(items, "[]", std::slice::from_ref(index), span);
            RubyData::List(wanted.iter().map(|index| at(index).unwrap_or_else(nothing)).collect())
        }
        ("each_slice" | "each_cons", [RubyValue { data: RubyData::Int(size), .. }]) => {
            let size = usize::try_from(*size).ok().filter(|size| *size > 0)?;
            let part = |part: &[RubyValue]| RubyValue::new(RubyData::List(part.to_vec()), span);
            match name {
                "each_slice" => RubyData::List(items.chunks(size).map(part).collect()),
                _ if items.len().saturating_mul(size) > MAX_COMPARISONS => return None,
                _ => RubyData::List(items.windows(size).map(part).collect()),
            }
        }
        ("index" | "find_index", [wanted]) => {
            let at = items.iter().position(|item| item.equals(wanted) == Some(true));
            at.and_then(|at| i64::try_from(at).ok()).map_or(RubyData::Nil, RubyData::Int)
        }
        ("each_with_index", []) => {
            let pair = |(nth, item): (usize, &RubyValue)| {
                let index = RubyValue::new(RubyData::Int(i64::try_from(nth).unwrap_or(i64::MAX)), span);
                RubyValue::new(RubyData::List(vec![item.clone(), index]), span)
            };
            RubyData::List(items.iter().enumerate().map(pair).collect())
        }
        _ => return None,
    })
}

fn slice(items: &[RubyValue], from: i64, count: i64) -> Option<RubyData> {
    let from = if from < 0 { from.checked_add(i64::try_from(items.len()).ok()?)? } else { from };
    let (from, count) = (usize::try_from(from).ok()?, usize::try_from(count).ok()?);
    if from > items.len() {
        return Some(RubyData::Nil);
    }
    Some(RubyData::List(items.iter().skip(from).take(count).cloned().collect()))
}

/// Returns the items after a mutating method; `None` if the method is not one of these.
pub(super) fn mutated(items: &[RubyValue], name: &str, arguments: &[RubyValue]) -> Option<Vec<RubyValue>> {
    Some(match (name, arguments) {
        ("<<" | "push" | "append", _) => [items, arguments].concat(),
        ("unshift" | "prepend", _) => [arguments, items].concat(),
        ("concat", [RubyValue { data: RubyData::List(more), .. }]) => [items, more].concat(),
        ("replace", [RubyValue { data: RubyData::List(new), .. }]) => new.clone(),
        ("clear", []) => Vec::new(),
        ("insert", [RubyValue { data: RubyData::Int(at), .. }, new @ ..]) => {
            let (before, after) = items.split_at_checked(usize::try_from(*at).ok()?)?;
            [before, new, after].concat()
        }
        ("delete", [unwanted]) if unwanted.as_unknown().is_none() => {
            items.iter().filter(|item| item.equals(unwanted) != Some(true)).cloned().collect()
        }
        _ => return None,
    })
}

fn element(items: &[RubyValue], name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let nothing = || RubyValue::nil(span);
    let at = |at: i64| {
        let at = if at < 0 { i64::try_from(items.len()).ok()? + at } else { at };
        items.get(usize::try_from(at).ok()?).cloned()
    };
    match (name, arguments) {
        ("[]" | "at" | "slice" | "dig", [RubyValue { data: RubyData::Int(index), .. }]) => {
            Some(at(*index).unwrap_or_else(nothing))
        }
        ("first", []) => Some(at(0).unwrap_or_else(nothing)),
        ("last", []) => Some(at(-1).unwrap_or_else(nothing)),
        ("fetch", [RubyValue { data: RubyData::Int(index), .. }]) => {
            Some(at(*index).unwrap_or_else(|| {
                RubyValue::raises("the array has no such element; Ruby raises an exception", span)
            }))
        }
        ("min" | "max", []) => sorted(items).map(|sorted| {
            let chosen = if name == "min" { sorted.first() } else { sorted.last() };
            chosen.cloned().unwrap_or_else(nothing)
        }),
        ("sum", []) => items
            .iter()
            .try_fold(0i64, |sum, item| match item.data {
                RubyData::Int(number) => sum.checked_add(number),
                _ => None,
            })
            .map(|sum| RubyValue::new(RubyData::Int(sum), span)),
        _ => None,
    }
}

fn without_arguments(items: &[RubyValue], name: &str) -> Option<RubyData> {
    Some(match name {
        "empty?" => RubyData::Flag(items.is_empty()),
        "any?" | "all?" | "none?" if items.iter().any(|item| item.as_unknown().is_some()) => return None,
        "any?" => RubyData::Flag(items.iter().any(|item| item.truth() == Some(true))),
        "length" | "size" | "count" => RubyData::Int(i64::try_from(items.len()).ok()?),
        "to_a" | "entries" => RubyData::List(items.to_vec()),
        "compact" => {
            RubyData::List(items.iter().filter(|item| !matches!(item.data, RubyData::Nil)).cloned().collect())
        }
        "uniq" => RubyData::List(unique(items)),
        "reverse" => RubyData::List(items.iter().rev().cloned().collect()),
        "sort" => RubyData::List(sorted(items)?),
        "flatten" => RubyData::List(items.iter().flat_map(flat).collect()),
        "each" | "each_entry" | "lazy" => RubyData::List(items.to_vec()),
        "all?" => RubyData::Flag(items.iter().all(|item| item.truth() == Some(true))),
        "none?" => RubyData::Flag(items.iter().all(|item| item.truth() == Some(false))),
        "rotate" => RubyData::List(items.iter().skip(1).chain(items.first()).cloned().collect()),
        _ => return None,
    })
}

fn join(items: &[RubyValue], separator: &str, span: &SourceSpan) -> RubyValue {
    if let Some(unknown) = items.iter().find_map(RubyValue::as_unknown) {
        return RubyValue::new(RubyData::Unknown(unknown.clone()), span);
    }
    let texts: Option<Vec<String>> = items.iter().flat_map(flat).map(|item| item.to_text()).collect();
    match texts {
        Some(texts) => RubyValue::text(texts.join(separator), span),
        None => RubyValue::unknown("requires converting this array to a string", span),
    }
}

fn contains(items: &[RubyValue], wanted: &RubyValue) -> Option<bool> {
    let tests: Vec<Option<bool>> = items.iter().map(|item| item.equals(wanted)).collect();
    if tests.contains(&Some(true)) {
        return Some(true);
    }
    (!tests.contains(&None)).then_some(false)
}

fn unique(items: &[RubyValue]) -> Vec<RubyValue> {
    let mut unique: Vec<RubyValue> = Vec::new();
    for item in items {
        if contains(&unique, item) != Some(true) {
            unique.push(item.clone());
        }
    }
    unique
}

fn sorted(items: &[RubyValue]) -> Option<Vec<RubyValue>> {
    let mut sorted = items.to_vec();
    if items.iter().all(|item| matches!(item.data, RubyData::Text(_))) {
        sorted.sort_by(|a, b| a.as_key().cmp(&b.as_key()));
        return Some(sorted);
    }
    let number = |item: &RubyValue| match item.data {
        RubyData::Int(number) => Some(number),
        _ => None,
    };
    items.iter().all(|item| number(item).is_some()).then(|| {
        sorted.sort_by_key(number);
        sorted
    })
}

/// Returns the items of nested arrays. The memory budget bounds the depth.
fn flat(item: &RubyValue) -> Vec<RubyValue> {
    match &item.data {
        RubyData::List(inner) => inner.iter().flat_map(flat).collect(),
        _ => vec![item.clone()],
    }
}

/// Methods that compare each item with every other.
const PAIRWISE: [&str; 6] = ["uniq", "-", "|", "union", "&", "intersection"];

/// Maximum number of comparisons of one call.
const MAX_COMPARISONS: usize = 1_000_000;

/// Maximum length of an array that is created from a range.
const MAX_LEN: i64 = 10_000;
