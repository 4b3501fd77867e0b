//! Proxy errors and their status codes.

use http::StatusCode;

use crate::upstream::error::UpstreamError;
use crate::upstream::request_body::RequestBodyFailure;

/// Why a request is not answered by an application.
#[derive(Debug)]
pub enum ProxyError {
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
    FileMethodNotAllowed,
    /// The route is not for this client.
    Forbidden,
    NoRoute,
    NoFile,
    BodyTooLarge,
    /// The route says so.
    Configured(StatusCode),
    Upstream(UpstreamError),
}

impl ProxyError {
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

    pub(super) fn explanation(&self) -> &'static str {
        match self.status() {
            // nginx's words.
            _ if matches!(self, ProxyError::NoClientCertificate) => "No required SSL certificate was sent.",
            StatusCode::BAD_REQUEST => "The request is not well-formed: see its host and its path.",
            StatusCode::FORBIDDEN => "You may not come here from where you are.",
            StatusCode::MISDIRECTED_REQUEST => "This host is not served here.",
            StatusCode::METHOD_NOT_ALLOWED => "This method is not allowed.",
            StatusCode::NOT_FOUND => "There is nothing at this address.",
            StatusCode::PAYLOAD_TOO_LARGE => "The request is larger than the server accepts.",
            StatusCode::REQUEST_TIMEOUT => "The request did not arrive in time.",
            StatusCode::GATEWAY_TIMEOUT => "The application did not answer in time.",
            _ if matches!(self, ProxyError::Configured(_)) => "The server is set up to answer so.",
            _ => "The application cannot be reached. It may be starting; try again in a moment.",
        }
    }
}

/// The status that stands in for the answer of an application that gave none.
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
