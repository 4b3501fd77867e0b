//! Methods of lists and ranges.

use super::iteration;
use crate::config::gitlab_rb::value::{Data, Value};
use crate::config::span::Place;

/// Calls a method; `None` if it is not understood.
pub(super) fn call(items: &[Value], name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    if let Some(value) = element(items, name, arguments, place) {
        return Some(value);
    }
    let other = arguments.first().map_or(items, |argument| match &argument.data {
        Data::List(other) => other,
        _ => &[],
    });
    if COMPARING.contains(&name) && items.len().saturating_mul(other.len()) > MOST_COMPARISONS {
        return None;
    }
    if arguments.is_empty()
        && let Some(data) = plain(items, name)
    {
        return Some(Value::new(data, place));
    }
    if let Some(data) = numbered(items, name, arguments, place) {
        return Some(Value::new(data, place));
    }
    let data = match (name, arguments) {
        ("join", _) | ("*", [Value { data: Data::Text(_), .. }]) => {
            let between = arguments.first().and_then(Value::as_key).unwrap_or_default();
            return Some(join(items, between, place));
        }
        ("include?" | "member?", [wanted]) => Data::Flag(contains(items, wanted)?),
        ("+" | "concat", [Value { data: Data::List(more), .. }]) => Data::List([items, more].concat()),
        ("-", [Value { data: Data::List(less), .. }]) => {
            Data::List(items.iter().filter(|item| contains(less, item) != Some(true)).cloned().collect())
        }
        ("|" | "union", [Value { data: Data::List(more), .. }]) => Data::List(unique(&[items, more].concat())),
        ("&" | "intersection", [Value { data: Data::List(other), .. }]) => {
            Data::List(items.iter().filter(|item| contains(other, item) == Some(true)).cloned().collect())
        }
        ("first" | "take", [Value { data: Data::Int(count), .. }]) => {
            Data::List(items.iter().take(usize::try_from(*count).ok()?).cloned().collect())
        }
        ("last", [Value { data: Data::Int(count), .. }]) => {
            let skipped = items.len().saturating_sub(usize::try_from(*count).ok()?);
            Data::List(items[skipped..].to_vec())
        }
        ("drop", [Value { data: Data::Int(count), .. }]) => {
            Data::List(items.iter().skip(usize::try_from(*count).ok()?).cloned().collect())
        }
        ("[]" | "slice", [Value { data: Data::Int(from), .. }, Value { data: Data::Int(count), .. }]) => {
            slice(items, *from, *count)?
        }
        ("[]" | "slice", [Value { data: Data::Range(from, to), .. }]) => {
            let length = i64::try_from(items.len()).ok()?;
            let [from, to] = [*from, *to].map(|end| if end < 0 { end.saturating_add(length) } else { end });
            slice(items, from, to.saturating_sub(from).saturating_add(1).max(0))?
        }
        ("*", [Value { data: Data::Int(count), .. }]) if items.len() < 100 && (0..100).contains(count) => {
            Data::List((0..*count).flat_map(|_| items.iter().cloned()).collect())
        }
        ("to_h", []) => return Some(iteration::pairs_to_hash(items.to_vec(), place)),
        _ => return Some(Value::new(Data::List(changed(items, name, arguments)?), place)),
    };
    Some(Value::new(data, place))
}

/// Calls a method of a range; `None` if it is not understood.
pub(super) fn range(from: i64, to: i64, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let data = match (name, arguments) {
        ("include?" | "cover?" | "member?", [Value { data: Data::Int(number), .. }]) => {
            Data::Flag((from..=to).contains(number))
        }
        ("to_a", []) if to.saturating_sub(from) < LONGEST => {
            Data::List((from..=to).map(|number| Value::new(Data::Int(number), place)).collect())
        }
        _ => return None,
    };
    Some(Value::new(data, place))
}

