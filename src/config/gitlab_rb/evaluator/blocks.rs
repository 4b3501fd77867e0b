//! Blocks: the code behind `each`, `map` and their like.

use lib_ruby_parser::Node;

use super::{Evaluator, Flow};
use crate::config::gitlab_rb::value::{Cause, Data, Hash, Unknown, Value};
use crate::config::source::Place;

/// What is called for each element.
pub(super) enum Block<'n> {
    Code {
        parameters: Vec<&'n Node>,
        body: Option<&'n Node>,
    },
    /// `&:name`
    Method(String),
    /// Something that cannot be looked into, such as `&method(:name)`.
    Opaque,
}

impl Evaluator<'_> {
    /// `call { |x| … }` and `call do |x| … end`
    pub(super) fn call_with_block(&mut self, node: &Node) -> Value {
        let (call, block) = match node {
            Node::Block(it) => {
                (&it.call, Block::Code { parameters: parameters(it.args.as_deref()), body: it.body.as_deref() })
            }
            Node::Numblock(it) => (&it.call, Block::Code { parameters: Vec::new(), body: Some(&*it.body) }),
            _ => return Value::nil(&self.place_of(node)),
        };
        match &**call {
            Node::Send(call) => self.send(call, Some(&block)),
            Node::CSend(call) => {
                let receiver = self.eval(&call.recv);
                if matches!(receiver.data, Data::Nil) {
                    return receiver;
                }
                let (arguments, place) = (self.items(&call.args), self.place(&call.expression_l));
                self.call(receiver, (&call.method_name, arguments), Some(&block), &place)
            }
            _ => {
                let value = Value::unknown("this block would have to be executed", &self.place_of(node));
                if let Some(why) = value.as_unknown() {
                    self.run_in_doubt(why, &block);
                }
                value
            }
        }
    }

    /// Calls a method that takes a block.
    pub(super) fn call_block(
        &mut self,
        receiver: Value,
        (name, arguments): (&str, Vec<Value>),
        block: &Block<'_>,
        place: &Place,
    ) -> Value {
        match (name, &receiver.data) {
            ("tap", _) => {
                self.run(block, vec![receiver.clone()], place);
                return receiver;
            }
            ("then" | "yield_self", _) => return self.run(block, vec![receiver], place),
            ("fetch" | "key?" | "dig" | "merge" | "sum" | "count" | "first" | "join", _)
                if arguments.is_empty() => {}
            ("fetch", _) => return self.fetch_or(receiver, arguments, block, place),
            ("times", Data::Int(count)) => {
                let numbers = Value::new(Data::Range(0, count.saturating_sub(1)), place);
                return self.iterate(&numbers, "each", block, place);
            }
            _ => {}
        }
        self.iterate(&receiver, name, block, place)
    }

    fn fetch_or(&mut self, receiver: Value, arguments: Vec<Value>, block: &Block<'_>, place: &Place) -> Value {
        let found = self.operate(receiver, "fetch", arguments.clone(), place);
        match found.as_unknown() {
            Some(unknown) if unknown.cause == Cause::Raises => self.run(block, arguments, place),
            _ => found,
        }
    }

    fn iterate(&mut self, receiver: &Value, name: &str, block: &Block<'_>, place: &Place) -> Value {
        let Some(elements) = elements(receiver, name) else {
            let value = Value::unknown(format!("`{name}` with a block would have to be executed"), place);
            if let Some(why) = value.as_unknown() {
                self.run_in_doubt(why, block);
            }
            return value;
        };
        let mut results = Vec::new();
        for element in &elements {
            results.push(self.run(block, element.clone(), place));
            match std::mem::replace(&mut self.flow, Flow::Ahead) {
                Flow::Ahead | Flow::Next(_) => {}
                Flow::Break => break,
                flow @ Flow::Return(_) => {
                    self.flow = flow;
                    break;
                }
            }
            if self.budget == 0 {
                break;
            }
        }
        collected(receiver, name, &elements, results, place)
    }

    /// Runs a block once; its value.
    pub(super) fn run(&mut self, block: &Block<'_>, arguments: Vec<Value>, place: &Place) -> Value {
        match block {
            Block::Opaque => Value::unknown("this block would have to be executed", place),
            Block::Method(name) => {
                let mut arguments = arguments.into_iter();
                let receiver = arguments.next().unwrap_or_else(|| Value::nil(place));
                self.operate(receiver, name, arguments.collect(), place)
            }
            Block::Code { parameters, body } => {
                let hidden = self.bind(parameters, arguments, place);
                let value = self.optional(*body, place);
                for (name, value) in hidden {
                    match value {
                        Some(value) => self.variables.insert(name, value),
                        None => self.variables.remove(&name),
                    };
                }
                match &self.flow {
                    Flow::Next(value) => value.clone(),
                    _ => value,
                }
            }
        }
    }

    /// Runs a block of which it is not known how often it runs and with what.
    pub(super) fn run_in_doubt(&mut self, why: &Unknown, block: &Block<'_>) {
        let Block::Code { parameters, .. } = block else { return };
        let unknown = Value::new(Data::Unknown(why.clone()), &why.place);
        let arguments = vec![unknown; parameters.len().max(1)];
        self.in_doubt(why, |this| drop(this.run(block, arguments, &why.place)));
    }

    /// `for x in list`
    pub(super) fn for_each(&mut self, items: Value, target: &Node, body: Option<&Node>, place: &Place) -> Value {
        let Some(elements) = elements(&items, "each") else {
            let why = Value::unknown("this loop would have to be executed", place);
            if let Some(why) = items.as_unknown().or(why.as_unknown()) {
                self.in_doubt(why, |this| drop(this.optional(body, place)));
            }
            return items;
        };
        for element in elements {
            self.store(target, element.into_iter().next().unwrap_or_else(|| Value::nil(place)));
            self.optional(body, place);
            match std::mem::replace(&mut self.flow, Flow::Ahead) {
                Flow::Break => break,
                flow @ Flow::Return(_) => {
                    self.flow = flow;
                    break;
                }
                Flow::Ahead | Flow::Next(_) => {}
            }
        }
        items
    }

    /// Gives the parameters their values; what they hide, to be put back.
    fn bind(&mut self, parameters: &[&Node], arguments: Vec<Value>, place: &Place) -> Vec<(String, Option<Value>)> {
        let arguments = match (&arguments[..], parameters.len()) {
            // A list is taken apart for several parameters.
            ([Value { data: Data::List(items), .. }], 2..) => items.clone(),
            _ => arguments,
        };
        let mut hidden = Vec::new();
        let names = if parameters.is_empty() { vec!["it", "_1"] } else { Vec::new() };
        for name in names {
            let value = arguments.first().cloned().unwrap_or_else(|| Value::nil(place));
            hidden.push((name.to_owned(), self.variables.insert(name.to_owned(), value)));
        }
        for (nth, parameter) in parameters.iter().enumerate() {
            let value = arguments.get(nth).cloned();
            match parameter {
                Node::Mlhs(inner) => {
                    let value = value.unwrap_or_else(|| Value::nil(place));
                    let inner: Vec<&Node> = inner.items.iter().collect();
                    hidden.extend(self.bind(&inner, vec![value], place));
                }
                _ => {
                    let Some((name, default)) = named(parameter) else { continue };
                    let value = match (value, default) {
                        (Some(value), _) => value,
                        (None, Some(default)) => self.eval(default),
                        (None, None) => Value::nil(place),
                    };
                    hidden.push((name.to_owned(), self.variables.insert(name.to_owned(), value)));
                }
            }
        }
        hidden
    }

    /// Calls a method that the file defines.
    pub(super) fn call_defined(&mut self, name: &str, arguments: Vec<Value>, place: &Place) -> Option<Value> {
        let method = std::rc::Rc::clone(self.methods.get(name)?);
        let outer = std::mem::take(&mut self.variables);
        self.bind(&parameters(method.args.as_deref()), arguments, place);
        let value = self.optional(method.body.as_deref(), place);
        self.variables = outer;
        Some(match std::mem::replace(&mut self.flow, Flow::Ahead) {
            Flow::Return(value) => value,
            _ => value,
        })
    }
}

