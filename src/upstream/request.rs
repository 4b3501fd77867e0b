//! A request as it goes to an application, and the client's body in it.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::{self, Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};

use super::request_body::{LimitedBody, UploadProgress};
use crate::model::headers::end_to_end::EndToEndHeaders;
use crate::model::headers::forwarding::ForwardingHeaders;

/// A request that an application can be sent.
pub struct UpstreamRequest {
    pub(super) message: Request<LimitedBody>,
    /// Stands before the headers of the message; for a stream it is among them.
    pub(super) forwarding: Option<Rc<ForwardingHeaders>>,
    pub(super) options: ExchangeOptions,
}

/// What is agreed about an exchange beside the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExchangeOptions {
    pub(super) requests_upgrade: bool,
    /// Longest silence of the application.
    pub(super) read_timeout: Duration,
}

/// Method, path and headers of a request.
pub struct UpstreamRequestHead {
    pub method: Method,
    pub target: PathAndQuery,
    pub headers: EndToEndHeaders,
}

/// What this connection is to be used for, which decides the headers that belong to it alone.
#[derive(Debug, Clone)]
pub enum HopMode {
    KeepAlive,
    /// Switch to this protocol, if the application agrees.
    Upgrade(HeaderValue),
    /// One stream of an HTTP/2 connection, whose scheme is told to the application.
    Stream(Scheme, TrailerSupport),
}

/// Whether the client takes trailers (RFC 9110 section 10.1.4). gRPC cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailerSupport {
    No,
    Yes,
}

impl UpstreamRequest {
    /// Puts a request together, with the headers of its next hop.
    pub fn new(
        head: UpstreamRequestHead,
        mut body: LimitedBody,
        hop: &HopMode,
        read_timeout: Duration,
    ) -> UpstreamRequest {
        if let HopMode::Stream(..) = hop {
            // hyper does not tell what comes before the answer on a stream.
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

    /// Watches the body on its way.
    pub fn upload_progress(&self) -> UploadProgress {
        self.message.body().watch()
    }

    /// The same request once more, if sending it twice is as good as once.
    pub(super) fn try_clone(&self) -> Option<UpstreamRequest> {
        let message = &self.message;
        if !message.body().is_none() || !message.method().is_idempotent() || self.options.requests_upgrade {
            return None;
        }
        let mut again = Request::new(LimitedBody::default());
        *again.method_mut() = message.method().clone();
        *again.uri_mut() = message.uri().clone();
        *again.version_mut() = message.version();
        *again.headers_mut() = message.headers().clone();
        Some(UpstreamRequest { message: again, forwarding: self.forwarding.clone(), options: self.options })
    }
}

/// Origin form, and what frames the body.
fn set_http1_framing(message: &mut Request<LimitedBody>, target: PathAndQuery, hop: &HopMode) {
    *message.uri_mut() = Uri::from(target);
    *message.version_mut() = Version::HTTP_11;
    let has_body = !message.body().is_none();
    let headers = message.headers_mut();
    match headers.get(header::CONTENT_LENGTH).cloned() {
        // Once, although HTTP/2 lets clients say the same twice (RFC 9110 section 8.6).
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

/// Host and path become pseudo-headers (RFC 9113 section 8.3.1).
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
