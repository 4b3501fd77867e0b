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
    pub(super) surroundings: &'a dyn Environment,
    pub(super) problems: &'a mut Diagnostics,
    /// The text that is being evaluated.
    pub(super) source: Arc<SourceFile>,
    pub(super) settings: AssignedSettings,
    pub(super) variables: HashMap<String, RubyValue>,
    /// Constants, `@` and `$` variables, which are seen everywhere.
    pub(super) globals: HashMap<String, RubyValue>,
    pub(super) methods: HashMap<String, Rc<Def>>,
    /// Which names stand for one and the same object.
    pub(super) sharing: AliasSet,
    /// Why it is not known whether this code runs at all.
    pub(super) uncertainty: Option<UnknownValue>,
    pub(super) flow: ControlFlow,
    /// How many bodies around this code handle their exceptions.
    pub(super) guards: usize,
    pub(super) budget: usize,
    pub(super) depth: usize,
}

/// Where the code goes on.
#[derive(Debug)]
pub(crate) enum ControlFlow {
    Ahead,
    /// At the end of the block, with its value.
    Next(RubyValue),
    /// After the loop, with its value.
    Break(RubyValue),
    /// After the call of the method, with its value.
    Return(RubyValue),
}

impl<'a> Evaluator<'a> {
    pub(in crate::config::gitlab_rb) fn new(
        surroundings: &'a dyn Environment,
        problems: &'a mut Diagnostics,
    ) -> Evaluator<'a> {
        Evaluator {
            surroundings,
            problems,
            source: SourceFile::new(Path::new(""), ""),
            settings: AssignedSettings::new(),
            variables: HashMap::new(),
            globals: HashMap::new(),
            methods: HashMap::new(),
            sharing: AliasSet::default(),
            uncertainty: None,
            flow: ControlFlow::Ahead,
            guards: 0,
            budget: BUDGET,
            depth: 0,
        }
    }

    /// Evaluates a file. Its local variables are its own.
    pub(in crate::config::gitlab_rb) fn file(&mut self, source: &Arc<SourceFile>) {
        self.budget = self.budget.saturating_sub(PER_FILE);
        let Some(tree) = syntax::parse(source, self.problems) else { return };
        let outer_source = std::mem::replace(&mut self.source, Arc::clone(source));
        let outer_variables = std::mem::take(&mut self.variables);
        let outer_sharing = std::mem::take(&mut self.sharing);
        self.eval(&tree);
        self.flow = ControlFlow::Ahead;
        self.variables = outer_variables;
        self.sharing = outer_sharing;
        self.source = outer_source;
    }

    pub(in crate::config::gitlab_rb) fn into_settings(self) -> AssignedSettings {
        self.settings
    }

    pub(crate) fn span(&self, loc: &Loc) -> SourceSpan {
        SourceSpan::new(&self.source, loc.begin..loc.end)
    }

    pub(crate) fn place_of(&self, node: &Node) -> SourceSpan {
        self.span(node.expression())
    }

    /// The value of an expression.
    pub(crate) fn eval(&mut self, node: &Node) -> RubyValue {
        if self.depth >= MAX_DEPTH || self.budget == 0 {
            return self.too_much(node);
        }
        self.depth += 1;
        let value = self.expression(node);
        self.depth -= 1;
        self.budget = self.budget.saturating_sub(value.weight());
        value
    }

    pub(super) fn expression(&mut self, node: &Node) -> RubyValue {
        if let Some(value) = self.literal(node) {
            return value;
        }
        let place = self.place_of(node);
        match node {
            Node::Begin(it) => self.sequence(&it.statements, &place),
            Node::KwBegin(it) => self.sequence(&it.statements, &place),
            Node::Lvar(it) => self.variable(&it.name, &place),
            Node::Ivar(it) => self.global(&it.name, &place),
            Node::Gvar(it) => self.global(&it.name, &place),
            Node::NthRef(it) => self.last_group(&it.name, &place),
            Node::Const(it) => self.constant(it),
            Node::Self_(_) => RubyValue::new(RubyData::Constant("Gitlab".to_owned()), &place),
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
            Node::XHeredoc(_) | Node::Xstr(_) => RubyValue::unknown("a shell command would have to be run", &place),
            _ => self.branch(node, &place),
        }
    }

    /// Statements in their order, and the value of the last.
    pub(super) fn sequence(&mut self, statements: &[Node], place: &SourceSpan) -> RubyValue {
        let mut last = RubyValue::nil(place);
        for statement in statements {
            last = self.eval(statement);
            if !matches!(self.flow, ControlFlow::Ahead) {
                break;
            }
        }
        last
    }

    pub(crate) fn optional(&mut self, node: Option<&Node>, place: &SourceSpan) -> RubyValue {
        node.map_or_else(|| RubyValue::nil(place), |node| self.eval(node))
    }

    pub(crate) fn variable(&self, name: &str, place: &SourceSpan) -> RubyValue {
        let value = self.variables.get(name).cloned().unwrap_or_else(|| RubyValue::nil(place));
        RubyValue { span: place.clone(), ..value }
    }

    pub(crate) fn global(&self, name: &str, place: &SourceSpan) -> RubyValue {
        let unset = || match name {
            "$stdout" | "$stderr" => RubyValue::new(RubyData::Constant("STDOUT".to_owned()), place),
            _ => RubyValue::nil(place),
        };
        self.globals.get(name).cloned().unwrap_or_else(unset)
    }

    /// Does something of which it is not known whether it happens.
    pub(crate) fn speculative(&mut self, why: &UnknownValue, work: impl FnOnce(&mut Self)) {
        let outer = self.uncertainty.replace(why.clone());
        work(self);
        match self.flow {
            ControlFlow::Ahead => self.uncertainty = outer,
            // Whether anything that follows is reached is as doubtful, so the doubt stays.
            _ => self.flow = ControlFlow::Ahead,
        }
    }

    pub(super) fn define(&mut self, method: &Def) -> RubyValue {
        self.methods.insert(method.name.clone(), Rc::new(method.clone()));
        RubyValue::new(RubyData::Symbol(method.name.clone()), &self.span(&method.expression_l))
    }

    pub(super) fn too_much(&mut self, node: &Node) -> RubyValue {
        let place = self.place_of(node);
        let why = if self.budget == 0 { "this file computes too much" } else { "this is nested too deeply" };
        if !self.problems.iter().any(|known| known.message == why) {
            self.problems
                .push(Diagnostic::error(&place, why).help("write the values down instead of computing them"));
        }
        RubyValue::raises(why, &place)
    }
}

/// How deep expressions may nest. Nobody's settings come near it.
pub(super) const MAX_DEPTH: usize = 200;

/// How much memory all values together may take over time, in bytes.
pub(super) const BUDGET: usize = 32 << 20;

/// What a file takes of it to be parsed, so that files that include each other come to an end.
pub(super) const PER_FILE: usize = 512 << 10;