/// Methods that go by the items' positions.
fn numbered(items: &[Value], name: &str, arguments: &[Value], place: &Place) -> Option<Data> {
    Some(match (name, arguments) {
        ("zip", [Value { data: Data::List(other), .. }]) => {
            let nothing = Value::nil(place);
            let pair = |(nth, item): (usize, &Value)| {
                Value::new(Data::List(vec![item.clone(), other.get(nth).unwrap_or(&nothing).clone()]), place)
            };
            Data::List(items.iter().enumerate().map(pair).collect())
        }
        ("values_at", wanted) => {
            let nothing = || Value::nil(place);
            let at = |index: &Value| element(items, "[]", std::slice::from_ref(index), place);
            Data::List(wanted.iter().map(|index| at(index).unwrap_or_else(nothing)).collect())
        }
        ("each_slice" | "each_cons", [Value { data: Data::Int(size), .. }]) => {
            let size = usize::try_from(*size).ok().filter(|size| *size > 0)?;
            let part = |part: &[Value]| Value::new(Data::List(part.to_vec()), place);
            match name {
                "each_slice" => Data::List(items.chunks(size).map(part).collect()),
                _ if items.len().saturating_mul(size) > MOST_COMPARISONS => return None,
                _ => Data::List(items.windows(size).map(part).collect()),
            }
        }
        ("index" | "find_index", [wanted]) => {
            let at = items.iter().position(|item| item.equals(wanted) == Some(true));
            at.and_then(|at| i64::try_from(at).ok()).map_or(Data::Nil, Data::Int)
        }
        ("each_with_index", []) => {
            let pair = |(nth, item): (usize, &Value)| {
                let index = Value::new(Data::Int(i64::try_from(nth).unwrap_or(i64::MAX)), place);
                Value::new(Data::List(vec![item.clone(), index]), place)
            };
            Data::List(items.iter().enumerate().map(pair).collect())
        }
        _ => return None,
    })
}

fn slice(items: &[Value], from: i64, count: i64) -> Option<Data> {
    let from = if from < 0 { from.checked_add(i64::try_from(items.len()).ok()?)? } else { from };
    let (from, count) = (usize::try_from(from).ok()?, usize::try_from(count).ok()?);
    if from > items.len() {
        return Some(Data::Nil);
    }
    Some(Data::List(items.iter().skip(from).take(count).cloned().collect()))
}

/// The items after a method that adds some; `None` if it is something else.
pub(super) fn changed(items: &[Value], name: &str, arguments: &[Value]) -> Option<Vec<Value>> {
    Some(match (name, arguments) {
        ("<<" | "push" | "append", _) => [items, arguments].concat(),
        ("unshift" | "prepend", _) => [arguments, items].concat(),
        ("concat", [Value { data: Data::List(more), .. }]) => [items, more].concat(),
        ("replace", [Value { data: Data::List(new), .. }]) => new.clone(),
        ("clear", []) => Vec::new(),
        ("insert", [Value { data: Data::Int(at), .. }, new @ ..]) => {
            let (before, after) = items.split_at_checked(usize::try_from(*at).ok()?)?;
            [before, new, after].concat()
        }
        ("delete", [unwanted]) if unwanted.as_unknown().is_none() => {
            items.iter().filter(|item| item.equals(unwanted) != Some(true)).cloned().collect()
        }
        _ => return None,
    })
}

fn element(items: &[Value], name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let nothing = || Value::nil(place);
    let at = |at: i64| {
        let at = if at < 0 { i64::try_from(items.len()).ok()? + at } else { at };
        items.get(usize::try_from(at).ok()?).cloned()
    };
    match (name, arguments) {
        ("[]" | "at" | "slice" | "dig", [Value { data: Data::Int(index), .. }]) => {
            Some(at(*index).unwrap_or_else(nothing))
        }
        ("first", []) => Some(at(0).unwrap_or_else(nothing)),
        ("last", []) => Some(at(-1).unwrap_or_else(nothing)),
        ("fetch", [Value { data: Data::Int(index), .. }]) => {
            Some(at(*index).unwrap_or_else(|| Value::raises("the list has no such element", place)))
        }
        ("min" | "max", []) => sorted(items).map(|sorted| {
            let chosen = if name == "min" { sorted.first() } else { sorted.last() };
            chosen.cloned().unwrap_or_else(nothing)
        }),
        ("sum", []) => items
            .iter()
            .try_fold(0i64, |sum, item| match item.data {
                Data::Int(number) => sum.checked_add(number),
                _ => None,
            })
            .map(|sum| Value::new(Data::Int(sum), place)),
        _ => None,
    }
}

