//! Receivers of assignments and of `send`: settings hashes, attributes, unknown values.
//!
//! A setting must not be lost because its receiver is unknown: the setting may restrict access. An assignment to
//! an unknown receiver is therefore an error, unless the receiver is a variable.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::Send;

use super::blocks::RubyBlock;
use super::interpreter::Evaluator;
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::top_level;
use crate::config::gitlab_rb::value::{RubyData, RubyValue};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Evaluates `send(:name, …)` and `public_send`, also with a receiver, as the call of `name`.
    pub(super) fn send_by_name(
        &mut self,
        call: &Send,
        block: Option<&RubyBlock<'_>>,
        span: &SourceSpan,
    ) -> RubyValue {
        let name = match call.args.split_first() {
            Some((first, _)) if !matches!(first, Node::Splat(_) | Node::BlockPass(_)) => {
                self.eval(first).as_key().map(str::to_owned)
            }
            _ => None,
        };
        let (Some(name), [first, rest @ ..]) = (name, &call.args[..]) else {
            return self.could_set_anything(&call.method_name, span);
        };
        let named = Send {
            recv: call.recv.clone(),
            method_name: name,
            args: rest.to_vec(),
            dot_l: call.dot_l,
            selector_l: Some(*first.expression()),
            begin_l: call.begin_l,
            end_l: call.end_l,
            operator_l: call.operator_l,
            expression_l: call.expression_l,
        };
        self.send(&named, block)
    }

    /// Evaluates `self.external_url = 'https://…'`.
    pub(super) fn set_attribute(
        &mut self,
        (receiver, object): (&Node, &RubyValue),
        setting: &str,
        value: &RubyValue,
        span: &SourceSpan,
    ) -> RubyValue {
        match &object.data {
            RubyData::Constant(name) if name == "Gitlab" => self.set_top_level(setting, value.clone(), span),
            RubyData::Section(_) => {
                let error = Diagnostic::error(span, format!("a settings hash has no attribute `{setting}`"));
                self.problems.push(error.help(format!("write a key: `…['{setting}'] = …`")));
            }
            RubyData::Unknown(_) | RubyData::Constant(_) => self.check_receiver(receiver, span),
            _ => {}
        }
        value.clone()
    }

    /// Stores the result of `target += value` or `target ||= value`. The target may be an attribute.
    pub(super) fn store_back(&mut self, target: &Node, value: &RubyValue) {
        match target {
            Node::Send(Send { recv: Some(receiver), method_name, expression_l, .. }) => {
                let (object, span) = (self.eval(receiver), self.span(expression_l));
                self.set_attribute((receiver, &object), method_name, value, &span);
            }
            _ => self.store(target, value.clone()),
        }
    }

    /// Reports an assignment to an unknown receiver, unless the receiver is a variable: the value of the variable
    /// is unknown then, and each use of it is reported.
    pub(super) fn check_receiver(&mut self, receiver: &Node, span: &SourceSpan) {
        let root = root(receiver);
        let is_known = match root {
            Node::Const(it) => self.globals.contains_key(&it.name),
            // A method may return the hash itself, which no longer has a known value then.
            Node::Send(it) if top_level::lookup(&it.method_name).is_some() => {
                !calls_method(receiver) || !it.method_name.contains("nginx")
            }
            Node::Send(it) => self.variables.contains_key(&it.method_name),
            _ => is_variable(root),
        };
        if is_known {
            return;
        }
        if let Node::Send(it) = root {
            let at = self.name_span(it.selector_l.as_ref(), &it.expression_l);
            let message = format!("unknown setting `{}`", it.method_name);
            // The warning about the name becomes an error.
            if self.problems.iter().any(|known| known.span == at && known.message == message) {
                let error = Diagnostic::error(&at, message);
                self.problems.push(error.help("correct the name, or remove the line"));
                return;
            }
        }
        let error = Diagnostic::error(span, "cannot determine which object this assignment changes");
        self.problems.push(error.help("write the name of the settings hash, such as `nginx['…'] = …`"));
    }
}

/// Returns the attribute that `name=` sets; `None` for operators such as `==`.
pub(super) fn assigned_attribute(name: &str) -> Option<&str> {
    let attribute = name.strip_suffix('=')?;
    let is_name = attribute.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_name.then_some(attribute)
}

/// Returns the innermost receiver of an expression: `a` of `a['x'].b`.
fn root(mut node: &Node) -> &Node {
    loop {
        node = match node {
            Node::Index(it) => &it.recv,
            Node::CSend(it) => &it.recv,
            Node::Send(Send { recv: Some(receiver), .. }) => receiver,
            Node::Begin(it) if it.statements.len() == 1 => &it.statements[0],
            _ => return node,
        };
    }
}

/// Returns whether an expression calls a method of its root.
fn calls_method(node: &Node) -> bool {
    match node {
        Node::Index(it) => calls_method(&it.recv),
        Node::Begin(it) if it.statements.len() == 1 => calls_method(&it.statements[0]),
        Node::CSend(_) => true,
        Node::Send(it) => it.recv.is_some(),
        _ => false,
    }
}

fn is_variable(node: &Node) -> bool {
    matches!(
        node,
        Node::Lvar(_) | Node::Lvasgn(_) | Node::Ivar(_) | Node::Ivasgn(_) | Node::Gvar(_) | Node::Gvasgn(_)
    )
}

/// The names of `send`.
pub(super) const SEND: [&str; 3] = ["send", "public_send", "__send__"];
