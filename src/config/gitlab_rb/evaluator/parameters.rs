//! Parameter binding of blocks and methods.

use lib_ruby_parser::Node;

use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

/// Variables shadowed by parameters, with their previous values.
pub(super) type ShadowedVariables = Vec<(String, Option<RubyValue>)>;

impl Evaluator<'_> {
    /// Binds the parameters of a block; returns the shadowed variables for [`Self::unbind`].
    ///
    /// A single array argument is spread over several parameters.
    pub(super) fn bind_block(
        &mut self,
        parameters: &[&Node],
        arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> ShadowedVariables {
        let spread = parameters.len() > 1 || matches!(parameters, [Node::Restarg(_)]);
        match <[RubyValue; 1]>::try_from(arguments) {
            Ok([RubyValue { data: RubyData::List(items), .. }]) if spread => self.bind(parameters, items, span),
            Ok([only]) => self.bind(parameters, vec![only], span),
            Err(arguments) => self.bind(parameters, arguments, span),
        }
    }

    /// Binds the parameters of a method; returns the shadowed variables for [`Self::unbind`].
    pub(super) fn bind(
        &mut self,
        parameters: &[&Node],
        mut arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> ShadowedVariables {
        let (named, positional): (Vec<&Node>, Vec<&Node>) = parameters.iter().partition(|it| is_named(it));
        let mut shadowed = ShadowedVariables::new();
        if !named.is_empty() {
            let options = match arguments.pop() {
                Some(RubyValue { data: RubyData::Hash(options), .. }) => options,
                other => {
                    arguments.extend(other);
                    RubyHash::default()
                }
            };
            self.bind_named(&named, options, span, &mut shadowed);
        }
        let rest = positional.iter().position(|it| matches!(it, Node::Restarg(_) | Node::Splat(_)));
        let Some(at) = rest else {
            self.bind_each(&positional, arguments, span, &mut shadowed);
            return shadowed;
        };
        let behind = positional.len() - at - 1;
        let mut middle = arguments.split_off(at.min(arguments.len()));
        let last = middle.split_off(middle.len().saturating_sub(behind));
        self.bind_each(&positional[..at], arguments, span, &mut shadowed);
        if let Some(name) = rest_name(positional[at]) {
            self.shadow(name, RubyValue::new(RubyData::List(middle), span), &mut shadowed);
        }
        self.bind_each(&positional[at + 1..], last, span, &mut shadowed);
        shadowed
    }

    /// Binds parameters by position. Missing arguments have their default, or are `nil`.
    fn bind_each(
        &mut self,
        parameters: &[&Node],
        arguments: Vec<RubyValue>,
        span: &SourceSpan,
        shadowed: &mut ShadowedVariables,
    ) {
        let mut arguments = arguments.into_iter();
        for parameter in parameters {
            let value = arguments.next();
            match parameter {
                Node::Mlhs(inner) => {
                    let inner: Vec<&Node> = inner.items.iter().collect();
                    let value = value.unwrap_or_else(|| RubyValue::nil(span));
                    shadowed.extend(self.bind_block(&inner, vec![value], span));
                }
                Node::Arg(it) => self.shadow(&it.name, value.unwrap_or_else(|| RubyValue::nil(span)), shadowed),
                Node::Lvasgn(it) => self.shadow(&it.name, value.unwrap_or_else(|| RubyValue::nil(span)), shadowed),
                Node::Optarg(it) => {
                    let value = value.unwrap_or_else(|| self.eval(&it.default));
                    self.shadow(&it.name, value, shadowed);
                }
                Node::Shadowarg(it) => self.shadow(&it.name, RubyValue::nil(span), shadowed),
                _ => {}
            }
        }
    }

    /// Binds the keyword parameters `name:`, `name: default` and `**name`.
    fn bind_named(
        &mut self,
        parameters: &[&Node],
        mut options: RubyHash,
        span: &SourceSpan,
        shadowed: &mut ShadowedVariables,
    ) {
        for parameter in parameters {
            let mut given = |name: &str| options.remove(&RubyValue::new(RubyData::Symbol(name.to_owned()), span));
            match parameter {
                Node::Kwarg(it) => {
                    let missing = || RubyValue::raises(format!("the argument `{}:` is missing", it.name), span);
                    let value = given(&it.name).unwrap_or_else(missing);
                    self.shadow(&it.name, value, shadowed);
                }
                Node::Kwoptarg(it) => {
                    let value = given(&it.name).unwrap_or_else(|| self.eval(&it.default));
                    self.shadow(&it.name, value, shadowed);
                }
                Node::Kwrestarg(it) => {
                    let rest = RubyValue::new(RubyData::Hash(std::mem::take(&mut options)), span);
                    it.name.iter().for_each(|name| self.shadow(name, rest.clone(), shadowed));
                }
                _ => {}
            }
        }
    }

    /// Binds `_1`, `_2`, … and `it`, the parameters of a block that declares none.
    pub(super) fn bind_numbered(
        &mut self,
        count: usize,
        arguments: Vec<RubyValue>,
        span: &SourceSpan,
    ) -> ShadowedVariables {
        let arguments = match &arguments[..] {
            [RubyValue { data: RubyData::List(items), .. }] if count > 1 => items.clone(),
            _ => arguments,
        };
        let mut shadowed = ShadowedVariables::new();
        for nth in 1..=count.max(1) {
            let value = arguments.get(nth - 1).cloned().unwrap_or_else(|| RubyValue::nil(span));
            self.shadow(&format!("_{nth}"), value, &mut shadowed);
        }
        self.shadow("it", arguments.into_iter().next().unwrap_or_else(|| RubyValue::nil(span)), &mut shadowed);
        shadowed
    }

    fn shadow(&mut self, name: &str, value: RubyValue, shadowed: &mut ShadowedVariables) {
        shadowed.push((name.to_owned(), self.variables.insert(name.to_owned(), value)));
    }

    /// Restores the shadowed variables.
    pub(super) fn unbind(&mut self, shadowed: ShadowedVariables) {
        // In reverse order, because one name may be shadowed twice.
        for (name, value) in shadowed.into_iter().rev() {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
    }
}

/// Returns the declared parameters.
pub(super) fn parameters(node: Option<&Node>) -> Vec<&Node> {
    let Some(Node::Args(all)) = node else { return Vec::new() };
    all.args.iter().flat_map(single).collect()
}

/// Returns the name of a parameter that is bound to one object.
pub(super) fn name_of(parameter: &Node) -> Option<&str> {
    match parameter {
        Node::Arg(it) => Some(&it.name),
        Node::Optarg(it) => Some(&it.name),
        Node::Lvasgn(it) => Some(&it.name),
        _ => None,
    }
}

fn single(parameter: &Node) -> Vec<&Node> {
    match parameter {
        Node::Procarg0(only) => only.args.iter().collect(),
        other => vec![other],
    }
}

fn is_named(parameter: &Node) -> bool {
    matches!(parameter, Node::Kwarg(_) | Node::Kwoptarg(_) | Node::Kwrestarg(_))
}

fn rest_name(parameter: &Node) -> Option<&str> {
    match parameter {
        Node::Restarg(it) => it.name.as_deref(),
        Node::Splat(it) => name_of(it.value.as_deref()?),
        _ => None,
    }
}