fn plain(items: &[Value], name: &str) -> Option<Data> {
    Some(match name {
        "empty?" => Data::Flag(items.is_empty()),
        "any?" | "all?" | "none?" if items.iter().any(|item| item.as_unknown().is_some()) => return None,
        "any?" => Data::Flag(items.iter().any(|item| item.truth() == Some(true))),
        "length" | "size" | "count" => Data::Int(i64::try_from(items.len()).ok()?),
        "to_a" | "entries" => Data::List(items.to_vec()),
        "compact" => Data::List(items.iter().filter(|item| !matches!(item.data, Data::Nil)).cloned().collect()),
        "uniq" => Data::List(unique(items)),
        "reverse" => Data::List(items.iter().rev().cloned().collect()),
        "sort" => Data::List(sorted(items)?),
        "flatten" => Data::List(items.iter().flat_map(flat).collect()),
        "each" | "each_entry" | "lazy" => Data::List(items.to_vec()),
        "all?" => Data::Flag(items.iter().all(|item| item.truth() == Some(true))),
        "none?" => Data::Flag(items.iter().all(|item| item.truth() == Some(false))),
        "rotate" => Data::List(items.iter().skip(1).chain(items.first()).cloned().collect()),
        _ => return None,
    })
}

fn join(items: &[Value], between: &str, place: &Place) -> Value {
    if let Some(unknown) = items.iter().find_map(Value::as_unknown) {
        return Value::new(Data::Unknown(unknown.clone()), place);
    }
    let texts: Option<Vec<String>> = items.iter().flat_map(flat).map(|item| item.to_text()).collect();
    match texts {
        Some(texts) => Value::text(texts.join(between), place),
        None => Value::unknown("this list cannot be written as text", place),
    }
}

fn contains(items: &[Value], wanted: &Value) -> Option<bool> {
    let tests: Vec<Option<bool>> = items.iter().map(|item| item.equals(wanted)).collect();
    if tests.contains(&Some(true)) {
        return Some(true);
    }
    (!tests.contains(&None)).then_some(false)
}

fn unique(items: &[Value]) -> Vec<Value> {
    let mut unique: Vec<Value> = Vec::new();
    for item in items {
        if contains(&unique, item) != Some(true) {
            unique.push(item.clone());
        }
    }
    unique
}

fn sorted(items: &[Value]) -> Option<Vec<Value>> {
    let mut sorted = items.to_vec();
    if items.iter().all(|item| matches!(item.data, Data::Text(_))) {
        sorted.sort_by(|a, b| a.as_key().cmp(&b.as_key()));
        return Some(sorted);
    }
    let number = |item: &Value| match item.data {
        Data::Int(number) => Some(number),
        _ => None,
    };
    items.iter().all(|item| number(item).is_some()).then(|| {
        sorted.sort_by_key(number);
        sorted
    })
}

/// The items of a list in a list, however deep; its depth is bounded by the memory it takes.
fn flat(item: &Value) -> Vec<Value> {
    match &item.data {
        Data::List(inner) => inner.iter().flat_map(flat).collect(),
        _ => vec![item.clone()],
    }
}

/// Methods that compare each item with each other.
const COMPARING: [&str; 6] = ["uniq", "-", "|", "union", "&", "intersection"];

const MOST_COMPARISONS: usize = 1_000_000;

/// Longer lists are not made of ranges.
const LONGEST: i64 = 10_000;
