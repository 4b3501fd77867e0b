//! A request as it goes to an application, and the client's body in it.

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::{self, Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::model::BodyLimit;
use crate::model::end_to_end::EndToEnd;
use crate::model::forgeable;
use crate::model::introduction::Introduction;
use crate::net::client_body::{ClientBody, ClientBodyError};
use crate::net::idle_timer::IdleTimer;

/// A request that an application can be sent.
pub struct UpstreamRequest {
    pub(super) message: Request<RequestBody>,
    /// Stands before the headers of the message; for a stream it is among them.
    pub(super) introduction: Option<Rc<Introduction>>,
    pub(super) terms: Terms,
}

/// What is agreed about an exchange beside the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) asks_to_switch: bool,
    /// Longest silence of the application.
    pub(super) read_timeout: Duration,
}

/// Method, path and headers of a request.
pub struct RequestHead {
    pub method: Method,
    pub target: PathAndQuery,
    pub headers: EndToEnd,
}

/// What this connection is to be used for, which decides the headers that belong to it alone.
#[derive(Debug, Clone)]
pub enum Hop {
    KeepAlive,
    /// Switch to this protocol, if the application agrees.
    Upgrade(HeaderValue),
    /// One stream of an HTTP/2 connection, whose scheme is told to the application.
    Stream(Scheme, TrailersWanted),
}

/// Whether the client takes trailers (RFC 9110 section 10.1.4). gRPC cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailersWanted {
    No,
    Yes,
}

/// The client's body on its way to the application.
#[derive(Default)]
pub struct RequestBody(Option<Box<Streaming>>);

/// What a route and a request demand of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyRules {
    pub limit: BodyLimit,
    /// Longest silence of the client.
    pub client_timeout: Duration,
    pub expects: Expectation,
}

/// Whether the client waits for a go-ahead before it sends its body (RFC 9110 section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    None,
    Continue,
}

/// What became of a body, for those who wait for the answer.
pub struct BodyWatch(Option<Rc<Fate>>);

/// Why a body could not be sent in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFailure {
    TooLarge,
    ClientTooSlow,
    ClientBrokeOff,
}

/// The same as an error on the way to the application.
#[derive(Debug)]
pub struct BodyError {
    failure: BodyFailure,
    /// Lets HTTP/2 end the application's stream with the client's own reason.
    cause: Option<ClientBodyError>,
}

struct Streaming {
    incoming: ClientBody,
    rules: BodyRules,
    silence: IdleTimer,
    /// Holds the body back until the application says 100, or enough time has passed for one that never
    /// does. Reading the body is what sends 100 to the client. So this leaves the go-ahead to the
    /// application, which may refuse the request before a byte of the body has been sent.
    gate: Option<Pin<Box<Sleep>>>,
    fate: Rc<Fate>,
}

#[derive(Default)]
struct Fate {
    passed: Cell<u64>,
    failure: Cell<Option<BodyFailure>>,
}

impl UpstreamRequest {
    /// Puts a request together, with the headers of its next hop.
    pub fn new(head: RequestHead, mut body: RequestBody, hop: &Hop, read_timeout: Duration) -> UpstreamRequest {
        if let Hop::Stream(..) = hop {
            // hyper does not tell what comes before the answer on a stream.
            body.go_ahead();
        }
        let mut message = Request::new(body);
        *message.method_mut() = head.method;
        let (introduction, headers) = match hop {
            Hop::Stream(..) => (None, head.headers.into_headers()),
            Hop::KeepAlive | Hop::Upgrade(_) => head.headers.into_lines(),
        };
        *message.headers_mut() = headers;
        match hop {
            Hop::Stream(scheme, trailers) => prepare_stream(&mut message, head.target, scheme.clone(), *trailers),
            Hop::KeepAlive | Hop::Upgrade(_) => prepare_connection(&mut message, head.target, hop),
        }
        let terms = Terms { asks_to_switch: matches!(hop, Hop::Upgrade(_)), read_timeout };
        UpstreamRequest { message, introduction, terms }
    }

    /// Watches the body on its way.
    pub fn watch(&self) -> BodyWatch {
        self.message.body().watch()
    }

    /// The same request once more, if sending it twice is as good as once.
    pub(super) fn repeatable(&self) -> Option<UpstreamRequest> {
        let message = &self.message;
        if message.body().0.is_some() || !message.method().is_idempotent() || self.terms.asks_to_switch {
            return None;
        }
        let mut again = Request::new(RequestBody::default());
        *again.method_mut() = message.method().clone();
        *again.uri_mut() = message.uri().clone();
        *again.version_mut() = message.version();
        *again.headers_mut() = message.headers().clone();
        Some(UpstreamRequest { message: again, introduction: self.introduction.clone(), terms: self.terms })
    }
}

