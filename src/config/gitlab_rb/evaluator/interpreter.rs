//! The state of an evaluation, and the dispatch by kind of expression.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use lib_ruby_parser::nodes::Def;
use lib_ruby_parser::{Loc, Node};

use super::aliasing::AliasSet;
use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::gitlab_rb::assignments::AssignedSettings;
use crate::config::gitlab_rb::environment::Environment;
use crate::config::gitlab_rb::syntax;
use crate::config::gitlab_rb::value::{RubyData, RubyValue, UnknownValue};
use crate::config::span::{SourceFile, SourceSpan};

/// Evaluates files, one after the other, into the same settings.
pub(in crate::config::gitlab_rb) struct Evaluator<'a> {
    pub(super) environment: &'a dyn Environment,
    pub(super) problems: &'a mut Diagnostics,
    /// The text that is being evaluated.
    pub(super) source: Arc<SourceFile>,
    pub(super) settings: AssignedSettings,
    pub(super) variables: HashMap<String, RubyValue>,
    /// Constants, `@` and `$` variables, which are seen everywhere.
    pub(super) globals: HashMap<String, RubyValue>,
    pub(super) methods: HashMap<String, Rc<Def>>,
    /// Which names stand for one and the same object.
    pub(super) aliases: AliasSet,
    /// Why it is not known whether this code runs at all.
    pub(super) uncertainty: Option<UnknownValue>,
    pub(super) flow: ControlFlow,
    /// How many bodies around this code handle their exceptions.
    pub(super) rescue_depth: usize,
    pub(super) budget: usize,
    pub(super) depth: usize,
}

/// Where the code goes on.
#[derive(Debug)]
pub(crate) enum ControlFlow {
    Normal,
    /// At the end of the block, with its value.
    Next(RubyValue),
    /// After the loop, with its value.
    Break(RubyValue),
    /// After the call of the method, with its value.
    Return(RubyValue),
}

