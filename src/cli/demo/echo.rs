//! The stand-in for GitLab: answers with what it received.
//!
//! Every path gives the same page, or the same facts as JSON, so a routing rule or a header of the
//! proxy can be looked at by opening an address. A few paths do more: `/slow` and `/events` stream,
//! `/status/503` and the like fail on purpose.

mod header_notes;
mod paced_body;
mod request_info;

use std::time::Duration;

use http::{Request, StatusCode, header};
use hyper::body::{Bytes, Incoming};

use super::html::Html;
use super::response::{self, DemoContentType, DemoResponse};
use paced_body::PacedBody;
use request_info::RequestInfo;

/// Answers one request.
pub(super) async fn respond(request: Request<Incoming>) -> DemoResponse {
    match request.uri().path() {
        "/slow" => slow(),
        "/events" => events(),
        path => match (response::page_file(path), failure_asked_for(path)) {
            (Some(file), _) => file,
            (None, Some(status)) => failure(status),
            (None, None) => show(request).await,
        },
    }
}

async fn show(request: Request<Incoming>) -> DemoResponse {
    let as_json = prefers_json(&request);
    match RequestInfo::from_request(request).await {
        Ok(received) if as_json => response::json(&received.as_json()),
        Ok(received) => response::page(StatusCode::OK, received.to_page()),
        // The body broke off, so the client is most likely gone. The proxy still learns why.
        Err(error) => response::sentence(
            StatusCode::BAD_REQUEST,
            &format!("The request's body ended before it was complete: {error}."),
        ),
    }
}

fn prefers_json(request: &Request<Incoming>) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    request.uri().path() == "/echo.json" || accept.is_some_and(|types| types.contains("application/json"))
}

/// Ten lines, so that a proxy that collects answers is seen to.
fn slow() -> DemoResponse {
    let lines = (1..=SLOW_LINES).map(|line| Bytes::from(format!("line {line} of {SLOW_LINES}\n")));
    response::stream(DemoContentType::PlainText, PacedBody::new(SLOW_PACE, lines))
}

/// A counter without end, one event a second, until the browser leaves.
fn events() -> DemoResponse {
    let events = (1_u64..).map(|count| Bytes::from(format!("data: {count}\n\n")));
    response::stream(DemoContentType::EventStream, PacedBody::new(EVENT_PACE, events))
}

/// `/status/404`: only errors, because the others have rules for bodies and connections.
fn failure_asked_for(path: &str) -> Option<StatusCode> {
    let status: StatusCode = path.strip_prefix("/status/")?.parse().ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn failure(status: StatusCode) -> DemoResponse {
    let values = [
        ("mark", Html::literal(include_str!("pages/mark.svg"))),
        ("code", Html::text(status.as_str())),
        ("reason", Html::text(status.canonical_reason().unwrap_or("An error without a name"))),
    ];
    response::page(status, Html::fill(include_str!("pages/failure.html"), &values))
}

const SLOW_LINES: u32 = 10;
const SLOW_PACE: Duration = Duration::from_millis(300);
const EVENT_PACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_statuses_can_be_asked_for() {
        assert_eq!(failure_asked_for("/status/503"), Some(StatusCode::SERVICE_UNAVAILABLE));
        for path in ["/status/200", "/status/101", "/status/1000", "/status/", "/status/404/x", "/503"] {
            assert_eq!(failure_asked_for(path), None, "{path}");
        }
    }
}