/// Origin form, and what frames the body.
fn prepare_connection(message: &mut Request<RequestBody>, target: PathAndQuery, hop: &Hop) {
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
    if let Hop::Upgrade(protocol) = hop {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
}

/// Host and path become pseudo-headers (RFC 9113 section 8.3.1).
fn prepare_stream(
    message: &mut Request<RequestBody>,
    target: PathAndQuery,
    scheme: Scheme,
    trailers: TrailersWanted,
) {
    let host = message.headers_mut().remove(header::HOST);
    let authority = host.and_then(|host| Authority::from_maybe_shared(Bytes::from_owner(host)).ok());
    let mut parts = uri::Parts::default();
    (parts.scheme, parts.path_and_query) = (Some(scheme), Some(target.clone()));
    parts.authority = authority;
    *message.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| Uri::from(target));
    *message.version_mut() = Version::HTTP_2;
    if trailers == TrailersWanted::Yes {
        message.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

impl RequestBody {
    /// The client's body under the rules of its route. A body that has ended already is none.
    pub fn new(incoming: ClientBody, rules: BodyRules) -> RequestBody {
        if incoming.is_end_stream() {
            return RequestBody(None);
        }
        let gate = match rules.expects {
            Expectation::None => None,
            Expectation::Continue => Some(Box::pin(sleep(GO_AHEAD_PATIENCE))),
        };
        let silence = IdleTimer::new(rules.client_timeout);
        RequestBody(Some(Box::new(Streaming { incoming, rules, silence, gate, fate: Rc::default() })))
    }

    pub(super) fn watch(&self) -> BodyWatch {
        BodyWatch(self.0.as_ref().map(|body| body.fate.clone()))
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Holds it back no longer.
    pub(super) fn go_ahead(&mut self) {
        if let Some(body) = &mut self.0
            && body.gate.take().is_some()
        {
            body.silence.progress();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = &mut self.get_mut().0 else { return Poll::Ready(None) };
        let frame = ready!(body.poll_frame(cx));
        if let Some(Err(error)) = &frame {
            body.fate.failure.set(Some(error.failure));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|body| body.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |body| body.incoming.size_hint())
    }
}

impl Streaming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(gate) = &mut self.gate {
            ready!(gate.as_mut().poll(cx));
            self.gate = None;
            self.silence.progress();
        }
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.silence.poll_expired(cx));
                return Poll::Ready(Some(Err(BodyFailure::ClientTooSlow.into())));
            }
        };
        self.silence.progress();
        Poll::Ready(frame.map(|frame| self.check(frame)))
    }

    fn check(&self, frame: Result<Frame<Bytes>, ClientBodyError>) -> Result<Frame<Bytes>, BodyError> {
        let broke_off = |cause| BodyError { failure: BodyFailure::ClientBrokeOff, cause: Some(cause) };
        let mut frame = frame.map_err(broke_off)?;
        if let Some(trailers) = frame.trailers_mut() {
            forgeable::strip_trailers(trailers);
        }
        if let Some(data) = frame.data_ref() {
            let passed = self.fate.passed.get() + data.len() as u64;
            self.fate.passed.set(passed);
            if !self.rules.limit.allows(passed) {
                return Err(BodyFailure::TooLarge.into());
            }
        }
        Ok(frame)
    }
}

impl BodyWatch {
    /// Bytes that went to the application so far.
    pub fn uploaded(&self) -> u64 {
        self.0.as_ref().map_or(0, |fate| fate.passed.get())
    }

    pub(super) fn failure(&self) -> Option<BodyFailure> {
        self.0.as_ref().and_then(|fate| fate.failure.get())
    }
}

impl fmt::Display for BodyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BodyFailure::TooLarge => "it is larger than max_body",
            BodyFailure::ClientTooSlow => "the client sent nothing for client_timeout",
            BodyFailure::ClientBrokeOff => "the client broke off",
        })
    }
}

impl BodyError {
    pub(super) fn failure(&self) -> BodyFailure {
        self.failure
    }
}

impl From<BodyFailure> for BodyError {
    fn from(failure: BodyFailure) -> BodyError {
        BodyError { failure, cause: None }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

/// How long a body waits for an application that never says 100. Clients wait about as long by
/// themselves (RFC 9110 section 10.1.1 forbids them to wait for ever).
const GO_AHEAD_PATIENCE: Duration = Duration::from_secs(1);
