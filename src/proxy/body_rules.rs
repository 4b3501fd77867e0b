//! What a route and a request's head demand of the request's body.

use http::{header, request};

use super::reply::Refusal;
use crate::model::route::Forward;
use crate::net::upstream::request::{BodyRules, Expectation};

/// The rules for a body, unless its head says already that it breaks them.
pub(super) fn of(forward: &Forward, head: &request::Parts) -> Result<BodyRules, Refusal> {
    if declared_length(head).is_some_and(|length| !forward.body_limit.allows(length)) {
        return Err(Refusal::TooLarge);
    }
    Ok(BodyRules { limit: forward.body_limit, client_timeout: forward.client_timeout, expects: expectation(head) })
}

fn declared_length(head: &request::Parts) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn expectation(head: &request::Parts) -> Expectation {
    match head.headers.get(header::EXPECT) {
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Expectation::Continue,
        _ => Expectation::None,
    }
}
