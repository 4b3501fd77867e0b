//! Calls of methods: finds out who answers.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::{CSend, Index, Send};

use super::blocks::Block;
use super::case_equality::{is_a, matches};
use super::interpreter::Evaluator;
use super::{array_methods, hash_methods, mutation, number_methods, regexp_match, string_methods};
use crate::config::gitlab_rb::value::{Data, Hash, Value};
use crate::config::span::Place;

impl Evaluator<'_> {
    /// `name(…)` and `receiver.name(…)`
    pub(super) fn send(&mut self, call: &Send, block: Option<&Block<'_>>) -> Value {
        let place = self.place(&call.expression_l);
        let Some(receiver) = call.recv.as_deref() else { return self.bare_call(call, block, &place) };
        if let Some(word) = assigned_attribute(&call.method_name) {
            return self.set_attribute(receiver, word, &call.args, &place);
        }
        let passed = passed_block(&call.args);
        let block = block.or(passed.as_ref());
        let value = self.eval(receiver);
        let arguments = self.items(&call.args);
        if mutation::changes(&call.method_name) && !matches!(value.data, Data::Constant(_)) {
            return self.mutate(receiver, value, (&call.method_name, arguments, block), &place);
        }
        self.call(value, (&call.method_name, arguments), block, &place)
    }

    /// `receiver&.name(…)`
    pub(super) fn safe_send(&mut self, call: &CSend) -> Value {
        let place = self.place(&call.expression_l);
        let value = self.eval(&call.recv);
        if matches!(value.data, Data::Nil) {
            return value;
        }
        let arguments = self.items(&call.args);
        let passed = passed_block(&call.args);
        self.call(value, (&call.method_name, arguments), passed.as_ref(), &place)
    }

    /// `receiver[…]`
    pub(super) fn index(&mut self, index: &Index) -> Value {
        let place = self.place(&index.expression_l);
        let receiver = self.eval(&index.recv);
        let arguments = self.items(&index.indexes);
        self.operate(receiver, "[]", arguments, &place)
    }

    /// Calls a method without a block.
    pub(super) fn operate(&mut self, receiver: Value, name: &str, arguments: Vec<Value>, place: &Place) -> Value {
        self.call(receiver, (name, arguments), None, place)
    }

    /// Calls a method, which is its name and its arguments.
    pub(super) fn call(
        &mut self,
        receiver: Value,
        (name, arguments): (&str, Vec<Value>),
        block: Option<&Block<'_>>,
        place: &Place,
    ) -> Value {
        if let Data::Unknown(why) = &receiver.data {
            let why = why.clone();
            if let Some(block) = block {
                self.run_in_doubt(&why, block);
            }
            return Value::new(Data::Unknown(why), place);
        }
        if let Some(block) = block {
            return self.call_block(receiver, (name, arguments), block, place);
        }
        if let Data::Constant(constant) = &receiver.data {
            return self.ask(constant, name, &arguments, place);
        }
        if let Data::Section(section) = &receiver.data {
            return self.section_call(section, (name, arguments), place);
        }
        if let Some(unknown) = arguments.iter().find_map(Value::as_unknown) {
            return Value::new(Data::Unknown(unknown.clone()), place);
        }
        if let [argument] = &arguments[..] {
            if let Some(value) = self.matching(&receiver, name, argument, place) {
                return value;
            }
            if let (Data::List(items), "inject" | "reduce", Data::Symbol(operator)) =
                (&receiver.data, name, &argument.data)
            {
                let mut items = items.iter().cloned();
                let Some(first) = items.next() else { return Value::nil(place) };
                return items.fold(first, |all, item| self.operate(all, operator, vec![item], place));
            }
        }
        let answer = universal(&receiver, name, &arguments, place).or_else(|| match &receiver.data {
            Data::Nil => nil(name, place),
            Data::Text(text) | Data::Symbol(text) => string_methods::call(text, name, &arguments, place),
            Data::Flag(flag) => truth_call(*flag, name, &arguments, place),
            Data::Int(_) | Data::Float(_) => number_methods::call(&receiver, name, &arguments, place),
            Data::List(items) => array_methods::call(items, name, &arguments, place),
            Data::Hash(hash) => hash_methods::call(hash, name, &arguments, place),
            Data::Match(found) => regexp_match::call(found, name, &arguments, place),
            Data::Range(from, to) => array_methods::range(*from, *to, name, &arguments, place),
            _ => None,
        });
        answer.unwrap_or_else(|| not_understood(&receiver, name, place))
    }

    /// `self.external_url = 'https://…'`
    fn set_attribute(&mut self, receiver: &Node, word: &str, arguments: &[Node], place: &Place) -> Value {
        let receiver = self.eval(receiver);
        let value = self.items(arguments).into_iter().next().unwrap_or_else(|| Value::nil(place));
        if let Data::Constant(name) = &receiver.data
            && name == "Gitlab"
        {
            self.set_word(word, value.clone(), place);
        }
        value
    }
}

