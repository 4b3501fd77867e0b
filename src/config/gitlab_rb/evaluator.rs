//! Evaluates Ruby expressions without side effects.
//!
//! A value that requires execution (the output of a command, a gem) becomes unknown. An unknown value carries
//! its span and reason, and makes each value that is computed from it unknown too. Code whose condition is
//! unknown is evaluated speculatively: everything it sets becomes unknown. A known value is therefore always
//! correct, and each use of an unknown value can be reported.
//!
//! Every evaluation is bounded: a memory budget limits the values, a maximum depth limits the code.

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
mod receivers;
mod regexp;
mod regexp_match;
mod sprintf;
mod string_methods;
mod system_calls;
mod yaml;

pub(super) use interpreter::Evaluator;

#[cfg(test)]
mod tests;
