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

use super::error::{UpstreamConnectionError, UpstreamError};
use super::request::{ExchangeOptions, UpstreamRequest};
use super::request_body::{LimitedBody, UploadProgress};
use super::response::UpstreamResponse;
use body::{Http2ResponseBody, ReadTimeout};
use multiplexer::StreamPermit;

/// Why an exchange came to nothing.
pub(super) struct Http2SendError {
    pub(super) error: UpstreamError,
    /// The request, if nothing of it was written.
    unsent: Option<UpstreamRequest>,
}

/// hyper's error, which gives the request back when nothing of it was written.
type HyperSendError = TrySendError<Request<LimitedBody>>;

/// Sends a request and waits for the head of the answer.
pub(super) async fn send(
    claim: StreamPermit,
    request: UpstreamRequest,
) -> Result<UpstreamResponse<Http2ResponseBody>, Http2SendError> {
    let UpstreamRequest { message, options: terms, .. } = request;
    let mut silence = ReadTimeout::new(terms.read_timeout, message.body().watch());
    let sent = claim.sender().try_send_request(message);
    match await_head(sent, &mut silence).await {
        Some(Ok(response)) => {
            let body = |incoming| Http2ResponseBody::new(incoming, silence, claim);
            Ok(UpstreamResponse::Response(response.map(body)))
        }
        Some(Err(error)) => Err(Http2SendError::of_sending(error, silence.watch(), terms)),
        None => Err(Http2SendError::of(UpstreamError::ResponseTimeout)),
    }
}

/// `None` if the application stays silent.
async fn await_head<F>(sent: F, silence: &mut ReadTimeout) -> Option<Result<Response<Incoming>, HyperSendError>>
where
    F: Future<Output = Result<Response<Incoming>, HyperSendError>>,
{
    let mut sent = pin!(sent);
    poll_fn(|cx| match sent.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => silence.poll_expired(cx).map(|()| None),
    })
    .await
}

impl Http2SendError {
    /// The request to send once more, if that cannot make it happen twice; `spare` is a copy of one that
    /// may be repeated.
    pub(super) fn into_retry(self, spare: Option<UpstreamRequest>) -> Result<UpstreamRequest, UpstreamError> {
        match (self.unsent, self.error, spare) {
            (Some(request), ..) => Ok(request),
            (None, UpstreamError::Connection(_), Some(request)) => Ok(request),
            (None, error, _) => Err(error),
        }
    }

    fn of(error: UpstreamError) -> Http2SendError {
        Http2SendError { error, unsent: None }
    }

    fn of_sending(mut error: HyperSendError, watch: &UploadProgress, terms: ExchangeOptions) -> Http2SendError {
        if let Some(at_fault) = watch.failure() {
            return Http2SendError::of(UpstreamError::RequestBody(at_fault));
        }
        let again = |message| UpstreamRequest { message, forwarding: None, options: terms };
        let unsent = error.take_message().map(again);
        Http2SendError {
            unsent,
            error: UpstreamError::Connection(UpstreamConnectionError::Stream(error.into_error())),
        }
    }
}
