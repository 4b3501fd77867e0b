//! Conditions, `case`, loops and `rescue`.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::{Case, Rescue};

use super::case_equality::matches;
use super::interpreter::{ControlFlow, Evaluator};
use crate::config::gitlab_rb::value::{RubyData, RubyValue, UnknownCause};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    /// Evaluates an expression that controls the flow; unknown if it is not supported.
    pub(super) fn branch(&mut self, node: &Node, span: &SourceSpan) -> RubyValue {
        match node {
            Node::If(it) => self.conditional(&it.cond, [it.if_true.as_deref(), it.if_false.as_deref()], span),
            Node::IfMod(it) => self.conditional(&it.cond, [it.if_true.as_deref(), it.if_false.as_deref()], span),
            Node::IfTernary(it) => self.conditional(&it.cond, [Some(&*it.if_true), Some(&*it.if_false)], span),
            Node::And(it) => self.short_circuit(false, &it.lhs, &it.rhs),
            Node::Or(it) => self.short_circuit(true, &it.lhs, &it.rhs),
            Node::Case(it) => self.case(it, span),
            Node::Rescue(it) => self.rescue(it, span),
            Node::Ensure(it) => {
                let value = self.optional(it.body.as_deref(), span);
                self.optional(it.ensure.as_deref(), span);
                value
            }
            Node::For(it) => {
                let items = self.eval(&it.iteratee);
                self.for_each(items, &it.iterator, it.body.as_deref(), span)
            }
            Node::While(it) => self.while_loop(&it.cond, true, it.body.as_deref(), span),
            Node::Until(it) => self.while_loop(&it.cond, false, it.body.as_deref(), span),
            Node::WhilePost(it) => self.unbounded_loop(Some(&*it.body), span),
            Node::UntilPost(it) => self.unbounded_loop(Some(&*it.body), span),
            Node::Next(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(span));
                self.set_flow(ControlFlow::Next(value), span)
            }
            Node::Return(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(span));
                self.set_flow(ControlFlow::Return(value), span)
            }
            Node::Break(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(span));
                self.set_flow(ControlFlow::Break(value), span)
            }
            Node::Defined(it) => self.is_defined(&it.value, span),
            Node::Alias(_) | Node::EmptyElse(_) => RubyValue::nil(span),
            _ => RubyValue::unknown(format!("requires executing Ruby's `{}`", node.str_type()), span),
        }
    }

    fn set_flow(&mut self, flow: ControlFlow, span: &SourceSpan) -> RubyValue {
        self.flow = flow;
        RubyValue::nil(span)
    }

    fn conditional(&mut self, condition: &Node, [yes, no]: [Option<&Node>; 2], span: &SourceSpan) -> RubyValue {
        let condition = self.eval(condition);
        match (condition.truth(), condition.as_unknown()) {
            (Some(true), _) => self.optional(yes, span),
            (Some(false), _) => self.optional(no, span),
            (None, Some(reason)) => {
                for branch in [yes, no].into_iter().flatten() {
                    self.speculative(reason, |this| drop(this.eval(branch)));
                }
                condition
            }
            (None, None) => condition,
        }
    }

    /// Evaluates `a || b` if `enough` is true, and `a && b` if it is false.
    fn short_circuit(&mut self, enough: bool, first: &Node, second: &Node) -> RubyValue {
        let first = self.eval(first);
        match (first.truth(), first.as_unknown()) {
            (Some(truth), _) if truth == enough => first,
            (Some(_), _) => self.eval(second),
            (None, Some(reason)) => {
                self.speculative(reason, |this| drop(this.eval(second)));
                first
            }
            (None, None) => first,
        }
    }

    fn case(&mut self, case: &Case, span: &SourceSpan) -> RubyValue {
        let subject = case.expr.as_deref().map(|subject| self.eval(subject));
        for (nth, when) in case.when_bodies.iter().enumerate() {
            let Node::When(it) = when else { continue };
            let patterns = self.items(&it.patterns);
            let matched: Vec<Option<bool>> =
                patterns.iter().map(|it| self.when_matches(it, subject.as_ref(), span)).collect();
            if matched.contains(&Some(true)) {
                return self.optional(it.body.as_deref(), span);
            }
            if matched.contains(&None) {
                return self.case_speculatively(case, nth, subject.as_ref().unwrap_or(&patterns[0]), span);
            }
        }
        self.optional(case.else_body.as_deref(), span)
    }

    /// Returns whether a `when` matches; `None` if that is unknown. A regular expression sets `$~`.
    fn when_matches(
        &mut self,
        pattern: &RubyValue,
        subject: Option<&RubyValue>,
        span: &SourceSpan,
    ) -> Option<bool> {
        let Some(subject) = subject else { return pattern.truth() };
        match self.matching(pattern, "===", subject, span) {
            Some(when_matches) => when_matches.truth(),
            None => matches(pattern, subject),
        }
    }

    /// Evaluates all remaining branches of a `case` speculatively, because a comparison is unknown.
    fn case_speculatively(
        &mut self,
        case: &Case,
        from: usize,
        subject: &RubyValue,
        span: &SourceSpan,
    ) -> RubyValue {
        let unknown = RubyValue::unknown("this comparison is not supported", span);
        let Some(reason) = subject.as_unknown().or(unknown.as_unknown()) else { return unknown };
        let bodies = case.when_bodies[from..].iter().filter_map(|when| match when {
            Node::When(it) => it.body.as_deref(),
            _ => None,
        });
        for body in bodies.chain(case.else_body.as_deref()) {
            self.speculative(reason, |this| drop(this.eval(body)));
        }
        RubyValue::new(RubyData::Unknown(reason.clone()), span)
    }

    /// Evaluates a body with a `rescue`. The body ends at the first value for which Ruby raises an exception.
    fn rescue(&mut self, rescue: &Rescue, span: &SourceSpan) -> RubyValue {
        let statements: Vec<&Node> = match rescue.body.as_deref() {
            Some(Node::Begin(it)) => it.statements.iter().collect(),
            other => other.into_iter().collect(),
        };
        let mut value = RubyValue::nil(span);
        for statement in statements {
            self.rescue_depth += 1;
            value = self.eval(statement);
            self.rescue_depth -= 1;
            match value.find_unknown() {
                Some(unknown) if unknown.cause == UnknownCause::Raises => return self.rescue_handler(rescue, span),
                Some(reason) => self.speculative(&reason, |this| drop(this.rescue_handler(rescue, span))),
                None => {}
            }
            if !matches!(self.flow, ControlFlow::Normal) {
                return value;
            }
        }
        match rescue.else_.as_deref() {
            Some(otherwise) => self.eval(otherwise),
            None => value,
        }
    }

    fn rescue_handler(&mut self, rescue: &Rescue, span: &SourceSpan) -> RubyValue {
        match rescue.rescue_bodies.first() {
            Some(Node::RescueBody(it)) => self.optional(it.body.as_deref(), span),
            _ => RubyValue::nil(span),
        }
    }

    /// Evaluates `while` if `wanted` is true, and `until` if it is false. After [`MAX_ROUNDS`] rounds the loop is
    /// evaluated as an unbounded one.
    fn while_loop(&mut self, condition: &Node, wanted: bool, body: Option<&Node>, span: &SourceSpan) -> RubyValue {
        for _ in 0..MAX_ROUNDS {
            match self.eval(condition).truth() {
                Some(truth) if truth == wanted => {}
                Some(_) => return RubyValue::nil(span),
                None => break,
            }
            self.optional(body, span);
            match std::mem::replace(&mut self.flow, ControlFlow::Normal) {
                ControlFlow::Normal | ControlFlow::Next(_) => {}
                ControlFlow::Break(value) => return value,
                flow @ ControlFlow::Return(_) => {
                    self.flow = flow;
                    return RubyValue::nil(span);
                }
            }
        }
        self.unbounded_loop(body, span)
    }

    /// Evaluates `defined?(name)`. Names of settings are not methods in the package, so they are undefined.
    fn is_defined(&mut self, node: &Node, span: &SourceSpan) -> RubyValue {
        let kind = match node {
            Node::Begin(it) if it.statements.len() == 1 => return self.is_defined(&it.statements[0], span),
            Node::Lvar(_) => Some("local-variable"),
            Node::Ivar(it) => self.globals.contains_key(&it.name).then_some("instance-variable"),
            Node::Gvar(it) => self.globals.contains_key(&it.name).then_some("global-variable"),
            Node::Const(it) if self.globals.contains_key(&it.name) => Some("constant"),
            Node::Send(it) if it.recv.is_none() => self.methods.contains_key(&it.method_name).then_some("method"),
            _ => return RubyValue::unknown("`defined?` depends on the running package", span),
        };
        kind.map_or_else(|| RubyValue::nil(span), |kind| RubyValue::text(kind, span))
    }

    /// Evaluates the body of a loop without a known number of rounds once, speculatively.
    fn unbounded_loop(&mut self, body: Option<&Node>, span: &SourceSpan) -> RubyValue {
        let value = RubyValue::unknown("requires executing a loop without a list", span);
        if let (Some(reason), Some(body)) = (value.as_unknown(), body) {
            self.speculative(reason, |this| drop(this.eval(body)));
        }
        value
    }
}

/// Maximum number of rounds of `while` and `until`.
const MAX_ROUNDS: usize = 100;
