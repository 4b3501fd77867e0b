//! What blocks are called with, and what methods make of their results.

use crate::config::gitlab_rb::value::{Data, Hash, Value};
use crate::config::source::Place;

/// What a block is called with, one time after the other.
pub(super) fn elements(receiver: &Value, name: &str) -> Option<Vec<Vec<Value>>> {
    let pair = |(key, value): (Value, Value)| {
        let place = key.place.clone();
        vec![Value::new(Data::List(vec![key, value]), &place)]
    };
    let items: Vec<Vec<Value>> = match &receiver.data {
        Data::List(items) => items.iter().map(|item| vec![item.clone()]).collect(),
        Data::Range(from, to) if to.saturating_sub(*from) < LONGEST_RANGE => {
            (*from..=*to).map(|number| vec![Value::new(Data::Int(number), &receiver.place)]).collect()
        }
        Data::Hash(hash) => hash.0.iter().cloned().map(pair).collect(),
        Data::Section(section) => section.borrow().to_hash().0.into_iter().map(pair).collect(),
        _ => return None,
    };
    match name {
        "each_with_index" => {
            let count = |(nth, mut element): (usize, Vec<Value>)| {
                let number = i64::try_from(nth).unwrap_or(i64::MAX);
                element.push(Value::new(Data::Int(number), &receiver.place));
                element
            };
            Some(items.into_iter().enumerate().map(count).collect())
        }
        "each_key" | "each_value" | "transform_values" => {
            let at = usize::from(name != "each_key");
            let part = |element: Vec<Value>| match element.into_iter().next().map(|pair| pair.data) {
                Some(Data::List(mut pair)) if pair.len() == 2 => vec![pair.swap_remove(at)],
                _ => Vec::new(),
            };
            Some(items.into_iter().map(part).collect())
        }
        _ if ITERATORS.contains(&name) => Some(items),
        _ => None,
    }
}

/// What a method makes of the results of its block.
pub(super) fn collected(
    receiver: &Value,
    name: &str,
    elements: &[Vec<Value>],
    results: Vec<Value>,
    place: &Place,
) -> Value {
    let computed = || Value::unknown(format!("`{name}` would have to be computed by Ruby"), place);
    let data = match name {
        "map" | "collect" => Data::List(results),
        "flat_map" => {
            let flat = results.into_iter().flat_map(|result| match result.data {
                Data::List(items) => items,
                _ => vec![result],
            });
            Data::List(flat.collect())
        }
        "to_h" => return pairs_to_hash(results, place),
        "transform_values" => {
            let Data::Hash(hash) = &receiver.data else { return computed() };
            Data::Hash(Hash(hash.0.iter().map(|(key, _)| key.clone()).zip(results).collect()))
        }
        "sort_by" => match sorted(firsts(elements), &results) {
            Some(sorted) => Data::List(sorted),
            None => return computed(),
        },
        "sum" => match results.into_iter().try_fold(0i64, add) {
            Some(sum) => Data::Int(sum),
            None => return computed(),
        },
        "select" | "filter" | "reject" | "find" | "detect" | "any?" | "all?" | "none?" | "count" => {
            let truths: Option<Vec<bool>> = results.iter().map(Value::truth).collect();
            let Some(truths) = truths else {
                return Value::unknown("a condition in this block is not known", place);
            };
            return filtered(receiver, name, firsts(elements), &truths, place);
        }
        _ => return receiver.clone(),
    };
    Value::new(data, place)
}

/// What methods make of a block that decides.
fn filtered(receiver: &Value, name: &str, items: Vec<Value>, truths: &[bool], place: &Place) -> Value {
    let wanted = name != "reject";
    let mut picked = items.into_iter().zip(truths).filter(|(_, truth)| **truth == wanted).map(|(item, _)| item);
    let data = match name {
        "any?" => Data::Flag(truths.contains(&true)),
        "all?" => Data::Flag(!truths.contains(&false)),
        "none?" => Data::Flag(!truths.contains(&true)),
        "count" => Data::Int(picked.map(|_| 1).sum()),
        "find" | "detect" => return picked.next().unwrap_or_else(|| Value::nil(place)),
        _ => match receiver.data {
            Data::Hash(_) | Data::Section(_) => return pairs_to_hash(picked.collect(), place),
            _ => Data::List(picked.collect()),
        },
    };
    Value::new(data, place)
}

/// The items in the order of their keys; `None` if those cannot be compared.
fn sorted(items: Vec<Value>, keys: &[Value]) -> Option<Vec<Value>> {
    let number = |key: &Value| match key.data {
        Data::Int(number) => Some(number),
        _ => None,
    };
    let mut keyed: Vec<_> = keys.iter().zip(items).collect();
    if keys.iter().all(|key| matches!(key.data, Data::Text(_))) {
        keyed.sort_by(|a, b| a.0.as_key().cmp(&b.0.as_key()));
    } else if keys.iter().all(|key| number(key).is_some()) {
        keyed.sort_by_key(|(key, _)| number(key));
    } else {
        return None;
    }
    Some(keyed.into_iter().map(|(_, item)| item).collect())
}

fn firsts(elements: &[Vec<Value>]) -> Vec<Value> {
    elements.iter().filter_map(|element| element.first().cloned()).collect()
}

fn add(sum: i64, item: Value) -> Option<i64> {
    match item.data {
        Data::Int(number) => sum.checked_add(number),
        _ => None,
    }
}

pub(super) fn pairs_to_hash(pairs: Vec<Value>, place: &Place) -> Value {
    let mut hash = Hash::default();
    for pair in pairs {
        match pair.data {
            Data::List(mut items) if items.len() == 2 => {
                let value = items.swap_remove(1);
                hash.insert(items.swap_remove(0), value);
            }
            _ => return Value::unknown("this is no list of keys with values", place),
        }
    }
    Value::new(Data::Hash(hash), place)
}

const ITERATORS: [&str; 20] = [
    "each",
    "each_pair",
    "each_entry",
    "reverse_each",
    "map",
    "collect",
    "flat_map",
    "to_h",
    "select",
    "filter",
    "reject",
    "find",
    "detect",
    "any?",
    "all?",
    "none?",
    "transform_values",
    "sort_by",
    "sum",
    "count",
];

/// Longer ranges are not walked.
const LONGEST_RANGE: i64 = 100_000;
