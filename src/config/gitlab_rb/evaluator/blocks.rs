//! Blocks passed to `each`, `map` and similar methods.

use lib_ruby_parser::Node;
use regex::Regex;

use super::interpreter::{ControlFlow, Evaluator};
use super::iteration::{collect_results, elements};
use super::parameters::{ShadowedVariables, name_of, parameters};
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue, UnknownCause, UnknownValue};
use crate::config::span::SourceSpan;

/// A block, numbered-parameter block, `&:symbol`, or opaque block argument.
pub(super) enum RubyBlock<'n> {
    Code {
        parameters: Vec<&'n Node>,
        body: Option<&'n Node>,
    },
    /// `{ _1 + _2 }`, with the number of parameters.
    Numbered(usize, &'n Node),
    /// `&:name`.
    Method(String),
    /// A block argument without visible code, such as `&method(:name)`.
    Opaque,
}

impl Evaluator<'_> {
    /// Evaluates `call { |x| … }` and `call do |x| … end`.
    pub(super) fn call_with_block(&mut self, node: &Node) -> RubyValue {
        let (call, block) = match node {
            Node::Block(it) => {
                (&it.call, RubyBlock::Code { parameters: parameters(it.args.as_deref()), body: it.body.as_deref() })
            }
            Node::Numblock(it) => (&it.call, RubyBlock::Numbered(it.numargs.into(), &it.body)),
            _ => return RubyValue::nil(&self.span_of(node)),
        };
        match &**call {
            Node::Send(call) => self.send(call, Some(&block)),
            Node::CSend(call) => {
                let receiver = self.eval(&call.recv);
                if matches!(receiver.data, RubyData::Nil) {
                    return receiver;
                }
                let (arguments, span) = (self.items(&call.args), self.span(&call.expression_l));
                self.call(receiver, (&call.method_name, arguments), Some(&block), &span)
            }
            _ => {
                let value = RubyValue::unknown("requires executing this block", &self.span_of(node));
                if let Some(reason) = value.as_unknown() {
                    self.run_speculatively(reason, &block);
                }
                value
            }
        }
    }

    /// Calls a method with a block.
    pub(super) fn call_block(
        &mut self,
        receiver: RubyValue,
        (name, arguments): (&str, Vec<RubyValue>),
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        if matches!(&receiver.data, RubyData::Constant(name) if name == "ENV") && name != "fetch" {
            let all = self.all_variables(span);
            return self.call_block(all, (name, arguments), block, span);
        }
        match (name, &receiver.data) {
            ("tap", _) => return self.tap(receiver, block, span),
            ("then" | "yield_self", _) => return self.run(block, vec![receiver], span),
            ("fetch" | "key?" | "dig" | "merge" | "sum" | "count" | "first" | "join", _)
                if arguments.is_empty() => {}
            ("fetch", _) => return self.fetch_or(receiver, arguments, block, span),
            ("each_with_object", _) => return self.fold_into(receiver, arguments, block, span),
            ("gsub" | "sub", RubyData::Text(text)) => {
                return self.substitute(text, (name, &arguments), block, span);
            }
            ("inject" | "reduce", _) => return self.fold(receiver, arguments, block, span),
            ("times", RubyData::Int(count)) => {
                let numbers = RubyValue::new(RubyData::Range(0, count.saturating_sub(1)), span);
                return self.iterate(&numbers, "each", block, span);
            }
            ("upto", RubyData::Int(from)) if let [RubyValue { data: RubyData::Int(to), .. }] = arguments[..] => {
                return self.iterate(&RubyValue::new(RubyData::Range(*from, to), span), "each", block, span);
            }
            ("each_slice" | "each_cons", RubyData::List(_)) => {
                let parts = self.operate(receiver, name, arguments, span);
                return self.iterate(&parts, "each", block, span);
            }
            ("merge", RubyData::Hash(hash)) => return self.merge_with(hash.clone(), &arguments, block, span),
            ("each_line" | "each_char", RubyData::Text(_)) => {
                let parts =
                    self.operate(receiver, if name == "each_line" { "lines" } else { "chars" }, arguments, span);
                return self.iterate(&parts, "each", block, span);
            }
            _ => {}
        }
        self.iterate(&receiver, name, block, span)
    }

    /// Evaluates `tap`: the block may change its argument, which is the result.
    fn tap(&mut self, receiver: RubyValue, block: &RubyBlock<'_>, span: &SourceSpan) -> RubyValue {
        let name = match block {
            RubyBlock::Code { parameters, .. } => parameters.first().and_then(|parameter| name_of(parameter)),
            _ => None,
        };
        let (Some(name), RubyBlock::Code { parameters, body }) = (name, block) else {
            self.run(block, vec![receiver.clone()], span);
            return receiver;
        };
        let shadowed = self.bind(parameters, vec![receiver], span);
        self.optional(*body, span);
        let changed = self.variable(name, span);
        self.unbind(shadowed);
        changed
    }

    /// Evaluates `each_with_object(x)`: the block changes its second parameter.
    fn fold_into(
        &mut self,
        receiver: RubyValue,
        arguments: Vec<RubyValue>,
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        let (Some(elements), RubyBlock::Code { parameters, .. }) = (elements(&receiver, "each"), block) else {
            return self.iterate(&receiver, "each_with_object", block, span);
        };
        let Some(name) = parameters.get(1).and_then(|parameter| name_of(parameter)) else {
            return self.iterate(&receiver, "each_with_object", block, span);
        };
        let mut object = arguments.into_iter().next().unwrap_or_else(|| RubyValue::nil(span));
        for mut element in elements {
            element.push(object);
            let shadowed = self.bind_block(parameters, element, span);
            if let RubyBlock::Code { body, .. } = block {
                self.optional(*body, span);
            }
            object = self.variable(name, span);
            self.unbind(shadowed);
            self.flow = ControlFlow::Normal;
        }
        object
    }

    /// Evaluates `inject(x)`: the result of the block is its first argument in the next round.
    fn fold(
        &mut self,
        receiver: RubyValue,
        arguments: Vec<RubyValue>,
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        let Some(elements) = elements(&receiver, "each") else {
            return self.iterate(&receiver, "inject", block, span);
        };
        let mut items = arguments.into_iter().chain(elements.into_iter().flatten());
        let first = items.next().unwrap_or_else(|| RubyValue::nil(span));
        let RubyBlock::Code { parameters, body } = block else {
            return items.fold(first, |all, item| self.run(block, vec![all, item], span));
        };
        items.fold(first, |all, item| {
            let shadowed = self.bind_block(parameters, vec![all, item], span);
            let value = self.optional(*body, span);
            self.unbind(shadowed);
            value
        })
    }

    /// Evaluates `merge(other) { |key, old, new| … }`.
    fn merge_with(
        &mut self,
        mut hash: RubyHash,
        others: &[RubyValue],
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        for other in others {
            let RubyData::Hash(other) = &other.data else {
                return RubyValue::unknown("the argument is not a plain hash", span);
            };
            for (key, new) in &other.0 {
                let value = match hash.get(key) {
                    Some(old) => self.run(block, vec![key.clone(), old.clone(), new.clone()], span),
                    None => new.clone(),
                };
                hash.insert(key.clone(), value);
            }
        }
        RubyValue::new(RubyData::Hash(hash), span)
    }

    /// Evaluates `gsub(pattern) { |found| … }`.
    fn substitute(
        &mut self,
        text: &str,
        (name, arguments): (&str, &[RubyValue]),
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        let pattern = match arguments.first().map(|argument| &argument.data) {
            Some(RubyData::Pattern(pattern)) => Some(pattern.clone()),
            Some(RubyData::Text(text)) => Regex::new(&regex::escape(text)).ok(),
            _ => None,
        };
        let Some(pattern) = pattern else {
            return RubyValue::unknown(format!("requires executing `{name}` with a block"), span);
        };
        let mut written = String::new();
        let mut from = 0;
        for found in pattern.find_iter(text).take(if name == "sub" { 1 } else { usize::MAX }) {
            self.record_match(&pattern, found.as_str(), span);
            let value = self.run(block, vec![RubyValue::text(found.as_str(), span)], span);
            let Some(with) = value.to_text() else { return self.not_a_text(value, span) };
            written += &text[from..found.start()];
            written += &with;
            from = found.end();
        }
        written += &text[from..];
        RubyValue::text(written, span)
    }

    /// Evaluates `fetch(key) { … }`: the block runs if the key is missing.
    fn fetch_or(
        &mut self,
        receiver: RubyValue,
        arguments: Vec<RubyValue>,
        block: &RubyBlock<'_>,
        span: &SourceSpan,
    ) -> RubyValue {
        let found = self.operate(receiver, "fetch", arguments.clone(), span);
        match found.as_unknown() {
            Some(unknown) if unknown.cause == UnknownCause::Raises => self.run(block, arguments, span),
            _ => found,
        }
    }

    /// Runs the block for each element and collects the results.
    fn iterate(&mut self, receiver: &RubyValue, name: &str, block: &RubyBlock<'_>, span: &SourceSpan) -> RubyValue {
        let Some(elements) = elements(receiver, name) else {
            let value = RubyValue::unknown(format!("requires executing `{name}` with a block"), span);
            if let Some(reason) = value.as_unknown() {
                self.run_speculatively(reason, block);
            }
            return value;
        };
        let mut results = Vec::new();
        for element in &elements {
            results.push(self.run(block, element.clone(), span));
            match std::mem::replace(&mut self.flow, ControlFlow::Normal) {
                ControlFlow::Normal | ControlFlow::Next(_) => {}
                ControlFlow::Break(value) => return value,
                flow @ ControlFlow::Return(_) => {
                    self.flow = flow;
                    break;
                }
            }
            if self.budget == 0 {
                break;
            }
        }
        collect_results(receiver, name, results, span)
    }

    /// Runs a block once; returns its result.
    pub(super) fn run(&mut self, block: &RubyBlock<'_>, arguments: Vec<RubyValue>, span: &SourceSpan) -> RubyValue {
        match block {
            RubyBlock::Opaque => RubyValue::unknown("requires executing this block", span),
            RubyBlock::Method(name) => {
                let mut arguments = arguments.into_iter();
                let receiver = arguments.next().unwrap_or_else(|| RubyValue::nil(span));
                self.operate(receiver, name, arguments.collect(), span)
            }
            RubyBlock::Code { parameters, body } => {
                let shadowed = match parameters[..] {
                    [] => self.bind_numbered(1, arguments, span),
                    _ => self.bind_block(parameters, arguments, span),
                };
                self.run_body(*body, shadowed, span)
            }
            RubyBlock::Numbered(count, body) => {
                let shadowed = self.bind_numbered(*count, arguments, span);
                self.run_body(Some(body), shadowed, span)
            }
        }
    }

    fn run_body(&mut self, body: Option<&Node>, shadowed: ShadowedVariables, span: &SourceSpan) -> RubyValue {
        shadowed.iter().for_each(|(name, _)| self.aliases.mark_parameter(name));
        let value = self.optional(body, span);
        shadowed.iter().for_each(|(name, _)| self.aliases.leave(name));
        self.unbind(shadowed);
        match &self.flow {
            ControlFlow::Next(value) => value.clone(),
            _ => value,
        }
    }

    /// Evaluates a block once with unknown arguments, because its calls are unknown.
    pub(super) fn run_speculatively(&mut self, reason: &UnknownValue, block: &RubyBlock<'_>) {
        let count = match block {
            RubyBlock::Code { parameters, .. } => parameters.len(),
            RubyBlock::Numbered(count, _) => *count,
            RubyBlock::Method(_) | RubyBlock::Opaque => return,
        };
        let unknown = RubyValue::new(RubyData::Unknown(reason.clone()), &reason.span);
        let arguments = vec![unknown; count.max(1)];
        self.speculative(reason, |this| drop(this.run(block, arguments, &reason.span)));
    }

    /// Evaluates `for x in list`.
    pub(super) fn for_each(
        &mut self,
        items: RubyValue,
        target: &Node,
        body: Option<&Node>,
        span: &SourceSpan,
    ) -> RubyValue {
        let Some(elements) = elements(&items, "each") else {
            let reason = RubyValue::unknown("requires executing this loop", span);
            if let Some(reason) = items.as_unknown().or(reason.as_unknown()) {
                self.speculative(reason, |this| drop(this.optional(body, span)));
            }
            return items;
        };
        for element in elements {
            self.store(target, element.into_iter().next().unwrap_or_else(|| RubyValue::nil(span)));
            self.optional(body, span);
            match std::mem::replace(&mut self.flow, ControlFlow::Normal) {
                ControlFlow::Break(value) => return value,
                flow @ ControlFlow::Return(_) => {
                    self.flow = flow;
                    break;
                }
                ControlFlow::Normal | ControlFlow::Next(_) => {}
            }
        }
        items
    }

    /// Calls a method that the file defines; `None` if it defines no such method.
    pub(super) fn call_defined(
        &mut self,
        name: &str,
        arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> Option<RubyValue> {
        let method = std::rc::Rc::clone(self.methods.get(name)?);
        let outer = (std::mem::take(&mut self.variables), std::mem::take(&mut self.aliases));
        let bound = self.bind(&parameters(method.args.as_deref()), arguments, span);
        bound.iter().for_each(|(name, _)| self.aliases.mark_parameter(name));
        let value = self.optional(method.body.as_deref(), span);
        (self.variables, self.aliases) = outer;
        Some(match std::mem::replace(&mut self.flow, ControlFlow::Normal) {
            ControlFlow::Return(value) => value,
            _ => value,
        })
    }
}