impl<'a> Evaluator<'a> {
    pub(in crate::config::gitlab_rb) fn new(
        environment: &'a dyn Environment,
        problems: &'a mut Diagnostics,
    ) -> Evaluator<'a> {
        Evaluator {
            environment,
            problems,
            source: SourceFile::new(Path::new(""), ""),
            settings: AssignedSettings::new(),
            variables: HashMap::new(),
            globals: HashMap::new(),
            methods: HashMap::new(),
            aliases: AliasSet::default(),
            uncertainty: None,
            flow: ControlFlow::Normal,
            rescue_depth: 0,
            budget: BUDGET,
            depth: 0,
        }
    }

    /// Evaluates a file. Its local variables are its own.
    pub(in crate::config::gitlab_rb) fn file(&mut self, source: &Arc<SourceFile>) {
        self.budget = self.budget.saturating_sub(FILE_COST);
        let Some(tree) = syntax::parse(source, self.problems) else { return };
        let outer_source = std::mem::replace(&mut self.source, Arc::clone(source));
        let outer_variables = std::mem::take(&mut self.variables);
        let outer_aliases = std::mem::take(&mut self.aliases);
        self.eval(&tree);
        self.flow = ControlFlow::Normal;
        self.variables = outer_variables;
        self.aliases = outer_aliases;
        self.source = outer_source;
    }

    pub(in crate::config::gitlab_rb) fn into_settings(self) -> AssignedSettings {
        self.settings
    }

    pub(crate) fn span(&self, loc: &Loc) -> SourceSpan {
        SourceSpan::new(&self.source, loc.begin..loc.end)
    }

    pub(crate) fn span_of(&self, node: &Node) -> SourceSpan {
        self.span(node.expression())
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, node: &Node) -> RubyValue {
        if self.depth >= MAX_DEPTH || self.budget == 0 {
            return self.limit_error(node);
        }
        self.depth += 1;
        let value = self.expression(node);
        self.depth -= 1;
        self.budget = self.budget.saturating_sub(value.memory_size());
        value
    }

    pub(super) fn expression(&mut self, node: &Node) -> RubyValue {
        if let Some(value) = self.literal(node) {
            return value;
        }
        let span = self.span_of(node);
        match node {
            Node::Begin(it) => self.sequence(&it.statements, &span),
            Node::KwBegin(it) => self.sequence(&it.statements, &span),
            Node::Lvar(it) => self.variable(&it.name, &span),
            Node::Ivar(it) => self.global(&it.name, &span),
            Node::Gvar(it) => self.global(&it.name, &span),
            Node::NthRef(it) => self.last_group(&it.name, &span),
            Node::Const(it) => self.constant(it),
            Node::Self_(_) => RubyValue::new(RubyData::Constant("Gitlab".to_owned()), &span),
            Node::Send(it) => self.send(it, None),
            Node::CSend(it) => self.safe_send(it),
            Node::Index(it) => self.index(it),
            Node::Block(_) | Node::Numblock(_) => self.call_with_block(node),
            Node::Lvasgn(_) | Node::Casgn(_) | Node::Ivasgn(_) | Node::Gvasgn(_) | Node::IndexAsgn(_) => {
                self.assign(node)
            }
            Node::Masgn(it) => self.assign_many(it),
            Node::OpAsgn(it) => self.assign_with_operator(it),
            Node::OrAsgn(it) => self.assign_unless(true, &it.recv, &it.value),
            Node::AndAsgn(it) => self.assign_unless(false, &it.recv, &it.value),
            Node::Def(it) => self.define(it),
            Node::XHeredoc(_) | Node::Xstr(_) => RubyValue::unknown("a shell command would have to be run", &span),
            _ => self.branch(node, &span),
        }
    }

    /// Statements in their order, and the value of the last.
    pub(super) fn sequence(&mut self, statements: &[Node], span: &SourceSpan) -> RubyValue {
        let mut last = RubyValue::nil(span);
        for statement in statements {
            last = self.eval(statement);
            if !matches!(self.flow, ControlFlow::Normal) {
                break;
            }
        }
        last
    }

    pub(crate) fn optional(&mut self, node: Option<&Node>, span: &SourceSpan) -> RubyValue {
        node.map_or_else(|| RubyValue::nil(span), |node| self.eval(node))
    }

    pub(crate) fn variable(&self, name: &str, span: &SourceSpan) -> RubyValue {
        let value = self.variables.get(name).cloned().unwrap_or_else(|| RubyValue::nil(span));
        RubyValue { span: span.clone(), ..value }
    }

    pub(crate) fn global(&self, name: &str, span: &SourceSpan) -> RubyValue {
        let unset = || match name {
            "$stdout" | "$stderr" => RubyValue::new(RubyData::Constant("STDOUT".to_owned()), span),
            _ => RubyValue::nil(span),
        };
        self.globals.get(name).cloned().unwrap_or_else(unset)
    }

    /// Does something of which it is not known whether it happens.
    pub(crate) fn speculative(&mut self, why: &UnknownValue, work: impl FnOnce(&mut Self)) {
        let outer = self.uncertainty.replace(why.clone());
        work(self);
        match self.flow {
            ControlFlow::Normal => self.uncertainty = outer,
            // Whether anything that follows is reached is as doubtful, so the doubt stays.
            _ => self.flow = ControlFlow::Normal,
        }
    }

    pub(super) fn define(&mut self, method: &Def) -> RubyValue {
        self.methods.insert(method.name.clone(), Rc::new(method.clone()));
        RubyValue::new(RubyData::Symbol(method.name.clone()), &self.span(&method.expression_l))
    }

    pub(super) fn limit_error(&mut self, node: &Node) -> RubyValue {
        let span = self.span_of(node);
        let why = if self.budget == 0 { "this file computes too much" } else { "this is nested too deeply" };
        if !self.problems.iter().any(|known| known.message == why) {
            self.problems
                .push(Diagnostic::error(&span, why).help("write the values down instead of computing them"));
        }
        RubyValue::raises(why, &span)
    }
}

/// How deep expressions may nest. Nobody's settings come near it.
pub(super) const MAX_DEPTH: usize = 200;

/// How much memory all values together may take over time, in bytes.
pub(super) const BUDGET: usize = 32 << 20;

/// What a file takes of it to be parsed, so that files that include each other come to an end.
pub(super) const FILE_COST: usize = 512 << 10;
