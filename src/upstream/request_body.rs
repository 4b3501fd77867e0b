//! The request body sent to an upstream: size limit, client inactivity and `Expect: 100-continue`.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::model::BodyLimit;
use crate::model::headers::untrusted;
use crate::net::idle_timer::IdleTimer;

/// The client's body on its way to the application.
#[derive(Default)]
pub struct RequestBody(Option<Box<Streaming<dyn Incoming>>>);

/// The body as it comes from whoever sends it. Behind a pointer, so that an upstream need not know which protocol a
/// client speaks; a request without a body has none.
trait Incoming: Body<Data = Bytes, Error = BoxError> + Unpin {}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Incoming for B {}

type BoxError = Box<dyn Error + Send + Sync>;

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
    cause: Option<BoxError>,
}

struct Streaming<B: ?Sized> {
    rules: BodyRules,
    silence: IdleTimer,
    /// Holds the body back until the application says 100, or enough time has passed for one that never
    /// does. Reading the body is what sends 100 to the client. So this leaves the go-ahead to the
    /// application, which may refuse the request before a byte of the body has been sent.
    gate: Option<Pin<Box<Sleep>>>,
    fate: Rc<Fate>,
    incoming: B,
}

#[derive(Default)]
struct Fate {
    passed: Cell<u64>,
    failure: Cell<Option<BodyFailure>>,
}

impl RequestBody {
    /// The client's body under the rules of its route. A body that has ended already is none.
    pub fn new<B>(incoming: B, rules: BodyRules) -> RequestBody
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + 'static,
    {
        if incoming.is_end_stream() {
            return RequestBody(None);
        }
        let gate = match rules.expects {
            Expectation::None => None,
            Expectation::Continue => Some(Box::pin(sleep(GO_AHEAD_PATIENCE))),
        };
        let silence = IdleTimer::new(rules.client_timeout);
        let incoming = incoming.map_err(Into::into);
        RequestBody(Some(Box::new(Streaming { rules, silence, gate, fate: Rc::default(), incoming })))
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

impl Streaming<dyn Incoming> {
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

    fn check(&self, frame: Result<Frame<Bytes>, BoxError>) -> Result<Frame<Bytes>, BodyError> {
        let broke_off = |cause| BodyError { failure: BodyFailure::ClientBrokeOff, cause: Some(cause) };
        let mut frame = frame.map_err(broke_off)?;
        if let Some(trailers) = frame.trailers_mut() {
            untrusted::strip_trailers(trailers);
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

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// How long a body waits for an application that never says 100. Clients wait about as long by
/// themselves (RFC 9110 section 10.1.1 forbids them to wait for ever).
const GO_AHEAD_PATIENCE: Duration = Duration::from_secs(1);
