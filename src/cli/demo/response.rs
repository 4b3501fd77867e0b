//! The answers both stand-in applications give: pages, JSON, plain text and the files of the pages.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use serde::Serialize;

use super::html::Html;

/// A response of a stand-in application. Its body cannot fail: everything is made here.
pub(super) type DemoResponse = Response<BoxBody<Bytes, Infallible>>;

/// What a body contains, as `DemoContentType-Type` says it.
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

pub(super) fn page(status: StatusCode, html: Html) -> DemoResponse {
    whole(status, DemoContentType::Html, html.into_string())
}

pub(super) fn json(value: &impl Serialize) -> DemoResponse {
    match serde_json::to_string_pretty(value) {
        Ok(text) => whole(StatusCode::OK, DemoContentType::Json, text + "\n"),
        Err(error) => sentence(StatusCode::INTERNAL_SERVER_ERROR, &format!("This answer is no JSON: {error}")),
    }
}

/// A sentence, for programs and for people with curl.
pub(super) fn sentence(status: StatusCode, text: &str) -> DemoResponse {
    whole(status, DemoContentType::PlainText, format!("{text}\n"))
}

/// A body that is made while it is sent.
pub(super) fn stream<B>(content: DemoContentType, body: B) -> DemoResponse
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
{
    with_headers(StatusCode::OK, content, body.boxed())
}

/// A file that a page asks for, if `path` names one.
pub(super) fn page_file(path: &str) -> Option<DemoResponse> {
    let (_, content, text) = PAGE_FILES.iter().find(|(name, ..)| *name == path)?;
    Some(with_headers(StatusCode::OK, *content, Full::from(*text).boxed()))
}

fn whole(status: StatusCode, content: DemoContentType, text: String) -> DemoResponse {
    with_headers(status, content, Full::from(text).boxed())
}

fn with_headers(status: StatusCode, content: DemoContentType, body: BoxBody<Bytes, Infallible>) -> DemoResponse {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.media_type()));
    for (name, value) in COMMON_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Pages load nothing from elsewhere and are shown nowhere else. What they show changes with each
/// request, so nothing is kept.
const COMMON_HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The files lie under a path that neither application uses for anything else.
const PAGE_FILES: [(&str, DemoContentType, &str); 7] = [
    ("/demo/style.css", DemoContentType::Css, include_str!("pages/style.css")),
    ("/demo/echo.css", DemoContentType::Css, include_str!("pages/echo.css")),
    ("/demo/chat.css", DemoContentType::Css, include_str!("pages/chat.css")),
    ("/demo/mark.svg", DemoContentType::Svg, include_str!("pages/mark.svg")),
    ("/demo/neighbour.js", DemoContentType::JavaScript, include_str!("pages/neighbour.js")),
    ("/demo/echo.js", DemoContentType::JavaScript, include_str!("pages/echo.js")),
    ("/demo/chat.js", DemoContentType::JavaScript, include_str!("pages/chat.js")),
];
