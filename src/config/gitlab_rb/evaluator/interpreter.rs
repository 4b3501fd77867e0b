//! The state of an evaluation, and the dispatch by syntax node.

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

/// Evaluates Ruby files, one after the other, into the same settings.
pub(in crate::config::gitlab_rb) struct Evaluator<'a> {
    pub(super) environment: &'a dyn Environment,
    pub(super) problems: &'a mut Diagnostics,
    /// The file that is being evaluated.
    pub(super) source: Arc<SourceFile>,
    pub(super) settings: AssignedSettings,
    /// Local variables of the current file or method.
    pub(super) variables: HashMap<String, RubyValue>,
    /// Constants, `@` and `$` variables, which are visible everywhere.
    pub(super) globals: HashMap<String, RubyValue>,
    pub(super) methods: HashMap<String, Rc<Def>>,
    /// Names that refer to the same object.
    pub(super) aliases: AliasSet,
    /// The reason if it is unknown whether the current code is executed.
    pub(super) uncertainty: Option<UnknownValue>,
    pub(super) flow: ControlFlow,
    /// Number of enclosing bodies with a `rescue`.
    pub(super) rescue_depth: usize,
    /// Remaining memory for values, in bytes.
    pub(super) budget: usize,
    /// Current nesting of expressions.
    pub(super) depth: usize,
}

/// Normal completion, `next`, `break` or `return`.
#[derive(Debug)]
pub(crate) enum ControlFlow {
    Normal,
    /// Continue after the current round of the block, with its value.
    Next(RubyValue),
    /// Continue after the loop, with its value.
    Break(RubyValue),
    /// Continue after the call of the method, with its value.
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

    /// Evaluates a file. Local variables are private to their file.
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

    /// Evaluates an expression within the limits of depth and memory.
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
            Node::XHeredoc(_) | Node::Xstr(_) => RubyValue::unknown("requires running a shell command", &span),
            _ => self.branch(node, &span),
        }
    }

    /// Evaluates statements in order; returns the value of the last one.
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

    /// Evaluates an expression that may be absent, which is `nil`.
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

    /// Evaluates code whose condition is unknown; everything it sets becomes unknown.
    pub(crate) fn speculative(&mut self, reason: &UnknownValue, work: impl FnOnce(&mut Self)) {
        let outer = self.uncertainty.replace(reason.clone());
        work(self);
        match self.flow {
            ControlFlow::Normal => self.uncertainty = outer,
            // The code that follows may be skipped, so it stays uncertain.
            _ => self.flow = ControlFlow::Normal,
        }
    }

    pub(super) fn define(&mut self, method: &Def) -> RubyValue {
        self.methods.insert(method.name.clone(), Rc::new(method.clone()));
        RubyValue::new(RubyData::Symbol(method.name.clone()), &self.span(&method.expression_l))
    }

    /// Reports that the file exceeds a limit, once for each limit.
    pub(super) fn limit_error(&mut self, node: &Node) -> RubyValue {
        let span = self.span_of(node);
        let reason = match self.budget {
            0 => format!("evaluation needs more than {} MiB of memory", BUDGET >> 20),
            _ => format!("expressions are nested more than {MAX_DEPTH} levels deep"),
        };
        if !self.problems.iter().any(|known| known.message == reason) {
            self.problems.push(Diagnostic::error(&span, &reason).help("write the values as literals"));
        }
        RubyValue::raises(reason, &span)
    }
}

/// Maximum nesting of expressions; published files stay far below it.
pub(super) const MAX_DEPTH: usize = 200;

/// Maximum memory of all values over the whole evaluation, in bytes.
pub(super) const BUDGET: usize = 32 << 20;

/// Part of the budget that parsing a file uses, so that files that include each other terminate.
pub(super) const FILE_COST: usize = 512 << 10;
