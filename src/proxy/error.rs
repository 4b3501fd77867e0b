//! Proxy errors and their status codes.

use http::StatusCode;

use crate::upstream::error::UpstreamError;
use crate::upstream::request_body::RequestBodyFailure;

/// Why the proxy responds with an error status of its own.
#[derive(Debug)]
pub enum ProxyError {
    /// `Host` is missing, repeated or invalid.
    BadHost,
    /// The path leaves the root, or contains an invalid percent-encoding.
    BadPath,
    /// The listener does not serve the host, or not on a connection with this SNI name.
    Misdirected,
    /// The host requires a client certificate.
    NoClientCertificate,
    /// `CONNECT` would open a tunnel to any address; `TRACE` would expose cookies to scripts.
    Method,
    /// A static file accepts only GET and HEAD.
    FileMethodNotAllowed,
    /// The access rules of the route, or the permissions of a file, deny access.
    Forbidden,
    /// No route matches the path.
    NoRoute,
    /// The file does not exist.
    NoFile,
    /// `Content-Length` exceeds `max_request_body`.
    BodyTooLarge,
    /// The route has a fixed error response without a body.
    Configured(StatusCode),
    Upstream(UpstreamError),
}

impl ProxyError {
    /// Returns the status code of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            ProxyError::BadHost | ProxyError::BadPath | ProxyError::NoClientCertificate => StatusCode::BAD_REQUEST,
            ProxyError::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            ProxyError::Method | ProxyError::FileMethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ProxyError::Forbidden => StatusCode::FORBIDDEN,
            ProxyError::NoRoute | ProxyError::NoFile => StatusCode::NOT_FOUND,
            ProxyError::Configured(status) => *status,
            ProxyError::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ProxyError::Upstream(error) => upstream_status(error),
        }
    }

    /// Returns the sentence that explains the status to the user.
    pub(super) fn explanation(&self) -> &'static str {
        match self.status() {
            // The text of nginx.
            _ if matches!(self, ProxyError::NoClientCertificate) => "No required SSL certificate was sent.",
            StatusCode::BAD_REQUEST => "The host or the path of the request is invalid.",
            StatusCode::FORBIDDEN => "Access from your address is not allowed.",
            StatusCode::MISDIRECTED_REQUEST => "The requested host is not served on this connection.",
            StatusCode::METHOD_NOT_ALLOWED => "The request method is not allowed.",
            StatusCode::NOT_FOUND => "The requested page does not exist.",
            StatusCode::PAYLOAD_TOO_LARGE => "The request body exceeds the limit of the server.",
            StatusCode::REQUEST_TIMEOUT => "The server timed out while it received the request.",
            StatusCode::GATEWAY_TIMEOUT => "The application did not respond in time.",
            _ if matches!(self, ProxyError::Configured(_)) => "The server is configured to return this status.",
            _ => "The application is not reachable. It may be starting; try again in a moment.",
        }
    }
}

/// Returns the status code for an upstream error.
pub fn upstream_status(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::Connect(_)
        | UpstreamError::Handshake(_)
        | UpstreamError::Connection(_)
        | UpstreamError::UnexpectedUpgrade => StatusCode::BAD_GATEWAY,
        UpstreamError::ConnectTimeout | UpstreamError::ResponseTimeout => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::RequestBody(RequestBodyFailure::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        UpstreamError::RequestBody(RequestBodyFailure::ClientTimeout) => StatusCode::REQUEST_TIMEOUT,
        UpstreamError::RequestBody(RequestBodyFailure::ClientDisconnected) => StatusCode::BAD_REQUEST,
    }
}
