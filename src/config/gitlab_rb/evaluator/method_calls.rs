//! Method dispatch by the type of the receiver.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::{CSend, Index, Send};

use super::blocks::RubyBlock;
use super::case_equality::{is_a, matches};
use super::interpreter::Evaluator;
use super::receivers::{SEND, assigned_attribute};
use super::{array_methods, hash_methods, mutation, number_methods, regexp_match, string_methods};
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Evaluates `name(…)` and `receiver.name(…)`.
    pub(super) fn send(&mut self, call: &Send, block: Option<&RubyBlock<'_>>) -> RubyValue {
        let span = self.span(&call.expression_l);
        if SEND.contains(&call.method_name.as_str()) && !self.methods.contains_key(&call.method_name) {
            return self.send_by_name(call, block, &span);
        }
        let Some(receiver) = call.recv.as_deref() else { return self.bare_call(call, block, &span) };
        let value = self.eval(receiver);
        self.call_method((receiver, value), (&call.method_name, &call.args), block, &span)
    }

    /// Evaluates `receiver&.name(…)`.
    pub(super) fn safe_send(&mut self, call: &CSend) -> RubyValue {
        let span = self.span(&call.expression_l);
        let value = self.eval(&call.recv);
        if matches!(value.data, RubyData::Nil) {
            return value;
        }
        if SEND.contains(&call.method_name.as_str()) {
            return self.could_set_anything(&call.method_name, &span);
        }
        self.call_method((&call.recv, value), (&call.method_name, &call.args), None, &span)
    }

    /// Calls a method of the value of `receiver`, which the method may change.
    fn call_method(
        &mut self,
        (receiver, value): (&Node, RubyValue),
        (name, arguments): (&str, &[Node]),
        block: Option<&RubyBlock<'_>>,
        span: &SourceSpan,
    ) -> RubyValue {
        if let Some(setting) = assigned_attribute(name) {
            let new = self.items(arguments).into_iter().next().unwrap_or_else(|| RubyValue::nil(span));
            return self.set_attribute((receiver, &value), setting, &new, span);
        }
        let passed = passed_block(arguments);
        let block = block.or(passed.as_ref());
        let arguments = self.items(arguments);
        let name = if name == "[]=" { "store" } else { name };
        if mutation::sets_keys(name) && matches!(value.data, RubyData::Unknown(_) | RubyData::Constant(_)) {
            self.check_receiver(receiver, span);
        }
        if mutation::is_mutating(name) && !matches!(value.data, RubyData::Constant(_)) {
            return self.mutate(receiver, value, (name, arguments, block), span);
        }
        self.call(value, (name, arguments), block, span)
    }

    /// Evaluates `receiver[…]`.
    pub(super) fn index(&mut self, index: &Index) -> RubyValue {
        let span = self.span(&index.expression_l);
        let receiver = self.eval(&index.recv);
        let arguments = self.items(&index.indexes);
        self.operate(receiver, "[]", arguments, &span)
    }

    /// Calls a method without a block.
    pub(super) fn operate(
        &mut self,
        receiver: RubyValue,
        name: &str,
        arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> RubyValue {
        self.call(receiver, (name, arguments), None, span)
    }

    /// Calls a method, given by its name and its arguments.
    pub(super) fn call(
        &mut self,
        receiver: RubyValue,
        (name, arguments): (&str, Vec<RubyValue>),
        block: Option<&RubyBlock<'_>>,
        span: &SourceSpan,
    ) -> RubyValue {
        if EVALUATORS.contains(&name) && block.is_none() && may_be_settings(&receiver) {
            return self.could_set_anything(name, span);
        }
        if let RubyData::Unknown(reason) = &receiver.data {
            let reason = reason.clone();
            if let Some(block) = block {
                self.run_speculatively(&reason, block);
            }
            return RubyValue::new(RubyData::Unknown(reason), span);
        }
        if let Some(block) = block {
            return self.call_block(receiver, (name, arguments), block, span);
        }
        if let RubyData::Constant(constant) = &receiver.data {
            return self.call_constant(constant, name, &arguments, span);
        }
        if let RubyData::Section(section) = &receiver.data {
            return self.section_call(section, (name, arguments), span);
        }
        if let Some(unknown) = arguments.iter().find_map(RubyValue::as_unknown) {
            return RubyValue::new(RubyData::Unknown(unknown.clone()), span);
        }
        if let [argument] = &arguments[..] {
            if let Some(value) = self.matching(&receiver, name, argument, span) {
                return value;
            }
            if let (RubyData::List(items), "inject" | "reduce", RubyData::Symbol(operator)) =
                (&receiver.data, name, &argument.data)
            {
                let mut items = items.iter().cloned();
                let Some(first) = items.next() else { return RubyValue::nil(span) };
                return items.fold(first, |all, item| self.operate(all, operator, vec![item], span));
            }
        }
        let result = object_method(&receiver, name, &arguments, span).or_else(|| match &receiver.data {
            RubyData::Nil => nil_method(name, span),
            RubyData::Text(text) | RubyData::Symbol(text) => string_methods::call(text, name, &arguments, span),
            RubyData::Flag(flag) => boolean_method(*flag, name, &arguments, span),
            RubyData::Int(_) | RubyData::Float(_) => number_methods::call(&receiver, name, &arguments, span),
            RubyData::List(items) => array_methods::call(items, name, &arguments, span),
            RubyData::Hash(hash) => hash_methods::call(hash, name, &arguments, span),
            RubyData::Match(found) => regexp_match::call(found, name, &arguments, span),
            RubyData::Range(from, to) => array_methods::range(*from, *to, name, &arguments, span),
            _ => None,
        });
        result.unwrap_or_else(|| unsupported_method(&receiver, name, span))
    }
}

