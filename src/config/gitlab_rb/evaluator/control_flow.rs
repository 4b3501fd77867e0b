//! Code that runs only if: conditions, cases, loops, rescues.

use lib_ruby_parser::Node;
use lib_ruby_parser::nodes::{Case, Rescue};

use super::case_equality::matches;
use super::interpreter::{ControlFlow, Evaluator};
use crate::config::gitlab_rb::value::{RubyData, RubyValue, UnknownCause};
use crate::config::span::SourceSpan;

impl Evaluator<'_> {
    pub(super) fn branch(&mut self, node: &Node, place: &SourceSpan) -> RubyValue {
        match node {
            Node::If(it) => self.choose(&it.cond, [it.if_true.as_deref(), it.if_false.as_deref()], place),
            Node::IfMod(it) => self.choose(&it.cond, [it.if_true.as_deref(), it.if_false.as_deref()], place),
            Node::IfTernary(it) => self.choose(&it.cond, [Some(&*it.if_true), Some(&*it.if_false)], place),
            Node::And(it) => self.both(false, &it.lhs, &it.rhs),
            Node::Or(it) => self.both(true, &it.lhs, &it.rhs),
            Node::Case(it) => self.case(it, place),
            Node::Rescue(it) => self.rescue(it, place),
            Node::Ensure(it) => {
                let value = self.optional(it.body.as_deref(), place);
                self.optional(it.ensure.as_deref(), place);
                value
            }
            Node::For(it) => {
                let items = self.eval(&it.iteratee);
                self.for_each(items, &it.iterator, it.body.as_deref(), place)
            }
            Node::While(it) => self.repeat(&it.cond, true, it.body.as_deref(), place),
            Node::Until(it) => self.repeat(&it.cond, false, it.body.as_deref(), place),
            Node::WhilePost(it) => self.endless(Some(&*it.body), place),
            Node::UntilPost(it) => self.endless(Some(&*it.body), place),
            Node::Next(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(place));
                self.leave(ControlFlow::Next(value), place)
            }
            Node::Return(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(place));
                self.leave(ControlFlow::Return(value), place)
            }
            Node::Break(it) => {
                let value = self.items(&it.args).into_iter().next().unwrap_or_else(|| RubyValue::nil(place));
                self.leave(ControlFlow::Break(value), place)
            }
            Node::Defined(it) => self.is_defined(&it.value, place),
            Node::Alias(_) | Node::EmptyElse(_) => RubyValue::nil(place),
            _ => RubyValue::unknown(format!("Ruby's `{}` would have to be executed", node.str_type()), place),
        }
    }

    fn leave(&mut self, flow: ControlFlow, place: &SourceSpan) -> RubyValue {
        self.flow = flow;
        RubyValue::nil(place)
    }

    fn choose(&mut self, condition: &Node, [yes, no]: [Option<&Node>; 2], place: &SourceSpan) -> RubyValue {
        let condition = self.eval(condition);
        match (condition.truth(), condition.as_unknown()) {
            (Some(true), _) => self.optional(yes, place),
            (Some(false), _) => self.optional(no, place),
            (None, Some(why)) => {
                for branch in [yes, no].into_iter().flatten() {
                    self.speculative(why, |this| drop(this.eval(branch)));
                }
                condition
            }
            (None, None) => condition,
        }
    }

    /// `a || b` where `enough` is true, and `a && b` where it is false.
    fn both(&mut self, enough: bool, first: &Node, second: &Node) -> RubyValue {
        let first = self.eval(first);
        match (first.truth(), first.as_unknown()) {
            (Some(truth), _) if truth == enough => first,
            (Some(_), _) => self.eval(second),
            (None, Some(why)) => {
                self.speculative(why, |this| drop(this.eval(second)));
                first
            }
            (None, None) => first,
        }
    }

    fn case(&mut self, case: &Case, place: &SourceSpan) -> RubyValue {
        let subject = case.expr.as_deref().map(|subject| self.eval(subject));
        for (nth, when) in case.when_bodies.iter().enumerate() {
            let Node::When(it) = when else { continue };
            let patterns = self.items(&it.patterns);
            let matched: Vec<Option<bool>> =
                patterns.iter().map(|it| self.fits(it, subject.as_ref(), place)).collect();
            if matched.contains(&Some(true)) {
                return self.optional(it.body.as_deref(), place);
            }
            if matched.contains(&None) {
                return self.case_in_doubt(case, nth, subject.as_ref().unwrap_or(&patterns[0]), place);
            }
        }
        self.optional(case.else_body.as_deref(), place)
    }

    /// Whether a `when` fits. A regular expression leaves its match, as everywhere.
    fn fits(&mut self, pattern: &RubyValue, subject: Option<&RubyValue>, place: &SourceSpan) -> Option<bool> {
        let Some(subject) = subject else { return pattern.truth() };
        match self.matching(pattern, "===", subject, place) {
            Some(fits) => fits.truth(),
            None => matches(pattern, subject),
        }
    }

    /// Runs all that is left of a case, because the subject is not known.
    fn case_in_doubt(&mut self, case: &Case, from: usize, subject: &RubyValue, place: &SourceSpan) -> RubyValue {
        let unknown = RubyValue::unknown("this comparison cannot be computed", place);
        let Some(why) = subject.as_unknown().or(unknown.as_unknown()) else { return unknown };
        let bodies = case.when_bodies[from..].iter().filter_map(|when| match when {
            Node::When(it) => it.body.as_deref(),
            _ => None,
        });
        for body in bodies.chain(case.else_body.as_deref()) {
            self.speculative(why, |this| drop(this.eval(body)));
        }
        RubyValue::new(RubyData::Unknown(why.clone()), place)
    }

    /// A body whose exceptions are handled. It ends at the first value that Ruby would refuse to compute.
    fn rescue(&mut self, rescue: &Rescue, place: &SourceSpan) -> RubyValue {
        let statements: Vec<&Node> = match rescue.body.as_deref() {
            Some(Node::Begin(it)) => it.statements.iter().collect(),
            other => other.into_iter().collect(),
        };
        let mut value = RubyValue::nil(place);
        for statement in statements {
            self.guards += 1;
            value = self.eval(statement);
            self.guards -= 1;
            match value.find_unknown() {
                Some(unknown) if unknown.cause == UnknownCause::Raises => return self.handlers(rescue, place),
                Some(why) => self.speculative(&why, |this| drop(this.handlers(rescue, place))),
                None => {}
            }
            if !matches!(self.flow, ControlFlow::Ahead) {
                return value;
            }
        }
        match rescue.else_.as_deref() {
            Some(otherwise) => self.eval(otherwise),
            None => value,
        }
    }

    fn handlers(&mut self, rescue: &Rescue, place: &SourceSpan) -> RubyValue {
        match rescue.rescue_bodies.first() {
            Some(Node::RescueBody(it)) => self.optional(it.body.as_deref(), place),
            _ => RubyValue::nil(place),
        }
    }

    /// `while` where `wanted` is true, and `until` where it is false. Nobody needs many rounds for settings.
    fn repeat(&mut self, condition: &Node, wanted: bool, body: Option<&Node>, place: &SourceSpan) -> RubyValue {
        for _ in 0..MAX_ROUNDS {
            match self.eval(condition).truth() {
                Some(truth) if truth == wanted => {}
                Some(_) => return RubyValue::nil(place),
                None => break,
            }
            self.optional(body, place);
            match std::mem::replace(&mut self.flow, ControlFlow::Ahead) {
                ControlFlow::Ahead | ControlFlow::Next(_) => {}
                ControlFlow::Break(value) => return value,
                flow @ ControlFlow::Return(_) => {
                    self.flow = flow;
                    return RubyValue::nil(place);
                }
            }
        }
        self.endless(body, place)
    }

    /// `defined?(name)`. The words of the settings are no methods, so they count as undefined.
    fn is_defined(&mut self, node: &Node, place: &SourceSpan) -> RubyValue {
        let kind = match node {
            Node::Begin(it) if it.statements.len() == 1 => return self.is_defined(&it.statements[0], place),
            Node::Lvar(_) => Some("local-variable"),
            Node::Ivar(it) => self.globals.contains_key(&it.name).then_some("instance-variable"),
            Node::Gvar(it) => self.globals.contains_key(&it.name).then_some("global-variable"),
            Node::Const(it) if self.globals.contains_key(&it.name) => Some("constant"),
            Node::Send(it) if it.recv.is_none() => self.methods.contains_key(&it.method_name).then_some("method"),
            _ => return RubyValue::unknown("`defined?` depends on the running package", place),
        };
        kind.map_or_else(|| RubyValue::nil(place), |kind| RubyValue::text(kind, place))
    }

    /// A loop that runs until something happens. Nobody needs one for settings.
    fn endless(&mut self, body: Option<&Node>, place: &SourceSpan) -> RubyValue {
        let value = RubyValue::unknown("a loop without a list would have to be executed", place);
        if let (Some(why), Some(body)) = (value.as_unknown(), body) {
            self.speculative(why, |this| drop(this.eval(body)));
        }
        value
    }
}

/// More rounds than anybody's settings need.
const MAX_ROUNDS: usize = 100;
