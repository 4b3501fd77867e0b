//! Demo application that returns what it received.
//!
//! Every path returns the same page, or the same information as JSON, so that a route or a header of the proxy can
//! be examined by opening a URL. `/slow` and `/events` stream their response; `/status/503` returns that error.

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

/// Responds to one request.
pub(super) async fn respond(request: Request<Incoming>) -> DemoResponse {
    match request.uri().path() {
        "/slow" => slow(),
        "/events" => events(),
        path => match (response::asset(path), requested_failure(path)) {
            (Some(file), _) => file,
            (None, Some(status)) => failure(status),
            (None, None) => show(request).await,
        },
    }
}

async fn show(request: Request<Incoming>) -> DemoResponse {
    let as_json = prefers_json(&request);
    match RequestInfo::from_request(request).await {
        Ok(info) if as_json => response::json(&info.as_json()),
        Ok(info) => response::page(StatusCode::OK, info.to_page()),
        // An incomplete body usually means that the client disconnected. The response informs the proxy.
        Err(error) => response::text(
            StatusCode::BAD_REQUEST,
            &format!("The request body ended before it was complete: {error}."),
        ),
    }
}

fn prefers_json(request: &Request<Incoming>) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    request.uri().path() == "/echo.json" || accept.is_some_and(|types| types.contains("application/json"))
}

/// Sends ten lines, one every 300 ms, which shows whether a proxy buffers responses.
fn slow() -> DemoResponse {
    let lines = (1..=SLOW_LINES).map(|line| Bytes::from(format!("line {line} of {SLOW_LINES}\n")));
    response::stream(DemoContentType::PlainText, PacedBody::new(SLOW_INTERVAL, lines))
}

/// Sends one event a second until the client closes the connection.
fn events() -> DemoResponse {
    let events = (1_u64..).map(|count| Bytes::from(format!("data: {count}\n\n")));
    response::stream(DemoContentType::EventStream, PacedBody::new(EVENT_INTERVAL, events))
}

/// Returns the status of a path such as `/status/404`. Only errors, because other statuses have rules for bodies
/// and connections.
fn requested_failure(path: &str) -> Option<StatusCode> {
    let status: StatusCode = path.strip_prefix("/status/")?.parse().ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn failure(status: StatusCode) -> DemoResponse {
    let values = [
        ("mark", Html::literal(include_str!("pages/mark.svg"))),
        ("code", Html::text(status.as_str())),
        ("reason", Html::text(status.canonical_reason().unwrap_or("Unregistered status"))),
    ];
    response::page(status, Html::fill(include_str!("pages/failure.html"), &values))
}

const SLOW_LINES: u32 = 10;
const SLOW_INTERVAL: Duration = Duration::from_millis(300);
const EVENT_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_error_statuses_can_be_requested() {
        assert_eq!(requested_failure("/status/503"), Some(StatusCode::SERVICE_UNAVAILABLE));
        for path in ["/status/200", "/status/101", "/status/1000", "/status/", "/status/404/x", "/503"] {
            assert_eq!(requested_failure(path), None, "{path}");
        }
    }
}
