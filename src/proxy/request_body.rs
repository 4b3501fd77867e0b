//! Enforces size and inactivity limits on the request body.

use http::{Version, header, request};
use hyper::body::Body;

use super::error::ProxyError;
use crate::downstream::request_body::IncomingBody;
use crate::model::route::{ExpectContinue, ForwardAction};
use crate::upstream::request_body::{Expect, LimitedBody, RequestBodyPolicy};

/// Limits a client's body by the settings of its route. Most requests have no body; they skip the header lookups.
///
/// # Errors
///
/// If `Content-Length` exceeds `max_request_body`.
pub(super) fn limited(
    body: IncomingBody,
    action: &ForwardAction,
    head: &request::Parts,
) -> Result<LimitedBody, ProxyError> {
    if body.is_end_stream() {
        return Ok(LimitedBody::default());
    }
    if declared_length(head).is_some_and(|length| !action.body_limit.allows(length)) {
        return Err(ProxyError::BodyTooLarge);
    }
    let policy = RequestBodyPolicy {
        limit: action.body_limit,
        client_timeout: action.client_timeout,
        expects: match action.expect_continue {
            ExpectContinue::Forward => expectation(head),
            ExpectContinue::Respond => Expect::None,
        },
    };
    Ok(LimitedBody::new(body, policy))
}

fn declared_length(head: &request::Parts) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An HTTP/1.0 client expects nothing (RFC 9110 section 10.1.1).
fn expectation(head: &request::Parts) -> Expect {
    match head.headers.get(header::EXPECT) {
        Some(value)
            if head.version != Version::HTTP_10 && value.as_bytes().eq_ignore_ascii_case(b"100-continue") =>
        {
            Expect::Continue
        }
        _ => Expect::None,
    }
}