/// Methods of every value.
fn object_method(
    receiver: &RubyValue,
    name: &str,
    arguments: &[RubyValue],
    span: &SourceSpan,
) -> Option<RubyValue> {
    let data = match (name, arguments) {
        ("freeze" | "dup" | "clone" | "itself" | "deep_dup", []) => receiver.data.clone(),
        ("nil?", []) => RubyData::Flag(matches!(receiver.data, RubyData::Nil)),
        ("!", []) => RubyData::Flag(receiver.truth() == Some(false)),
        ("==", [other]) => RubyData::Flag(receiver.equals(other)?),
        ("===", [other]) => RubyData::Flag(matches(receiver, other)?),
        ("eql?", [other]) => {
            let same_kind = std::mem::discriminant(&receiver.data) == std::mem::discriminant(&other.data);
            RubyData::Flag(same_kind && receiver.equals(other)?)
        }
        ("!=", [other]) => RubyData::Flag(!receiver.equals(other)?),
        ("to_s", []) => RubyData::Text(receiver.to_text().or_else(|| receiver.inspect())?),
        ("inspect", []) => RubyData::Text(receiver.inspect()?),
        ("is_a?" | "kind_of?" | "instance_of?", [RubyValue { data: RubyData::Constant(class), .. }]) => {
            RubyData::Flag(is_a(receiver, class)?)
        }
        ("blank?", []) => RubyData::Flag(!is_present(receiver)),
        ("present?", []) => RubyData::Flag(is_present(receiver)),
        _ => return None,
    };
    Some(RubyValue::new(data, span))
}

fn is_present(value: &RubyValue) -> bool {
    match &value.data {
        RubyData::Nil | RubyData::Flag(false) => false,
        RubyData::Text(text) => !text.trim().is_empty(),
        RubyData::List(items) => !items.is_empty(),
        RubyData::Hash(hash) => !hash.0.is_empty(),
        _ => true,
    }
}

/// Methods of `nil`; Ruby raises an exception for all others.
fn nil_method(name: &str, span: &SourceSpan) -> Option<RubyValue> {
    let data = match name {
        "to_a" => RubyData::List(Vec::new()),
        "to_i" => RubyData::Int(0),
        "to_h" => RubyData::Hash(RubyHash::default()),
        "&" => RubyData::Flag(false),
        "=~" => RubyData::Nil,
        "!~" => RubyData::Flag(true),
        _ => return Some(RubyValue::raises(format!("nil has no method `{name}`; Ruby raises an exception"), span)),
    };
    Some(RubyValue::new(data, span))
}

/// Operators of `true` and `false`.
fn boolean_method(flag: bool, name: &str, arguments: &[RubyValue], span: &SourceSpan) -> Option<RubyValue> {
    let [other] = arguments else { return None };
    let other = other.truth()?;
    let result = match name {
        "&" => flag && other,
        "|" => flag || other,
        "^" => flag != other,
        _ => return None,
    };
    Some(RubyValue::new(RubyData::Flag(result), span))
}

fn unsupported_method(receiver: &RubyValue, name: &str, span: &SourceSpan) -> RubyValue {
    RubyValue::unknown(format!("requires executing `{name}` of {}", receiver.kind()), span)
}

/// Returns the block argument `&:name` at the end of the arguments.
fn passed_block(arguments: &[Node]) -> Option<RubyBlock<'_>> {
    match arguments.last()? {
        Node::BlockPass(pass) => match pass.value.as_deref()? {
            Node::Sym(name) => Some(RubyBlock::Method(name.name.to_string_lossy())),
            _ => Some(RubyBlock::Opaque),
        },
        _ => None,
    }
}

/// Returns whether a value can be the object that has the settings.
fn may_be_settings(value: &RubyValue) -> bool {
    match &value.data {
        RubyData::Constant(name) => name == "Gitlab" || name == "Kernel",
        RubyData::Unknown(_) => true,
        _ => false,
    }
}

/// Methods that execute a text.
const EVALUATORS: [&str; 6] = ["eval", "instance_eval", "class_eval", "module_eval", "instance_exec", "class_exec"];
