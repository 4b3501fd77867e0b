//! The request sent to an upstream.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::{self, Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};

use super::request_body::{LimitedBody, UploadProgress};
use crate::model::headers::end_to_end::EndToEndHeaders;
use crate::model::headers::forwarding::ForwardingHeaders;

/// A request with end-to-end headers only, ready to send.
pub struct UpstreamRequest {
    pub(super) message: Request<LimitedBody>,
    /// HTTP/1: serialised headers that precede those of `message`. `None` for HTTP/2, where `message` contains
    /// them.
    pub(super) forwarding: Option<Rc<ForwardingHeaders>>,
    pub(super) options: ExchangeOptions,
}

/// Read timeout and whether a protocol switch is requested.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExchangeOptions {
    pub(super) requests_upgrade: bool,
    /// Limit of a pause in the response (nginx `proxy_read_timeout`).
    pub(super) read_timeout: Duration,
}

/// Method, target and headers.
pub struct UpstreamRequestHead {
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    pub headers: EndToEndHeaders,
}

/// HTTP/1.1, HTTP/1.1 upgrade, or HTTP/2 stream; decides the hop-by-hop headers.
#[derive(Debug, Clone)]
pub enum HopMode {
    KeepAlive,
    /// Requests a switch to this protocol, the value of `Upgrade`.
    Upgrade(HeaderValue),
    /// A stream of an HTTP/2 connection, with the value of `:scheme`.
    Stream(Scheme, TrailerSupport),
}

/// Whether the client accepts trailers (`TE: trailers`, RFC 9110 section 10.1.4). gRPC requires them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailerSupport {
    No,
    Yes,
}

impl UpstreamRequest {
    /// Builds a request with the hop-by-hop headers of its connection. `read_timeout` limits pauses in the
    /// response.
    pub fn new(
        head: UpstreamRequestHead,
        mut body: LimitedBody,
        hop: &HopMode,
        read_timeout: Duration,
    ) -> UpstreamRequest {
        if let HopMode::Stream(..) = hop {
            // hyper does not report 1xx responses on a stream, so the body cannot wait for 100.
            body.release();
        }
        let mut message = Request::new(body);
        *message.method_mut() = head.method;
        let (forwarding, headers) = match hop {
            HopMode::Stream(..) => (None, head.headers.into_headers()),
            HopMode::KeepAlive | HopMode::Upgrade(_) => head.headers.into_http1(),
        };
        *message.headers_mut() = headers;
        match hop {
            HopMode::Stream(scheme, trailers) => {
                set_pseudo_headers(&mut message, head.target, scheme.clone(), *trailers)
            }
            HopMode::KeepAlive | HopMode::Upgrade(_) => set_http1_framing(&mut message, head.target, hop),
        }
        let options = ExchangeOptions { requests_upgrade: matches!(hop, HopMode::Upgrade(_)), read_timeout };
        UpstreamRequest { message, forwarding, options }
    }

    /// Returns a handle that observes the body upload.
    pub fn upload_progress(&self) -> UploadProgress {
        self.message.body().upload_progress()
    }

    /// Clones a request that may be retried; `None` if it is not idempotent, has a body, or requests an upgrade.
    pub(super) fn try_clone(&self) -> Option<UpstreamRequest> {
        let message = &self.message;
        if !message.body().is_none() || !message.method().is_idempotent() || self.options.requests_upgrade {
            return None;
        }
        let mut clone = Request::new(LimitedBody::default());
        *clone.method_mut() = message.method().clone();
        *clone.uri_mut() = message.uri().clone();
        *clone.version_mut() = message.version();
        *clone.headers_mut() = message.headers().clone();
        Some(UpstreamRequest { message: clone, forwarding: self.forwarding.clone(), options: self.options })
    }
}

/// Prepares a request for HTTP/1.1: target in origin form (RFC 9112 section 3.2.1), body framing and upgrade
/// headers.
fn set_http1_framing(message: &mut Request<LimitedBody>, target: PathAndQuery, hop: &HopMode) {
    *message.uri_mut() = Uri::from(target);
    *message.version_mut() = Version::HTTP_11;
    let has_body = !message.body().is_none();
    let headers = message.headers_mut();
    match headers.get(header::CONTENT_LENGTH).cloned() {
        // One field line: a client may repeat equal values (RFC 9110 section 8.6).
        Some(length) => drop(headers.insert(header::CONTENT_LENGTH, length)),
        None if has_body => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        None => {}
    }
    if let HopMode::Upgrade(protocol) = hop {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
}

/// Prepares a request for HTTP/2: `Host` and target become pseudo-headers (RFC 9113 section 8.3.1).
fn set_pseudo_headers(
    message: &mut Request<LimitedBody>,
    target: PathAndQuery,
    scheme: Scheme,
    trailers: TrailerSupport,
) {
    let host = message.headers_mut().remove(header::HOST);
    let authority = host.and_then(|host| Authority::from_maybe_shared(Bytes::from_owner(host)).ok());
    let mut parts = uri::Parts::default();
    (parts.scheme, parts.path_and_query) = (Some(scheme), Some(target.clone()));
    parts.authority = authority;
    *message.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(target));
    *message.version_mut() = Version::HTTP_2;
    if trailers == TrailerSupport::Yes {
        message.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    }
}
