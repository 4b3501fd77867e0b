//! The request body sent to an upstream: limits and `Expect: 100-continue`.
//!
//! [`LimitedBody`] stores the body received from the client behind one pointer with an erased type (`dyn`). Module
//! `upstream` therefore knows no client type: it does not depend on the protocol or on the types of `downstream`,
//! and the connections of both protocols are compiled once, with one body type. A dynamic call for each frame is
//! the cost; a request without a body allocates nothing.

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

/// The client's request body under the limits of its route. `None` inside is an empty body.
#[derive(Default)]
pub struct LimitedBody(Option<Box<LimitedBodyInner<dyn ClientBody>>>);

/// A body of any client type, for use as `dyn`.
trait ClientBody: Body<Data = Bytes, Error = BoxError> + Unpin {}

impl<B: Body<Data = Bytes, Error = BoxError> + Unpin> ClientBody for B {}

type BoxError = Box<dyn Error + Send + Sync>;

/// Size limit, client timeout and `Expect` handling.
#[derive(Debug, Clone, Copy)]
pub struct RequestBodyPolicy {
    pub limit: BodyLimit,
    /// Limit of a pause of the client (nginx `client_body_timeout`).
    pub client_timeout: Duration,
    pub expects: Expect,
}

/// Whether the client sent `Expect: 100-continue` and waits for 100 before it sends the body (RFC 9110 section
/// 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    None,
    Continue,
}

/// Observes how many body bytes were sent and why sending failed.
pub struct UploadProgress(Option<Rc<UploadState>>);

/// Too large, client timeout, or client disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestBodyFailure {
    /// Larger than `max_request_body`.
    TooLarge,
    /// The client sent nothing for `client_timeout`.
    ClientTimeout,
    ClientDisconnected,
}

/// A request body failure as an error with its source.
#[derive(Debug)]
pub struct RequestBodyError {
    failure: RequestBodyFailure,
    /// Carries the client's HTTP/2 error code, with which the upstream's HTTP/2 stream is reset too.
    cause: Option<BoxError>,
}

/// State of a body that is not empty.
struct LimitedBodyInner<B: ?Sized> {
    policy: RequestBodyPolicy,
    client_timer: IdleTimer,
    /// Delays the body until the upstream sends 100, or [`CONTINUE_TIMEOUT`] expires. Reading the body sends 100 to
    /// the client, so the upstream decides, and may reject the request before the client has sent a body byte.
    continue_timer: Option<Pin<Box<Sleep>>>,
    state: Rc<UploadState>,
    body: B,
}

/// Bytes sent and the failure, shared with [`UploadProgress`].
#[derive(Default)]
struct UploadState {
    sent: Cell<u64>,
    failure: Cell<Option<RequestBodyFailure>>,
}

impl LimitedBody {
    /// Limits a client's body by the policy of its route. A body that has already ended counts as empty.
    pub fn new<B>(body: B, policy: RequestBodyPolicy) -> LimitedBody
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + 'static,
    {
        if body.is_end_stream() {
            return LimitedBody(None);
        }
        let continue_timer = match policy.expects {
            Expect::None => None,
            Expect::Continue => Some(Box::pin(sleep(CONTINUE_TIMEOUT))),
        };
        let client_timer = IdleTimer::new(policy.client_timeout);
        let body = body.map_err(Into::into);
        let state = Rc::default();
        LimitedBody(Some(Box::new(LimitedBodyInner { policy, client_timer, continue_timer, state, body })))
    }

    /// Returns a handle that observes the upload.
    pub(super) fn upload_progress(&self) -> UploadProgress {
        UploadProgress(self.0.as_ref().map(|body| body.state.clone()))
    }

    /// Returns whether the request has no body.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Stops waiting for `100 Continue`.
    pub(super) fn release(&mut self) {
        if let Some(body) = &mut self.0
            && body.continue_timer.take().is_some()
        {
            body.client_timer.reset();
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
            body.state.failure.set(Some(error.failure));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |inner| inner.body.size_hint())
    }
}

impl LimitedBodyInner<dyn ClientBody> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        if let Some(timer) = &mut self.continue_timer {
            ready!(timer.as_mut().poll(cx));
            self.continue_timer = None;
            self.client_timer.reset();
        }
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.client_timer.poll_expired(cx));
                return Poll::Ready(Some(Err(RequestBodyFailure::ClientTimeout.into())));
            }
        };
        self.client_timer.reset();
        Poll::Ready(frame.map(|frame| self.check(frame)))
    }

    /// Counts the bytes of a frame, enforces the size limit, and removes trailers that clients may not supply.
    fn check(&self, frame: Result<Frame<Bytes>, BoxError>) -> Result<Frame<Bytes>, RequestBodyError> {
        let disconnected =
            |cause| RequestBodyError { failure: RequestBodyFailure::ClientDisconnected, cause: Some(cause) };
        let mut frame = frame.map_err(disconnected)?;
        if let Some(trailers) = frame.trailers_mut() {
            untrusted::remove_untrusted_trailers(trailers);
        }
        if let Some(data) = frame.data_ref() {
            let sent = self.state.sent.get() + data.len() as u64;
            self.state.sent.set(sent);
            if !self.policy.limit.allows(sent) {
                return Err(RequestBodyFailure::TooLarge.into());
            }
        }
        Ok(frame)
    }
}

impl UploadProgress {
    /// Returns the number of body bytes sent to the upstream.
    pub fn uploaded(&self) -> u64 {
        self.0.as_ref().map_or(0, |state| state.sent.get())
    }

    /// Returns why the body failed; `None` if it did not.
    pub(super) fn failure(&self) -> Option<RequestBodyFailure> {
        self.0.as_ref().and_then(|state| state.failure.get())
    }
}

impl fmt::Display for RequestBodyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RequestBodyFailure::TooLarge => "larger than max_request_body",
            RequestBodyFailure::ClientTimeout => "no data from the client within client_timeout",
            RequestBodyFailure::ClientDisconnected => "the client disconnected",
        })
    }
}

impl RequestBodyError {
    /// Returns the failure without its source.
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

/// How long a body waits for an upstream that never sends 100. Clients use about the same limit: RFC 9110 section
/// 10.1.1 forbids them to wait indefinitely.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