/// What every value answers.
fn universal(receiver: &Value, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let data = match (name, arguments) {
        ("freeze" | "dup" | "clone" | "itself" | "deep_dup", []) => receiver.data.clone(),
        ("nil?", []) => Data::Flag(matches!(receiver.data, Data::Nil)),
        ("!", []) => Data::Flag(receiver.truth() == Some(false)),
        ("==", [other]) => Data::Flag(receiver.equals(other)?),
        ("===", [other]) => Data::Flag(matches(receiver, other)?),
        ("eql?", [other]) => {
            let same_kind = std::mem::discriminant(&receiver.data) == std::mem::discriminant(&other.data);
            Data::Flag(same_kind && receiver.equals(other)?)
        }
        ("!=", [other]) => Data::Flag(!receiver.equals(other)?),
        ("to_s", []) => Data::Text(receiver.to_text().or_else(|| receiver.inspect())?),
        ("inspect", []) => Data::Text(receiver.inspect()?),
        ("is_a?" | "kind_of?" | "instance_of?", [Value { data: Data::Constant(class), .. }]) => {
            Data::Flag(is_a(receiver, class)?)
        }
        ("blank?", []) => Data::Flag(!is_present(receiver)),
        ("present?", []) => Data::Flag(is_present(receiver)),
        _ => return None,
    };
    Some(Value::new(data, place))
}

fn is_present(value: &Value) -> bool {
    match &value.data {
        Data::Nil | Data::Flag(false) => false,
        Data::Text(text) => !text.trim().is_empty(),
        Data::List(items) => !items.is_empty(),
        Data::Hash(hash) => !hash.0.is_empty(),
        _ => true,
    }
}

fn nil(name: &str, place: &Place) -> Option<Value> {
    let data = match name {
        "to_a" => Data::List(Vec::new()),
        "to_i" => Data::Int(0),
        "to_h" => Data::Hash(Hash::default()),
        "&" => Data::Flag(false),
        "=~" => Data::Nil,
        "!~" => Data::Flag(true),
        _ => return Some(Value::raises(format!("nil has no `{name}`, so Ruby would stop here"), place)),
    };
    Some(Value::new(data, place))
}

/// The operators of `true` and `false`.
fn truth_call(flag: bool, name: &str, arguments: &[Value], place: &Place) -> Option<Value> {
    let [other] = arguments else { return None };
    let other = other.truth()?;
    let result = match name {
        "&" => flag && other,
        "|" => flag || other,
        "^" => flag != other,
        _ => return None,
    };
    Some(Value::new(Data::Flag(result), place))
}

fn not_understood(receiver: &Value, name: &str, place: &Place) -> Value {
    Value::unknown(format!("`{name}` of {} would have to be executed", receiver.kind()), place)
}

/// The attribute that `name=` sets; operators are none.
fn assigned_attribute(name: &str) -> Option<&str> {
    let word = name.strip_suffix('=')?;
    let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_name.then_some(word)
}

/// `&:name` at the end of the arguments.
fn passed_block(arguments: &[Node]) -> Option<Block<'_>> {
    match arguments.last()? {
        Node::BlockPass(pass) => match pass.value.as_deref()? {
            Node::Sym(name) => Some(Block::Method(name.name.to_string_lossy())),
            _ => Some(Block::Opaque),
        },
        _ => None,
    }
}
