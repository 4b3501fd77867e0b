//! Header features lowered to header operations.

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HeaderSetting, Spanned};
use crate::model::headers::ops::{HeaderOp, SettableHeader};

/// Headers that every answer of a host carries, whatever its route.
pub(super) fn policy(hsts: HeaderSetting, referrer_policy: HeaderSetting) -> Vec<HeaderOp> {
    let set = |name: &'static str, choice| match choice {
        HeaderSetting::Send(value) => Some(HeaderOp::Set(SettableHeader::from_static(name), value)),
        HeaderSetting::Leave => None,
    };
    let ops = [set(HSTS, hsts), set(REFERRER_POLICY, referrer_policy)];
    ops.into_iter().flatten().collect()
}

/// The operations alone, in order of the headers' names.
pub(super) fn ops(said: &[Spanned<HeaderOp>]) -> Vec<HeaderOp> {
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
pub(super) fn report_doubles(response_headers: &[Spanned<HeaderOp>], problems: &mut Diagnostics) {
    for op in response_headers {
        let key = match op.value.name().as_str() {
            HSTS => "hsts",
            REFERRER_POLICY => "referrer_policy",
            _ => continue,
        };
        problems.push(
            Diagnostic::error(&op.span, format!("this header has a key of its own: `{key}`"))
                .help(format!("write `{key} = \"…\"` or `{key} = false` for the host")),
        );
    }
}

const HSTS: &str = "strict-transport-security";
const REFERRER_POLICY: &str = "referrer-policy";