fn parameters(node: Option<&Node>) -> Vec<&Node> {
    let Some(Node::Args(all)) = node else { return Vec::new() };
    all.args.iter().flat_map(single).collect()
}

fn single(parameter: &Node) -> Vec<&Node> {
    match parameter {
        Node::Procarg0(only) => only.args.iter().collect(),
        other => vec![other],
    }
}

fn named(parameter: &Node) -> Option<(&str, Option<&Node>)> {
    match parameter {
        Node::Arg(it) => Some((&it.name, None)),
        Node::Optarg(it) => Some((&it.name, Some(&*it.default))),
        Node::Lvasgn(it) => Some((&it.name, None)),
        _ => None,
    }
}

/// What a block is called with, one time after the other.
fn elements(receiver: &Value, name: &str) -> Option<Vec<Vec<Value>>> {
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
        "each_with_index" | "each_with_index_map" => {
            let count = |(nth, mut element): (usize, Vec<Value>)| {
                let number = i64::try_from(nth).unwrap_or(i64::MAX);
                element.push(Value::new(Data::Int(number), &receiver.place));
                element
            };
            Some(items.into_iter().enumerate().map(count).collect())
        }
        "each_key" | "each_value" => {
            let at = usize::from(name == "each_value");
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
fn collected(receiver: &Value, name: &str, elements: &[Vec<Value>], results: Vec<Value>, place: &Place) -> Value {
    let truths: Option<Vec<bool>> = results.iter().map(Value::truth).collect();
    let firsts = || elements.iter().filter_map(|element| element.first().cloned());
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
        "select" | "filter" | "reject" | "find" | "detect" | "any?" | "all?" | "none?" => {
            let Some(truths) = truths else {
                return Value::unknown("a condition in this block is not known", place);
            };
            let wanted = name != "reject";
            let mut picked = firsts().zip(&truths).filter(|(_, truth)| **truth == wanted).map(|(item, _)| item);
            match name {
                "any?" => Data::Flag(truths.contains(&true)),
                "all?" => Data::Flag(!truths.contains(&false)),
                "none?" => Data::Flag(!truths.contains(&true)),
                "find" | "detect" => return picked.next().unwrap_or_else(|| Value::nil(place)),
                _ => match receiver.data {
                    Data::Hash(_) | Data::Section(_) => return pairs_to_hash(picked.collect(), place),
                    _ => Data::List(picked.collect()),
                },
            }
        }
        _ => return receiver.clone(),
    };
    Value::new(data, place)
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

const ITERATORS: [&str; 16] = [
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
];

/// Longer ranges are not walked.
const LONGEST_RANGE: i64 = 100_000;
