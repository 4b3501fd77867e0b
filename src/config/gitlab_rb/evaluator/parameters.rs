//! Parameters of blocks and methods: which of them gets which value.

use lib_ruby_parser::Node;

use super::interpreter::Evaluator;
use crate::config::gitlab_rb::value::{RubyData, RubyHash, RubyValue};
use crate::config::span::SourceSpan;

/// Variables that parameters hide for a while, with what they held.
pub(super) type ShadowedVariables = Vec<(String, Option<RubyValue>)>;

impl Evaluator<'_> {
    /// Gives the parameters of a block their values; what they hide, to be put back. A list is taken apart
    /// for several parameters.
    pub(super) fn bind_block(
        &mut self,
        parameters: &[&Node],
        arguments: Vec<RubyValue>,
        place: &SourceSpan,
    ) -> ShadowedVariables {
        let spread = parameters.len() > 1 || matches!(parameters, [Node::Restarg(_)]);
        match <[RubyValue; 1]>::try_from(arguments) {
            Ok([RubyValue { data: RubyData::List(items), .. }]) if spread => self.bind(parameters, items, place),
            Ok([only]) => self.bind(parameters, vec![only], place),
            Err(arguments) => self.bind(parameters, arguments, place),
        }
    }

    /// Gives the parameters of a method their values; what they hide, to be put back.
    pub(super) fn bind(
        &mut self,
        parameters: &[&Node],
        mut arguments: Vec<RubyValue>,
        place: &SourceSpan,
    ) -> ShadowedVariables {
        let (named, positional): (Vec<&Node>, Vec<&Node>) = parameters.iter().partition(|it| is_named(it));
        let mut hidden = ShadowedVariables::new();
        if !named.is_empty() {
            let options = match arguments.pop() {
                Some(RubyValue { data: RubyData::Hash(options), .. }) => options,
                other => {
                    arguments.extend(other);
                    RubyHash::default()
                }
            };
            self.bind_named(&named, options, place, &mut hidden);
        }
        let rest = positional.iter().position(|it| matches!(it, Node::Restarg(_) | Node::Splat(_)));
        let Some(at) = rest else {
            self.bind_each(&positional, arguments, place, &mut hidden);
            return hidden;
        };
        let behind = positional.len() - at - 1;
        let mut middle = arguments.split_off(at.min(arguments.len()));
        let last = middle.split_off(middle.len().saturating_sub(behind));
        self.bind_each(&positional[..at], arguments, place, &mut hidden);
        if let Some(name) = rest_name(positional[at]) {
            self.hide(name, RubyValue::new(RubyData::List(middle), place), &mut hidden);
        }
        self.bind_each(&positional[at + 1..], last, place, &mut hidden);
        hidden
    }

    /// One value after the other. Missing ones have their default, or are `nil`.
    fn bind_each(
        &mut self,
        parameters: &[&Node],
        arguments: Vec<RubyValue>,
        place: &SourceSpan,
        hidden: &mut ShadowedVariables,
    ) {
        let mut arguments = arguments.into_iter();
        for parameter in parameters {
            let value = arguments.next();
            match parameter {
                Node::Mlhs(inner) => {
                    let inner: Vec<&Node> = inner.items.iter().collect();
                    let value = value.unwrap_or_else(|| RubyValue::nil(place));
                    hidden.extend(self.bind_block(&inner, vec![value], place));
                }
                Node::Arg(it) => self.hide(&it.name, value.unwrap_or_else(|| RubyValue::nil(place)), hidden),
                Node::Lvasgn(it) => self.hide(&it.name, value.unwrap_or_else(|| RubyValue::nil(place)), hidden),
                Node::Optarg(it) => {
                    let value = value.unwrap_or_else(|| self.eval(&it.default));
                    self.hide(&it.name, value, hidden);
                }
                Node::Shadowarg(it) => self.hide(&it.name, RubyValue::nil(place), hidden),
                _ => {}
            }
        }
    }

    /// `name:` and `name: default`
    fn bind_named(
        &mut self,
        parameters: &[&Node],
        mut options: RubyHash,
        place: &SourceSpan,
        hidden: &mut ShadowedVariables,
    ) {
        for parameter in parameters {
            let mut given = |name: &str| options.remove(&RubyValue::new(RubyData::Symbol(name.to_owned()), place));
            match parameter {
                Node::Kwarg(it) => {
                    let missing = || RubyValue::raises(format!("the argument `{}:` is missing", it.name), place);
                    let value = given(&it.name).unwrap_or_else(missing);
                    self.hide(&it.name, value, hidden);
                }
                Node::Kwoptarg(it) => {
                    let value = given(&it.name).unwrap_or_else(|| self.eval(&it.default));
                    self.hide(&it.name, value, hidden);
                }
                Node::Kwrestarg(it) => {
                    let rest = RubyValue::new(RubyData::Hash(std::mem::take(&mut options)), place);
                    it.name.iter().for_each(|name| self.hide(name, rest.clone(), hidden));
                }
                _ => {}
            }
        }
    }

    /// `_1` and `it`, which a block has if it names no parameters.
    pub(super) fn bind_numbered(
        &mut self,
        count: usize,
        arguments: Vec<RubyValue>,
        place: &SourceSpan,
    ) -> ShadowedVariables {
        let arguments = match &arguments[..] {
            [RubyValue { data: RubyData::List(items), .. }] if count > 1 => items.clone(),
            _ => arguments,
        };
        let mut hidden = ShadowedVariables::new();
        for nth in 1..=count.max(1) {
            let value = arguments.get(nth - 1).cloned().unwrap_or_else(|| RubyValue::nil(place));
            self.hide(&format!("_{nth}"), value, &mut hidden);
        }
        self.hide("it", arguments.into_iter().next().unwrap_or_else(|| RubyValue::nil(place)), &mut hidden);
        hidden
    }

    fn hide(&mut self, name: &str, value: RubyValue, hidden: &mut ShadowedVariables) {
        hidden.push((name.to_owned(), self.variables.insert(name.to_owned(), value)));
    }

    /// Puts back what was hidden.
    pub(super) fn unbind(&mut self, hidden: ShadowedVariables) {
        // In reverse: one name may have been hidden twice.
        for (name, value) in hidden.into_iter().rev() {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
    }
}

/// The parameters that are declared.
pub(super) fn parameters(node: Option<&Node>) -> Vec<&Node> {
    let Some(Node::Args(all)) = node else { return Vec::new() };
    all.args.iter().flat_map(single).collect()
}

/// The name of a parameter that stands for one object.
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
