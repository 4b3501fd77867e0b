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
pub struct LimitedBody(Option<Box<LimitedBodyInner<dyn Incoming>>>);

/// The body as it comes from whoever sends it. Behind a pointer, so that an upstream need not know which protocol a
/// client speaks; a request without a body has none.
trait Incoming: Body<Data = Bytes, Error = BoxError> + Unpin {}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> Incoming for B {}

type BoxError = Box<dyn Error + Send + Sync>;

/// What a route and a request demand of a body.
#[derive(Debug, Clone, Copy)]
pub struct RequestBodyPolicy {
    pub limit: BodyLimit,
    /// Longest silence of the client.
    pub client_timeout: Duration,
    pub expects: Expect,
}

/// Whether the client waits for a go-ahead before it sends its body (RFC 9110 section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    None,
    Continue,
}

/// What became of a body, for those who wait for the answer.
pub struct UploadProgress(Option<Rc<UploadState>>);

/// Why a body could not be sent in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBodyFailure {
    TooLarge,
    ClientTimeout,
    ClientDisconnected,
}

/// The same as an error on the way to the application.
#[derive(Debug)]
pub struct RequestBodyError {
    failure: RequestBodyFailure,
    /// Lets HTTP/2 end the application's stream with the client's own reason.
    cause: Option<BoxError>,
}

struct LimitedBodyInner<B: ?Sized> {
    rules: RequestBodyPolicy,
    silence: IdleTimer,
    /// Holds the body back until the application says 100, or enough time has passed for one that never
    /// does. Reading the body is what sends 100 to the client. So this leaves the go-ahead to the
    /// application, which may refuse the request before a byte of the body has been sent.
    gate: Option<Pin<Box<Sleep>>>,
    fate: Rc<UploadState>,
    incoming: B,
}

#[derive(Default)]
struct UploadState {
    passed: Cell<u64>,
    failure: Cell<Option<RequestBodyFailure>>,
}

impl LimitedBody {
    /// The client's body under the rules of its route. A body that has ended already is none.
    pub fn new<B>(incoming: B, rules: RequestBodyPolicy) -> LimitedBody
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + 'static,
    {
        if incoming.is_end_stream() {
            return LimitedBody(None);
        }
        let gate = match rules.expects {
            Expect::None => None,
            Expect::Continue => Some(Box::pin(sleep(CONTINUE_TIMEOUT))),
        };
        let silence = IdleTimer::new(rules.client_timeout);
        let incoming = incoming.map_err(Into::into);
        LimitedBody(Some(Box::new(LimitedBodyInner { rules, silence, gate, fate: Rc::default(), incoming })))
    }

    pub(super) fn watch(&self) -> UploadProgress {
        UploadProgress(self.0.as_ref().map(|body| body.fate.clone()))
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Holds it back no longer.
    pub(super) fn release(&mut self) {
        if let Some(body) = &mut self.0
            && body.gate.take().is_some()
        {
            body.silence.reset();
        }
    }
}

impl Body for LimitedBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
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

impl LimitedBodyInner<dyn Incoming> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        if let Some(gate) = &mut self.gate {
            ready!(gate.as_mut().poll(cx));
            self.gate = None;
            self.silence.reset();
        }
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.silence.poll_expired(cx));
                return Poll::Ready(Some(Err(RequestBodyFailure::ClientTimeout.into())));
            }
        };
        self.silence.reset();
        Poll::Ready(frame.map(|frame| self.check(frame)))
    }

    fn check(&self, frame: Result<Frame<Bytes>, BoxError>) -> Result<Frame<Bytes>, RequestBodyError> {
        let broke_off =
            |cause| RequestBodyError { failure: RequestBodyFailure::ClientDisconnected, cause: Some(cause) };
        let mut frame = frame.map_err(broke_off)?;
        if let Some(trailers) = frame.trailers_mut() {
            untrusted::remove_untrusted_trailers(trailers);
        }
        if let Some(data) = frame.data_ref() {
            let passed = self.fate.passed.get() + data.len() as u64;
            self.fate.passed.set(passed);
            if !self.rules.limit.allows(passed) {
                return Err(RequestBodyFailure::TooLarge.into());
            }
        }
        Ok(frame)
    }
}

impl UploadProgress {
    /// Bytes that went to the application so far.
    pub fn uploaded(&self) -> u64 {
        self.0.as_ref().map_or(0, |fate| fate.passed.get())
    }

    pub(super) fn failure(&self) -> Option<RequestBodyFailure> {
        self.0.as_ref().and_then(|fate| fate.failure.get())
    }
}

impl fmt::Display for RequestBodyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestBodyFailure::TooLarge => "it is larger than max_request_body",
            RequestBodyFailure::ClientTimeout => "the client sent nothing for client_timeout",
            RequestBodyFailure::ClientDisconnected => "the client broke off",
        })
    }
}

impl RequestBodyError {
    pub(super) fn failure(&self) -> RequestBodyFailure {
        self.failure
    }
}

impl From<RequestBodyFailure> for RequestBodyError {
    fn from(failure: RequestBodyFailure) -> RequestBodyError {
        RequestBodyError { failure, cause: None }
    }
}

impl fmt::Display for RequestBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl Error for RequestBodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// How long a body waits for an application that never says 100. Clients wait about as long by
/// themselves (RFC 9110 section 10.1.1 forbids them to wait for ever).
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
