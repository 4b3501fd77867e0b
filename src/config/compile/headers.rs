//! Lowers HSTS, Referrer-Policy and header tables to header operations.

use crate::config::diagnostic::{Diagnostic, Diagnostics};
use crate::config::document::{HeaderSetting, Spanned};
use crate::model::headers::ops::{HeaderOp, SettableHeader};

/// Returns the operations that apply to every response of a host, on all routes.
pub(super) fn host_wide_ops(hsts: HeaderSetting, referrer_policy: HeaderSetting) -> Vec<HeaderOp> {
    let set = |name: &'static str, setting| {
        let name = SettableHeader::from_static(name);
        match setting {
            HeaderSetting::Send(value) => Some(HeaderOp::Set(name, value)),
            HeaderSetting::SendIfAbsent(value) => Some(HeaderOp::SetIfAbsent(name, value)),
            HeaderSetting::Leave => None,
        }
    };
    let ops = [set(HSTS, hsts), set(REFERRER_POLICY, referrer_policy)];
    ops.into_iter().flatten().collect()
}

/// Returns the operations without spans, sorted by header name.
pub(super) fn ops(spanned: &[Spanned<HeaderOp>]) -> Vec<HeaderOp> {
    let mut ops: Vec<_> = spanned.iter().map(|op| op.value.clone()).collect();
    sort(&mut ops);
    ops
}

/// Sorts operations by header name. Each changes another header, so the order has no effect on the result.
pub(super) fn sort(ops: &mut [HeaderOp]) {
    ops.sort_by(|a, b| a.name().as_str().cmp(b.name().as_str()));
}

/// Reports response headers that have a dedicated key. The two settings of one header could contradict each other.
pub(super) fn report_duplicates(response_headers: &[Spanned<HeaderOp>], problems: &mut Diagnostics) {
    for op in response_headers {
        let key = match op.value.name().as_str() {
            HSTS => "hsts",
            REFERRER_POLICY => "referrer_policy",
            _ => continue,
        };
        problems.push(
            Diagnostic::error(&op.span, format!("header `{}` is set by the key `{key}`", op.value.name().as_str()))
                .help(format!("set `{key} = \"…\"` or `{key} = false` in the host")),
        );
    }
}

const HSTS: &str = "strict-transport-security";
const REFERRER_POLICY: &str = "referrer-policy";
