//! Every answer the proxy makes itself, and the one table from failure to status.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use super::error::ProxyError;
use super::error_pages::LoadedErrorPage;
use super::html;
use super::response_body::BodyContent;
use crate::model::host::ParsedAuthority;
use crate::model::route::{FixedResponse, RedirectAction, RedirectOrigin};

/// An answer before it has a record.
pub type LocalResponse = Response<BodyContent>;

/// The page for such an error; where there is none, a short page for browsers, a short text for all others.
pub fn error_response(
    refusal: &ProxyError,
    page: Option<&LoadedErrorPage>,
    accept: Option<&HeaderValue>,
) -> LocalResponse {
    let status = refusal.status();
    let mut reply = match page {
        Some(page) => error_page(status, page),
        None => plain_error(refusal, accept),
    };
    let allowed = match refusal {
        ProxyError::Method => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ProxyError::FileMethodNotAllowed => "GET, HEAD",
        _ => return reply,
    };
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// A page in the place of whatever else there would be to say.
pub fn error_page(status: StatusCode, page: &LoadedErrorPage) -> LocalResponse {
    own(status, page.content_type.clone(), page.body.clone())
}

/// To the origin of a redirect, and there to `target`.
pub fn redirect(redirect: &RedirectAction, host: &HeaderValue, target: &str) -> LocalResponse {
    // The host has been found in the configuration, so it parses.
    let host = host.to_str().ok().and_then(|host| ParsedAuthority::parse(host).ok());
    let host = host.map(|authority| authority.host).unwrap_or_default();
    let location = match &redirect.origin {
        RedirectOrigin::Fixed(origin) => format!("{origin}{target}"),
        RedirectOrigin::SameHost { port: None } => format!("https://{host}{target}"),
        RedirectOrigin::SameHost { port: Some(port) } => format!("https://{host}:{port}{target}"),
    };
    let mut reply = Response::new(BodyContent::Empty);
    *reply.status_mut() = redirect.status;
    // A target that was a valid request line is a valid header value: no control characters in it.
    if let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

/// What the route says. As in nginx, an error without a body is shown as all errors are.
pub fn respond(respond: &FixedResponse) -> Result<LocalResponse, ProxyError> {
    let is_error = respond.status.is_client_error() || respond.status.is_server_error();
    if is_error && respond.body.is_empty() {
        return Err(ProxyError::Configured(respond.status));
    }
    Ok(own(respond.status, respond.content_type.clone(), Bytes::copy_from_slice(respond.body.as_bytes())))
}

/// What HEAD gets of an answer of the proxy. Over HTTP/2 hyper would send the body, which is an error
/// (RFC 9113 section 8.1.1).
pub fn without_body(mut reply: LocalResponse) -> LocalResponse {
    if let BodyContent::Bytes(bytes) = reply.body() {
        let length = HeaderValue::from(bytes.len());
        reply.headers_mut().insert(header::CONTENT_LENGTH, length);
        *reply.body_mut() = BodyContent::Empty;
    }
    reply
}

/// A text of the proxy about itself.
pub fn text(content_type: &'static str, text: String) -> LocalResponse {
    own(StatusCode::OK, HeaderValue::from_static(content_type), text.into())
}

/// The status of no answer at all. It is only for the log, where nginx writes the same.
pub fn status_closed() -> StatusCode {
    StatusCode::from_u16(444).unwrap_or(StatusCode::FORBIDDEN)
}

/// Whether a method is passed on at all.
pub fn is_allowed(method: &Method) -> bool {
    *method != Method::CONNECT && *method != Method::TRACE
}

fn plain_error(refusal: &ProxyError, accept: Option<&HeaderValue>) -> LocalResponse {
    let status = refusal.status();
    let wants_page = accept.is_some_and(|types| types.as_bytes().windows(9).any(|part| part == b"text/html"));
    if wants_page {
        return own(status, html::CONTENT_TYPE, html::plain(status, refusal.explanation()).into());
    }
    let title = status.canonical_reason().unwrap_or("Error");
    own(status, TEXT, format!("{} {title}: {}\n", status.as_u16(), refusal.explanation()).into())
}

fn own(status: StatusCode, content_type: HeaderValue, text: Bytes) -> LocalResponse {
    let mut reply = Response::new(BodyContent::Bytes(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
