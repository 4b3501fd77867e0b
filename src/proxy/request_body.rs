//! The body of a request, under the rules of its route and of its head.

use http::{header, request};
use hyper::body::Body;

use super::error::ProxyError;
use crate::downstream::request_body::IncomingBody;
use crate::model::route::ForwardAction;
use crate::upstream::request_body::{Expect, LimitedBody, RequestBodyPolicy};

/// The client's body for an application, unless the head says already that it breaks the rules. Most requests
/// have none, and nothing is looked up for it.
pub(super) fn of(
    body: IncomingBody,
    forward: &ForwardAction,
    head: &request::Parts,
) -> Result<LimitedBody, ProxyError> {
    if body.is_end_stream() {
        return Ok(LimitedBody::default());
    }
    if declared_length(head).is_some_and(|length| !forward.body_limit.allows(length)) {
        return Err(ProxyError::BodyTooLarge);
    }
    let rules = RequestBodyPolicy {
        limit: forward.body_limit,
        client_timeout: forward.client_timeout,
        expects: expectation(head),
    };
    Ok(LimitedBody::new(body, rules))
}

fn declared_length(head: &request::Parts) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn expectation(head: &request::Parts) -> Expect {
    match head.headers.get(header::EXPECT) {
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => Expect::Continue,
        _ => Expect::None,
    }
}
