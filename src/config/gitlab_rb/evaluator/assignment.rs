//! Assignments to variables and settings.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::{Index, IndexAsgn, Masgn, OpAsgn, Send};

use super::interpreter::Evaluator;
use super::receivers::assigned_attribute;
use crate::config::diagnostic::Diagnostic;
use crate::config::gitlab_rb::assignments::{Assignment, AssignmentTarget};
use crate::config::gitlab_rb::top_level;
use crate::config::gitlab_rb::value::{RubyData, RubyValue, SectionRef};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Evaluates `target = value`; returns the value.
    pub(super) fn assign(&mut self, node: &Node) -> RubyValue {
        let value = match node {
            Node::Lvasgn(it) => &it.value,
            Node::Ivasgn(it) => &it.value,
            Node::Gvasgn(it) => &it.value,
            Node::Casgn(it) => &it.value,
            Node::IndexAsgn(it) => &it.value,
            _ => &None,
        };
        let source = value.as_deref();
        let value = self.optional(source, &self.span_of(node));
        self.store(node, value.clone());
        if let (Some(target), Some(other)) = (name_of(node), source.and_then(name_of)) {
            self.aliases.join(target, other);
        }
        value
    }

    /// Evaluates `a, b = c, d`; returns the right-hand side.
    pub(super) fn assign_many(&mut self, node: &Masgn) -> RubyValue {
        let value = self.eval(&node.rhs);
        self.store(&node.lhs, value.clone());
        value
    }

    /// Assigns the items of an array to the targets; a splat receives the items that the other targets leave.
    fn distribute(&mut self, targets: &[Node], value: &RubyValue) {
        let items = match &value.data {
            RubyData::Unknown(_) => vec![value.clone(); targets.len()],
            RubyData::List(items) => items.clone(),
            _ => vec![value.clone()],
        };
        let surplus = (items.len() + 1).saturating_sub(targets.len());
        let mut items = items.into_iter();
        for target in targets {
            match target {
                Node::Splat(splat) => {
                    let rest: Vec<RubyValue> = items.by_ref().take(surplus).collect();
                    if let Some(target) = splat.value.as_deref() {
                        self.store(target, RubyValue::new(RubyData::List(rest), &value.span));
                    }
                }
                _ => {
                    let part = items.next().unwrap_or_else(|| RubyValue::nil(&value.span));
                    self.store(target, part);
                }
            }
        }
    }

    /// Evaluates `target += value` and the like; returns the result.
    pub(super) fn assign_with_operator(&mut self, node: &OpAsgn) -> RubyValue {
        let current = self.eval_target(&node.recv);
        let operand = self.eval(&node.value);
        let span = self.span(&node.expression_l);
        let value = self.operate(current, &node.operator, vec![operand], &span);
        self.store_back(&node.recv, &value);
        value
    }

    /// Evaluates `target ||= value` if `kept` is true, and `target &&= value` if it is false.
    pub(super) fn assign_unless(&mut self, kept: bool, target: &Node, value: &Node) -> RubyValue {
        let current = self.eval_target(target);
        match current.truth() {
            Some(truth) if truth == kept => {
                self.log_kept(target, &current);
                current
            }
            Some(_) => {
                let value = self.eval(value);
                self.store_back(target, &value);
                value
            }
            None => {
                self.store_back(target, &current);
                current
            }
        }
    }

    /// Returns the current value of an assignment target.
    fn eval_target(&mut self, target: &Node) -> RubyValue {
        let span = self.span_of(target);
        match target {
            Node::Lvasgn(it) => self.variable(&it.name, &span),
            Node::Ivasgn(it) => self.global(&it.name, &span),
            Node::Gvasgn(it) => self.global(&it.name, &span),
            Node::Casgn(it) => self.global(&it.name, &span),
            Node::IndexAsgn(it) => {
                let receiver = self.eval(&it.recv);
                let indexes = self.items(&it.indexes);
                self.operate(receiver, "[]", indexes, &span)
            }
            _ => self.eval(target),
        }
    }

    /// Logs a `||=` that changed nothing, so that its line has a report entry.
    fn log_kept(&mut self, target: &Node, current: &RubyValue) {
        let Node::IndexAsgn(it) = target else { return };
        let receiver = self.eval(&it.recv);
        let keys = self.items(&it.indexes);
        if let (RubyData::Section(section), Some(key)) = (&receiver.data, keys.first().and_then(RubyValue::as_key))
        {
            let span = self.target_span(it);
            self.settings.assign(section, key, current.clone(), &span);
        }
    }

    /// Stores a value in a variable or setting.
    pub(super) fn store(&mut self, target: &Node, value: RubyValue) {
        let value = self.uncertain(value);
        match target {
            Node::Mlhs(it) => self.distribute(&it.items, &value),
            Node::Lvasgn(it) => self.store_variable(&it.name, value, &self.span(&it.name_l)),
            Node::Ivasgn(_) | Node::Gvasgn(_) | Node::Casgn(_) => {
                let name = name_of(target).unwrap_or_default();
                self.aliases.leave(name);
                self.globals.insert(name.to_owned(), value);
            }
            Node::Lvar(_) | Node::Ivar(_) | Node::Gvar(_) | Node::Const(_) => self.change(target, &value),
            Node::IndexAsgn(it) => {
                let span = self.target_span(it);
                self.store_at(&it.recv, &it.indexes, value, &span);
            }
            Node::Index(it) => {
                let span = self.index_span(it);
                self.store_at(&it.recv, &it.indexes, value, &span);
            }
            Node::Send(Send { recv: Some(receiver), method_name, expression_l, .. })
                if let Some(setting) = assigned_attribute(method_name) =>
            {
                let (object, span) = (self.eval(receiver), self.span(expression_l));
                self.set_attribute((receiver, &object), setting, &value, &span);
            }
            // `a << b << c` changes `a`.
            Node::Send(it) if it.method_name == "<<" => {
                if let Some(inner) = it.recv.as_deref() {
                    self.store(inner, value);
                }
            }
            _ => {}
        }
    }

    /// Returns the value; unknown if it is not certain that the assignment is executed.
    pub(super) fn uncertain(&self, value: RubyValue) -> RubyValue {
        match &self.uncertainty {
            Some(reason) => RubyValue::new(RubyData::Unknown(reason.clone()), &value.span),
            None => value,
        }
    }

    fn store_variable(&mut self, name: &str, value: RubyValue, span: &SourceSpan) {
        if top_level::lookup(name).is_some() {
            let path = vec![name.to_owned()];
            let (value, span) = (value.clone(), span.clone());
            self.settings.log.push(Assignment { path, value, span, target: AssignmentTarget::Variable });
        }
        self.aliases.leave(name);
        self.variables.insert(name.to_owned(), value);
    }

    /// Changes the object that a name refers to, under all of its names.
    fn change(&mut self, target: &Node, value: &RubyValue) {
        let name = name_of(target).unwrap_or_default();
        if self.aliases.is_parameter(name) {
            let message = format!("cannot determine which other values change with `{name}`");
            self.report_unsupported(&self.span_of(target), &message);
        }
        for name in self.aliases.names(name) {
            let is_local = name.starts_with(|c: char| c.is_lowercase() || c == '_');
            let names = if is_local { &mut self.variables } else { &mut self.globals };
            names.insert(name, value.clone());
        }
    }

    fn store_at(&mut self, receiver: &Node, indexes: &[Node], value: RubyValue, span: &SourceSpan) {
        let container = self.eval(receiver);
        let keys = self.items(indexes);
        let Some(key) = keys.first() else { return };
        match container.data {
            RubyData::Section(section) => self.store_in_section(&section, key, value, span),
            RubyData::Hash(mut hash) => {
                hash.insert(key.clone(), value);
                self.store(receiver, RubyValue::new(RubyData::Hash(hash), &container.span));
            }
            RubyData::List(mut items) => match key.data {
                RubyData::Int(at) if usize::try_from(at).is_ok_and(|at| at < items.len()) => {
                    items[usize::try_from(at).unwrap_or_default()] = value;
                    self.store(receiver, RubyValue::new(RubyData::List(items), &container.span));
                }
                _ => self.store(receiver, RubyValue::unknown("an element beyond the end of an array is set", span)),
            },
            RubyData::Constant(name) if name == "Gitlab" => {
                if let Some(setting) = key.as_key() {
                    self.set_top_level(setting, value, span);
                }
            }
            RubyData::Constant(name) if name == "ENV" => {}
            RubyData::Constant(_) | RubyData::Unknown(_) => self.check_receiver(receiver, span),
            _ => self.report_unsupported(span, &format!("cannot set a key of {}", container.kind())),
        }
    }

    pub(super) fn store_in_section(
        &mut self,
        section: &SectionRef,
        key: &RubyValue,
        value: RubyValue,
        span: &SourceSpan,
    ) {
        match key.to_text() {
            Some(key) => self.settings.assign(section, &key, value, span),
            None => {
                let reason = RubyValue::unknown("an unknown key is set here", span);
                section.borrow_mut().tainted = Some(RubyValue { span: span.clone(), ..reason });
            }
        }
    }

    /// Sets a plain setting: `external_url 'https://…'`.
    pub(super) fn set_top_level(&mut self, setting: &str, value: RubyValue, span: &SourceSpan) {
        let value = self.uncertain(value);
        let top = std::rc::Rc::clone(&self.settings.top);
        self.settings.assign(&top, setting, value, span);
    }

    /// Returns the span of `nginx['x']` in `nginx['x'] = 1`.
    fn target_span(&self, node: &IndexAsgn) -> SourceSpan {
        let end = node.indexes.last().map_or(node.expression_l.end, |last| last.expression().end + 1);
        SourceSpan::new(&self.source, node.expression_l.begin..end)
    }

    fn index_span(&self, node: &Index) -> SourceSpan {
        self.span(&node.expression_l)
    }

    /// Reports code whose effect cannot be determined.
    pub(super) fn report_unsupported(&mut self, span: &SourceSpan, message: &str) {
        self.problems.push(Diagnostic::error(span, message).help("use plain assignments"));
    }
}

/// Returns the variable or constant that an expression names or an assignment sets.
fn name_of(node: &Node) -> Option<&str> {
    match node {
        Node::Lvar(it) => Some(&it.name),
        Node::Lvasgn(it) => Some(&it.name),
        Node::Ivar(it) => Some(&it.name),
        Node::Ivasgn(it) => Some(&it.name),
        Node::Gvar(it) => Some(&it.name),
        Node::Gvasgn(it) => Some(&it.name),
        Node::Const(it) => Some(&it.name),
        Node::Casgn(it) => Some(&it.name),
        _ => None,
    }
}
