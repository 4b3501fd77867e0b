//! The body of a request, under the rules of its route and of its head.

use http::{header, request};
use hyper::body::Body;

use super::error::Refusal;
use crate::downstream::request_body::ClientBody;
use crate::model::route::Forward;
use crate::upstream::request_body::{BodyRules, Expectation, RequestBody};

/// The client's body for an application, unless the head says already that it breaks the rules. Most requests
/// have none, and nothing is looked up for it.
pub(super) fn of(body: ClientBody, forward: &Forward, head: &request::Parts) -> Result<RequestBody, Refusal> {
    if body.is_end_stream() {
        return Ok(RequestBody::default());
    }
    if declared_length(head).is_some_and(|length| !forward.body_limit.allows(length)) {
        return Err(Refusal::TooLarge);
    }
    let rules =
        BodyRules { limit: forward.body_limit, client_timeout: forward.client_timeout, expects: expectation(head) };
    Ok(RequestBody::new(body, rules))
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
