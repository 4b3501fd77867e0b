//! Every answer the proxy makes itself, and the one table from failure to status.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use super::body::Content;
use crate::model::host::Authority;
use crate::model::route::{Origin, Redirect, Respond};
use crate::net::upstream::error::UpstreamError;
use crate::net::upstream::request::BodyFailure;

/// Why a request is not answered by an application.
#[derive(Debug)]
pub enum Refusal {
    /// No `Host`, two of them, or one that cannot be a host.
    BadHost,
    /// A path outside the root, or with escapes that are none.
    BadPath,
    /// A host that is not served here, or not on a connection for this TLS name.
    Misdirected,
    /// `CONNECT` asks for a tunnel to anywhere, `TRACE` echoes cookies to scripts.
    Method,
    NoRoute,
    TooLarge,
    Upstream(UpstreamError),
}

/// An answer before it has a record.
pub type Reply = Response<Content>;

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::BadHost | Refusal::BadPath => StatusCode::BAD_REQUEST,
            Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Upstream(error) => upstream_status(error),
        }
    }

    fn explanation(&self) -> &'static str {
        match self.status() {
            StatusCode::BAD_REQUEST => "The request is not well-formed: see its host and its path.",
            StatusCode::MISDIRECTED_REQUEST => "This host is not served here.",
            StatusCode::METHOD_NOT_ALLOWED => "This method is not allowed.",
            StatusCode::NOT_FOUND => "There is nothing at this address.",
            StatusCode::PAYLOAD_TOO_LARGE => "The request is larger than the server accepts.",
            StatusCode::REQUEST_TIMEOUT => "The request did not arrive in time.",
            StatusCode::GATEWAY_TIMEOUT => "The application did not answer in time.",
            _ => "The application cannot be reached. It may be starting; try again in a moment.",
        }
    }
}

fn upstream_status(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::Connect(_) | UpstreamError::Broken(_) | UpstreamError::UnaskedSwitch => {
            StatusCode::BAD_GATEWAY
        }
        UpstreamError::ConnectTimeout | UpstreamError::AnswerTimeout => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::RequestBody(BodyFailure::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        UpstreamError::RequestBody(BodyFailure::ClientTooSlow) => StatusCode::REQUEST_TIMEOUT,
        UpstreamError::RequestBody(BodyFailure::ClientBrokeOff) => StatusCode::BAD_REQUEST,
    }
}

/// A short page for browsers, a short text for everything else.
pub fn refuse(refusal: &Refusal, accept: Option<&HeaderValue>) -> Reply {
    let status = refusal.status();
    let title = status.canonical_reason().unwrap_or("Error");
    let wants_page = accept.is_some_and(|types| types.as_bytes().windows(9).any(|part| part == b"text/html"));
    let (content_type, text) = if wants_page {
        (HTML, page(status.as_u16(), title, refusal.explanation()))
    } else {
        (TEXT, format!("{} {title}: {}\n", status.as_u16(), refusal.explanation()))
    };
    let mut reply = own(status, content_type, text.into());
    if matches!(refusal, Refusal::Method) {
        reply
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
    reply
}

/// To the origin of a redirect, and there to `target`.
pub fn redirect(redirect: &Redirect, host: &HeaderValue, target: &str) -> Reply {
    // The host has been found in the configuration, so it parses.
    let host = host.to_str().ok().and_then(|host| Authority::parse(host).ok());
    let host = host.map(|authority| authority.host).unwrap_or_default();
    let location = match &redirect.origin {
        Origin::Fixed(origin) => format!("{origin}{target}"),
        Origin::SameHost { port: None } => format!("https://{host}{target}"),
        Origin::SameHost { port: Some(port) } => format!("https://{host}:{port}{target}"),
    };
    let mut reply = Response::new(Content::Empty);
    *reply.status_mut() = redirect.status;
    // A target that was a valid request line is a valid header value: no control characters in it.
    if let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    reply
}

pub fn respond(respond: &Respond) -> Reply {
    own(respond.status, respond.content_type.clone(), Bytes::copy_from_slice(respond.body.as_bytes()))
}

/// Whether a method is passed on at all.
pub fn is_allowed(method: &Method) -> bool {
    *method != Method::CONNECT && *method != Method::TRACE
}

fn own(status: StatusCode, content_type: HeaderValue, text: Bytes) -> Reply {
    let mut reply = Response::new(Content::Own(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

fn page(code: u16, title: &str, explanation: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{code} {title}</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;\
         max-width:34rem;margin:18vh auto 0;padding:0 1.5rem}}h1{{font-size:1.6rem;margin:0 0 .5rem}}\
         h1 span{{opacity:.5;font-weight:400}}p{{margin:0}}</style>\n\
         <h1><span>{code}</span> {title}</h1><p>{explanation}</p>\n</html>\n"
    )
}

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
