//! Computes what a `gitlab.rb` says, without executing it.
//!
//! A value that only execution could tell (a command's output, a gem) becomes an `Unknown` that carries
//! its place and spreads to what is computed from it. Where an unknown value decides what is done, it is
//! done in doubt: whatever is set there becomes unknown. So nothing is ever silently wrong, and whoever
//! uses a value in the end sees whether it can be trusted.
//!
//! Every step is bounded, whatever the text: values by a budget of memory, code by its depth.

mod aliasing;
mod array_methods;
mod assignment;
mod blocks;
mod builtins;
mod case_equality;
mod control_flow;
mod hash_methods;
mod interpreter;
mod iteration;
mod literals;
mod method_calls;
mod mutation;
mod number_methods;
mod parameters;
mod regexp;
mod regexp_match;
mod sprintf;
mod string_methods;
mod system_calls;
mod yaml;

pub(super) use interpreter::Evaluator;

#[cfg(test)]
mod tests;
