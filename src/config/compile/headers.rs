//! Header features lowered to header operations.

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HeaderChoice, Said};
use crate::model::headers::ops::{HeaderOp, SettableName};

/// Headers that every answer of a host carries, whatever its route.
pub(super) fn policy(hsts: HeaderChoice, referrer_policy: HeaderChoice) -> Vec<HeaderOp> {
    let set = |name: &'static str, choice| match choice {
        HeaderChoice::Send(value) => Some(HeaderOp::Set(SettableName::from_static(name), value)),
        HeaderChoice::Leave => None,
    };
    let ops = [set(HSTS, hsts), set(REFERRER_POLICY, referrer_policy)];
    ops.into_iter().flatten().collect()
}

/// The operations alone, in order of the headers' names.
pub(super) fn ops(said: &[Said<HeaderOp>]) -> Vec<HeaderOp> {
    let mut ops: Vec<_> = said.iter().map(|op| op.value.clone()).collect();
    sort(&mut ops);
    ops
}

/// One order for all header operations. They change different headers, so it has no effect.
pub(super) fn sort(ops: &mut [HeaderOp]) {
    ops.sort_by(|a, b| a.name().as_str().cmp(b.name().as_str()));
}

/// Reports response headers that have a key of their own. Two ways to say one thing would contradict
/// each other sooner or later.
pub(super) fn report_doubles(response_headers: &[Said<HeaderOp>], problems: &mut Diagnostics) {
    for op in response_headers {
        let key = match op.value.name().as_str() {
            HSTS => "hsts",
            REFERRER_POLICY => "referrer_policy",
            _ => continue,
        };
        problems.push(
            Diagnostic::error(&op.place, format!("this header has a key of its own: `{key}`"))
                .help(format!("write `{key} = \"…\"` or `{key} = false` for the host")),
        );
    }
}

const HSTS: &str = "strict-transport-security";
const REFERRER_POLICY: &str = "referrer-policy";
