//! Responses of the demo applications: HTML, JSON, text, static assets.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use serde::Serialize;

use super::html::Html;

/// Response of a demo application. Its body cannot fail, because all content is in memory.
pub(super) type DemoResponse = Response<BoxBody<Bytes, Infallible>>;

/// Media type of a demo response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DemoContentType {
    Html,
    Json,
    PlainText,
    Css,
    JavaScript,
    Svg,
    EventStream,
}

impl DemoContentType {
    fn media_type(self) -> &'static str {
        match self {
            DemoContentType::Html => "text/html; charset=utf-8",
            DemoContentType::Json => "application/json",
            DemoContentType::PlainText => "text/plain; charset=utf-8",
            DemoContentType::Css => "text/css; charset=utf-8",
            DemoContentType::JavaScript => "text/javascript; charset=utf-8",
            DemoContentType::Svg => "image/svg+xml",
            DemoContentType::EventStream => "text/event-stream",
        }
    }
}

/// Returns an HTML response.
pub(super) fn page(status: StatusCode, html: Html) -> DemoResponse {
    complete(status, DemoContentType::Html, html.into_string())
}

/// Returns a JSON response with status 200.
pub(super) fn json(value: &impl Serialize) -> DemoResponse {
    match serde_json::to_string_pretty(value) {
        Ok(json) => complete(StatusCode::OK, DemoContentType::Json, json + "\n"),
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, &format!("The response cannot be serialised: {error}"))
        }
    }
}

/// Returns a plain text response, for clients such as curl.
pub(super) fn text(status: StatusCode, text: &str) -> DemoResponse {
    complete(status, DemoContentType::PlainText, format!("{text}\n"))
}

/// Returns a response whose body is generated while it is sent.
pub(super) fn stream<B>(content: DemoContentType, body: B) -> DemoResponse
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
{
    with_headers(StatusCode::OK, content, body.boxed())
}

/// Returns the static asset with this path; `None` if there is none.
pub(super) fn asset(path: &str) -> Option<DemoResponse> {
    let (_, content, text) = ASSETS.iter().find(|(name, ..)| *name == path)?;
    Some(with_headers(StatusCode::OK, *content, Full::from(*text).boxed()))
}

fn complete(status: StatusCode, content: DemoContentType, text: String) -> DemoResponse {
    with_headers(status, content, Full::from(text).boxed())
}

fn with_headers(status: StatusCode, content: DemoContentType, body: BoxBody<Bytes, Infallible>) -> DemoResponse {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.media_type()));
    for (name, value) in COMMON_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Pages load only their own assets and cannot be framed. Their content changes with each request, so it is not
/// cached.
const COMMON_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Assets have the prefix `/demo/`, which neither application uses otherwise.
const ASSETS: [(&str, DemoContentType, &str); 7] = [
    ("/demo/style.css", DemoContentType::Css, include_str!("pages/style.css")),
    ("/demo/echo.css", DemoContentType::Css, include_str!("pages/echo.css")),
    ("/demo/chat.css", DemoContentType::Css, include_str!("pages/chat.css")),
    ("/demo/mark.svg", DemoContentType::Svg, include_str!("pages/mark.svg")),
    ("/demo/neighbour.js", DemoContentType::JavaScript, include_str!("pages/neighbour.js")),
    ("/demo/echo.js", DemoContentType::JavaScript, include_str!("pages/echo.js")),
    ("/demo/chat.js", DemoContentType::JavaScript, include_str!("pages/chat.js")),
];
