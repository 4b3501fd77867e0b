//! Block arguments and results of iterating methods.

use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

/// Returns the arguments of each call of the block; `None` if the method or its receiver is not supported.
pub(super) fn elements(receiver: &RubyValue, name: &str) -> Option<Vec<Vec<RubyValue>>> {
    let is_hash = matches!(receiver.data, RubyData::Hash(_) | RubyData::Section(_));
    let items: Vec<Vec<RubyValue>> = items(receiver)?.into_iter().map(|item| vec![item]).collect();
    match name {
        "each_with_index" => {
            let count = |(nth, mut element): (usize, Vec<RubyValue>)| {
                let number = i64::try_from(nth).unwrap_or(i64::MAX);
                element.push(RubyValue::new(RubyData::Int(number), &receiver.span));
                element
            };
            Some(items.into_iter().enumerate().map(count).collect())
        }
        "each_key" | "each_value" | "transform_values" | "transform_keys" => {
            let at = usize::from(!name.ends_with("_key") && !name.ends_with("_keys"));
            let part = |element: Vec<RubyValue>| match element.into_iter().next().map(|pair| pair.data) {
                Some(RubyData::List(mut pair)) if pair.len() == 2 => vec![pair.swap_remove(at)],
                _ => Vec::new(),
            };
            Some(items.into_iter().map(part).collect())
        }
        // Ruby passes key and value to these methods, so a single parameter is the key. Others receive the pair.
        "select" | "filter" | "reject" | "delete_if" | "keep_if" | "partition" if is_hash => {
            Some(items.into_iter().map(|element| element.into_iter().flat_map(parts).collect()).collect())
        }
        _ if ITERATORS.contains(&name) || WITH_PREDICATE.contains(&name) => Some(items),
        _ => None,
    }
}

/// Returns the elements of an array, range or hash; `None` for other types.
fn items(receiver: &RubyValue) -> Option<Vec<RubyValue>> {
    let pair = |(key, value): (RubyValue, RubyValue)| {
        let span = key.span.clone();
        RubyValue::new(RubyData::List(vec![key, value]), &span)
    };
    Some(match &receiver.data {
        RubyData::List(items) => items.clone(),
        RubyData::Range(from, to) if to.saturating_sub(*from) < MAX_RANGE => {
            (*from..=*to).map(|number| RubyValue::new(RubyData::Int(number), &receiver.span)).collect()
        }
        RubyData::Hash(hash) => hash.0.iter().cloned().map(pair).collect(),
        RubyData::Section(section) => section.borrow().to_hash().0.into_iter().map(pair).collect(),
        _ => return None,
    })
}

fn parts(item: RubyValue) -> Vec<RubyValue> {
    match item.data {
        RubyData::List(parts) => parts,
        _ => vec![item],
    }
}

/// Returns the result of a method from the results of its block.
pub(super) fn collect_results(
    receiver: &RubyValue,
    name: &str,
    results: Vec<RubyValue>,
    span: &SourceSpan,
) -> RubyValue {
    let known = match name {
        "map" | "collect" => Some(RubyData::List(results)),
        "flat_map" => Some(RubyData::List(results.into_iter().flat_map(parts).collect())),
        "filter_map" => filtered(results.clone(), &results, true).map(RubyData::List),
        "to_h" => return pairs_to_hash(results, span),
        "transform_values" | "transform_keys" => transformed(receiver, name, results),
        "sort_by" | "min_by" | "max_by" => return by_order(receiver, name, &results, span),
        "group_by" => grouped(items(receiver).unwrap_or_default(), results, span),
        "sum" => results.into_iter().try_fold(0i64, add).map(RubyData::Int),
        _ if WITH_PREDICATE.contains(&name) => return apply_predicate(receiver, name, &results, span),
        _ => return receiver.clone(),
    };
    match known {
        Some(data) => RubyValue::new(data, span),
        None => RubyValue::unknown(format!("requires executing `{name}`"), span),
    }
}

/// Returns the hash with new keys or new values.
fn transformed(receiver: &RubyValue, name: &str, results: Vec<RubyValue>) -> Option<RubyData> {
    let hash = match &receiver.data {
        RubyData::Hash(hash) => hash.clone(),
        RubyData::Section(section) => section.borrow().to_hash(),
        _ => return None,
    };
    let pairs = hash.0.into_iter().zip(results);
    Some(RubyData::Hash(match name {
        "transform_keys" => RubyHash::from_pairs(pairs.map(|((_, value), key)| (key, value))),
        _ => RubyHash::from_pairs(pairs.map(|((key, _), value)| (key, value))),
    }))
}

/// Evaluates `sort_by`, `min_by` and `max_by` by the results of their block.
fn by_order(receiver: &RubyValue, name: &str, results: &[RubyValue], span: &SourceSpan) -> RubyValue {
    let Some(mut sorted) = sorted(items(receiver).unwrap_or_default(), results) else {
        return RubyValue::unknown("these values cannot be compared", span);
    };
    let chosen = match name {
        "sort_by" => return RubyValue::new(RubyData::List(sorted), span),
        "min_by" if !sorted.is_empty() => Some(sorted.swap_remove(0)),
        _ => sorted.pop(),
    };
    chosen.unwrap_or_else(|| RubyValue::nil(span))
}

