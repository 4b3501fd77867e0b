//! Every answer the proxy makes itself, and the one table from failure to status.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};

use super::body::Content;
use super::error_pages::ReadyPage;
use super::html;
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
    /// The host is only for clients with a certificate.
    NoClientCertificate,
    /// `CONNECT` asks for a tunnel to anywhere, `TRACE` echoes cookies to scripts.
    Method,
    /// Files can only be fetched.
    NotForFiles,
    /// The route is not for this client.
    Denied,
    NoRoute,
    NoFile,
    TooLarge,
    /// The route says so.
    Configured(StatusCode),
    Upstream(UpstreamError),
}

/// An answer before it has a record.
pub type Reply = Response<Content>;

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::BadHost | Refusal::BadPath | Refusal::NoClientCertificate => StatusCode::BAD_REQUEST,
            Refusal::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Method | Refusal::NotForFiles => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Denied => StatusCode::FORBIDDEN,
            Refusal::NoRoute | Refusal::NoFile => StatusCode::NOT_FOUND,
            Refusal::Configured(status) => *status,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Upstream(error) => upstream_status(error),
        }
    }

    fn explanation(&self) -> &'static str {
        match self.status() {
            // nginx's words.
            _ if matches!(self, Refusal::NoClientCertificate) => "No required SSL certificate was sent.",
            StatusCode::BAD_REQUEST => "The request is not well-formed: see its host and its path.",
            StatusCode::FORBIDDEN => "You may not come here from where you are.",
            StatusCode::MISDIRECTED_REQUEST => "This host is not served here.",
            StatusCode::METHOD_NOT_ALLOWED => "This method is not allowed.",
            StatusCode::NOT_FOUND => "There is nothing at this address.",
            StatusCode::PAYLOAD_TOO_LARGE => "The request is larger than the server accepts.",
            StatusCode::REQUEST_TIMEOUT => "The request did not arrive in time.",
            StatusCode::GATEWAY_TIMEOUT => "The application did not answer in time.",
            _ if matches!(self, Refusal::Configured(_)) => "The server is set up to answer so.",
            _ => "The application cannot be reached. It may be starting; try again in a moment.",
        }
    }
}

/// The status that stands in for the answer of an application that gave none.
pub fn upstream_status(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::Connect(_)
        | UpstreamError::Handshake(_)
        | UpstreamError::Broken(_)
        | UpstreamError::UnaskedSwitch => StatusCode::BAD_GATEWAY,
        UpstreamError::ConnectTimeout | UpstreamError::AnswerTimeout => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::RequestBody(BodyFailure::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        UpstreamError::RequestBody(BodyFailure::ClientTooSlow) => StatusCode::REQUEST_TIMEOUT,
        UpstreamError::RequestBody(BodyFailure::ClientBrokeOff) => StatusCode::BAD_REQUEST,
    }
}

/// The page for such an error; where there is none, a short page for browsers, a short text for all others.
pub fn refuse(refusal: &Refusal, page: Option<&ReadyPage>, accept: Option<&HeaderValue>) -> Reply {
    let status = refusal.status();
    let mut reply = match page {
        Some(page) => error_page(status, page),
        None => plain_error(refusal, accept),
    };
    let allowed = match refusal {
        Refusal::Method => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        Refusal::NotForFiles => "GET, HEAD",
        _ => return reply,
    };
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// A page in the place of whatever else there would be to say.
pub fn error_page(status: StatusCode, page: &ReadyPage) -> Reply {
    own(status, page.content_type.clone(), page.body.clone())
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

/// What the route says. As in nginx, an error without a body is shown as all errors are.
pub fn respond(respond: &Respond) -> Result<Reply, Refusal> {
    let is_error = respond.status.is_client_error() || respond.status.is_server_error();
    if is_error && respond.body.is_empty() {
        return Err(Refusal::Configured(respond.status));
    }
    Ok(own(respond.status, respond.content_type.clone(), Bytes::copy_from_slice(respond.body.as_bytes())))
}

/// What HEAD gets of an answer of the proxy. Over HTTP/2 hyper would send the body, which is an error
/// (RFC 9113 section 8.1.1).
pub fn without_body(mut reply: Reply) -> Reply {
    if let Content::Own(bytes) = reply.body() {
        let length = HeaderValue::from(bytes.len());
        reply.headers_mut().insert(header::CONTENT_LENGTH, length);
        *reply.body_mut() = Content::Empty;
    }
    reply
}

/// A text of the proxy about itself.
pub fn text(content_type: &'static str, text: String) -> Reply {
    own(StatusCode::OK, HeaderValue::from_static(content_type), text.into())
}

/// The status of no answer at all. It is only for the log, where nginx writes the same.
pub fn unanswered() -> StatusCode {
    StatusCode::from_u16(444).unwrap_or(StatusCode::FORBIDDEN)
}

/// Whether a method is passed on at all.
pub fn is_allowed(method: &Method) -> bool {
    *method != Method::CONNECT && *method != Method::TRACE
}

fn plain_error(refusal: &Refusal, accept: Option<&HeaderValue>) -> Reply {
    let status = refusal.status();
    let wants_page = accept.is_some_and(|types| types.as_bytes().windows(9).any(|part| part == b"text/html"));
    if wants_page {
        return own(status, html::CONTENT_TYPE, html::plain(status, refusal.explanation()).into());
    }
    let title = status.canonical_reason().unwrap_or("Error");
    own(status, TEXT, format!("{} {title}: {}\n", status.as_u16(), refusal.explanation()).into())
}

fn own(status: StatusCode, content_type: HeaderValue, text: Bytes) -> Reply {
    let mut reply = Response::new(Content::Own(text));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    reply
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
