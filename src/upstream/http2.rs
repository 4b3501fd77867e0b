//! One request and its answer, on one stream of an HTTP/2 connection.
//!
//! Both bodies and their trailers move independently of each other, so an answer may begin, and end, while
//! the request is still being sent. A stream that is dropped before its end is reset, and the application
//! stops working for a client that has left.

pub(super) mod body;
pub(super) mod multiplexer;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use super::error::{Breakage, UpstreamError};
use super::request::{Terms, UpstreamRequest};
use super::request_body::{BodyWatch, RequestBody};
use super::response::Answer;
use body::{Silence, StreamBody};
use multiplexer::Claim;

/// Why an exchange came to nothing.
pub(super) struct Failure {
    pub(super) error: UpstreamError,
    /// The request, if nothing of it was written.
    unsent: Option<UpstreamRequest>,
}

/// hyper's error, which gives the request back when nothing of it was written.
type SendError = TrySendError<Request<RequestBody>>;

/// Sends a request and waits for the head of the answer.
pub(super) async fn exchange(claim: Claim, request: UpstreamRequest) -> Result<Answer<StreamBody>, Failure> {
    let UpstreamRequest { message, terms, .. } = request;
    let mut silence = Silence::new(terms.read_timeout, message.body().watch());
    let sent = claim.sender().try_send_request(message);
    match await_head(sent, &mut silence).await {
        Some(Ok(response)) => {
            let body = |incoming| StreamBody::new(incoming, silence, claim);
            Ok(Answer::Response(response.map(body)))
        }
        Some(Err(error)) => Err(Failure::of_sending(error, silence.watch(), terms)),
        None => Err(Failure::of(UpstreamError::AnswerTimeout)),
    }
}

/// `None` if the application stays silent.
async fn await_head<F>(sent: F, silence: &mut Silence) -> Option<Result<Response<Incoming>, SendError>>
where
    F: Future<Output = Result<Response<Incoming>, SendError>>,
{
    let mut sent = pin!(sent);
    poll_fn(|cx| match sent.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => silence.poll_expired(cx).map(|()| None),
    })
    .await
}

impl Failure {
    /// The request to send once more, if that cannot make it happen twice; `spare` is a copy of one that
    /// may be repeated.
    pub(super) fn repeat(self, spare: Option<UpstreamRequest>) -> Result<UpstreamRequest, UpstreamError> {
        match (self.unsent, self.error, spare) {
            (Some(request), ..) => Ok(request),
            (None, UpstreamError::Broken(_), Some(request)) => Ok(request),
            (None, error, _) => Err(error),
        }
    }

    fn of(error: UpstreamError) -> Failure {
        Failure { error, unsent: None }
    }

    fn of_sending(mut error: SendError, watch: &BodyWatch, terms: Terms) -> Failure {
        if let Some(at_fault) = watch.failure() {
            return Failure::of(UpstreamError::RequestBody(at_fault));
        }
        let again = |message| UpstreamRequest { message, introduction: None, terms };
        let unsent = error.take_message().map(again);
        Failure { unsent, error: UpstreamError::Broken(Breakage::Stream(error.into_error())) }
    }
}