fn grouped(items: Vec<RubyValue>, keys: Vec<RubyValue>, span: &SourceSpan) -> Option<RubyData> {
    if items.len() > MAX_GROUPED {
        return None;
    }
    let mut groups = RubyHash::default();
    for (item, key) in items.into_iter().zip(keys) {
        key.as_unknown().is_none().then_some(())?;
        let mut group = groups.get(&key).map_or(Vec::new(), |known| parts(known.clone()));
        group.push(item);
        groups.insert(key, RubyValue::new(RubyData::List(group), span));
    }
    Some(RubyData::Hash(groups))
}

/// Returns the result of a method whose block is a predicate.
fn apply_predicate(receiver: &RubyValue, name: &str, results: &[RubyValue], span: &SourceSpan) -> RubyValue {
    let items = items(receiver).unwrap_or_default();
    let truths: Option<Vec<bool>> = results.iter().map(RubyValue::truth).collect();
    let (Some(truths), Some(chosen), Some(others)) =
        (truths, filtered(items.clone(), results, true), filtered(items, results, false))
    else {
        return RubyValue::unknown("a condition in this block is unknown", span);
    };
    let first = truths.iter().position(|truth| *truth);
    let data = match name {
        "any?" => RubyData::Flag(first.is_some()),
        "all?" => RubyData::Flag(!truths.contains(&false)),
        "none?" => RubyData::Flag(first.is_none()),
        "count" => RubyData::Int(i64::try_from(chosen.len()).unwrap_or(i64::MAX)),
        "find" | "detect" => return chosen.into_iter().next().unwrap_or_else(|| RubyValue::nil(span)),
        "find_index" | "index" => first.and_then(|at| i64::try_from(at).ok()).map_or(RubyData::Nil, RubyData::Int),
        "partition" => {
            RubyData::List([chosen, others].map(|part| RubyValue::new(RubyData::List(part), span)).into())
        }
        _ => {
            let kept = if ["reject", "delete_if"].contains(&name) { others } else { chosen };
            let is_hash = matches!(receiver.data, RubyData::Hash(_) | RubyData::Section(_)) && name != "find_all";
            return if is_hash { pairs_to_hash(kept, span) } else { RubyValue::new(RubyData::List(kept), span) };
        }
    };
    RubyValue::new(data, span)
}

/// Returns the items whose result has the given truth; `None` if a result is unknown.
fn filtered(items: Vec<RubyValue>, results: &[RubyValue], truth: bool) -> Option<Vec<RubyValue>> {
    let truths: Vec<bool> = results.iter().map(RubyValue::truth).collect::<Option<_>>()?;
    Some(items.into_iter().zip(truths).filter(|(_, it)| *it == truth).map(|(item, _)| item).collect())
}

/// Returns the items in the order of their keys; `None` if the keys cannot be compared.
fn sorted(items: Vec<RubyValue>, keys: &[RubyValue]) -> Option<Vec<RubyValue>> {
    let number = |key: &RubyValue| match key.data {
        RubyData::Int(number) => Some(number),
        _ => None,
    };
    let mut keyed: Vec<_> = keys.iter().zip(items).collect();
    if keys.iter().all(|key| matches!(key.data, RubyData::Text(_))) {
        keyed.sort_by(|a, b| a.0.as_key().cmp(&b.0.as_key()));
    } else if keys.iter().all(|key| number(key).is_some()) {
        keyed.sort_by_key(|(key, _)| number(key));
    } else {
        return None;
    }
    Some(keyed.into_iter().map(|(_, item)| item).collect())
}

fn add(sum: i64, item: RubyValue) -> Option<i64> {
    match item.data {
        RubyData::Int(number) => sum.checked_add(number),
        _ => None,
    }
}

/// Converts an array of key-value pairs to a hash.
pub(super) fn pairs_to_hash(pairs: Vec<RubyValue>, span: &SourceSpan) -> RubyValue {
    let pair = |pair: RubyValue| match pair.data {
        RubyData::List(parts) => <[RubyValue; 2]>::try_from(parts).map(Into::into).ok(),
        _ => None,
    };
    match pairs.into_iter().map(pair).collect::<Option<Vec<(RubyValue, RubyValue)>>>() {
        Some(pairs) => RubyValue::new(RubyData::Hash(RubyHash::from_pairs(pairs)), span),
        None => RubyValue::unknown("this is not an array of key-value pairs", span),
    }
}

/// Methods whose block is a predicate on each item.
const WITH_PREDICATE: [&str; 15] = [
    "select",
    "filter",
    "find_all",
    "reject",
    "keep_if",
    "delete_if",
    "partition",
    "find",
    "detect",
    "find_index",
    "index",
    "any?",
    "all?",
    "none?",
    "count",
];

/// Other methods whose block is called once for each item.
const ITERATORS: [&str; 14] = [
    "each",
    "each_pair",
    "each_entry",
    "reverse_each",
    "map",
    "collect",
    "flat_map",
    "filter_map",
    "to_h",
    "sort_by",
    "min_by",
    "max_by",
    "group_by",
    "sum",
];

/// Maximum number of items of `group_by`: each item is compared with all groups.
const MAX_GROUPED: usize = 2000;

/// Maximum length of a range that is iterated.
const MAX_RANGE: i64 = 100_000;
